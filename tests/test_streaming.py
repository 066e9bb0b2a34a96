"""Streams: one time step after the other, with the bits of whole sequences."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from time import sleep

import numpy as np
import pandas as pd
import pytest
from checks import run_python
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.layout import CELLS, POOLINGS
from sklstm.preprocessing import (
    SequenceImputer,
    SequenceScaler,
    SequenceSelector,
    SequenceUnion,
    TimeFeatures,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

F, LENGTHS = 3, (23, 9, 17, 23, 1, 5, 30, 12, 8, 19, 2)


def sequences(seed=0, gaps=0.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = [100 + 10 * rng.normal(size=(length, F)).cumsum(axis=0) for length in LENGTHS]
    return [np.where(rng.random(x.shape) < gaps, np.nan, x).astype(dtype) for x in X]


def targets(model, X):
    rng = np.random.default_rng(1)
    y = rng.normal(loc=1e6, size=(len(X), 2))
    if isinstance(model, LSTMClassifier):
        y = np.arange(len(X)) % 3
    if model.return_sequences:
        return [np.repeat(y[i : i + 1], len(x), axis=0) for i, x in enumerate(X)]
    return y


def predict(model, X):
    """The predictions for whole sequences, or for the last time steps of them."""
    y = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    last = model[-1] if isinstance(model, Pipeline) else model
    return np.array([rows[-1] for rows in y]) if last.return_sequences else y


def assert_same_bits(model, X, times=None):
    """Of one stream a sequence, and of all sequences together, at each of their time steps."""
    n, length = len(X), max(map(len, X))
    together, alone = sklstm.stream(model, n), [sklstm.stream(model) for _ in X]
    for t in range(length):
        so_far = [x[: t + 1] for x in X]
        if times is not None:
            so_far = as_sequences(so_far, times=[time[: t + 1] for time in times])
        expected = predict(model, so_far)
        lives = np.array([len(x) > t for x in X])
        now = np.array([x[min(t, len(x) - 1)] for x in X])
        clock = None if times is None else np.array([time[min(t, len(time) - 1)] for time in times])
        y = together.step(now, time=clock)
        assert y.dtype == np.float64
        assert_array_equal(y[lives], expected[lives])
        for i in np.flatnonzero(lives):
            assert_array_equal(alone[i].step(X[i][t], time=None if times is None else times[i][t]), expected[i])
    assert not np.array_equal(expected[0], expected[1])


NETWORKS = [
    *({"cell": cell, "hidden_layer_sizes": sizes} for cell in CELLS for sizes in [(7,), (8, 33, 5)]),
    *({"pooling": pooling, "hidden_layer_sizes": 17} for pooling in POOLINGS),
    {"return_sequences": True, "hidden_layer_sizes": (20, 6)},
    {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    {"skip_connection": True, "cell": "gru"},
    {"skip_connection": True, "pooling": "attention", "standardize": False},
    {"dtype": "float64", "pooling": "attention", "hidden_layer_sizes": (9, 4)},
]


@pytest.mark.parametrize("options", NETWORKS, ids=str)
@pytest.mark.parametrize("estimator", [LSTMRegressor, LSTMClassifier])
def test_the_bits_of_whole_sequences(estimator, options):
    model = estimator(**{"hidden_layer_sizes": 6, "max_iter": 2, "random_state": 0, **options})
    X = sequences()
    assert_same_bits(model.fit(X, targets(model, X)), X)


@pytest.mark.parametrize("cell", CELLS)
def test_values_that_decay(cell):
    model = LSTMClassifier((5, 4), cell=cell, missing="decay", max_iter=2, random_state=0)
    X = sequences(gaps=0.4)
    assert_same_bits(model.fit(X, targets(model, X)), X)


def odd_times(X, datetimes):
    times = [np.cumsum(np.random.default_rng(i).exponential(size=len(x))) for i, x in enumerate(X)]
    if datetimes:
        return [np.datetime64("2026-01-31") + (3.6e12 * time).astype("m8[ns]") for time in times]
    return times


@pytest.mark.parametrize("datetimes", [False, True])
def test_times_count_for_values_that_decay(datetimes):
    X = sequences(gaps=0.4)
    times = odd_times(X, datetimes)
    model = LSTMRegressor(5, missing="decay", return_sequences=True, max_iter=2, random_state=0)
    assert_same_bits(model.fit(as_sequences(X, times=times), targets(model, X)), X, times)


def test_tokens():
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 9, size=(length, 1)) for length in LENGTHS]
    y = np.arange(len(X)) % 3
    model = LSTMClassifier(6, embedding_dim=4, pooling="max", max_iter=2, random_state=0).fit(X, y)
    stream = model.stream()
    for t, token in enumerate([3, 8, 9, 1000, 0]):
        expected = model.predict_proba([np.array([3, 8, 9, 1000, 0])[: t + 1]])[0]
        assert_array_equal(stream.step(token), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        {"loss": "quantile", "quantile": 0.3},
        {"loss": "poisson"},
        {"loss": "gaussian_nll"},
        {"loss": "huber", "delta": 0.5},
        {"loss": "absolute_error", "standardize": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_losses(options, n_targets):
    X = sequences()
    y = np.random.default_rng(2).poisson(3.0, size=(len(X), n_targets or 1)).astype(float)
    y = y[:, 0] if n_targets is None else y
    assert_same_bits(LSTMRegressor(4, max_iter=2, random_state=0, **options).fit(X, y), X)


@pytest.mark.parametrize("n_classes", [2, 5, "multilabel"])
def test_probabilities(n_classes):
    X = sequences()
    y = np.arange(len(X)) % n_classes if n_classes != "multilabel" else np.eye(3, dtype=int)[np.arange(len(X)) % 3]
    assert_same_bits(LSTMClassifier(4, max_iter=2, random_state=0).fit(X, y), X)


PREPARATIONS = {
    "imputer and scaler": lambda: [SequenceImputer(), SequenceScaler("robust", clip=2.0)],
    "all that an imputer appends": lambda: [
        SequenceImputer(add_indicator=True, add_elapsed=True),
        SequenceScaler("quantile"),
    ],
    "elapsed on a scale": lambda: [SequenceImputer("mean", add_elapsed=True, elapsed_scale=3.0)],
    "constant": lambda: [SequenceImputer("constant", fill_value=-1.0), SequenceScaler("minmax")],
    "nested, and as it is": lambda: [
        make_pipeline("passthrough", make_pipeline(SequenceImputer())),
        SequenceUnion([("scaled", SequenceScaler()), ("rest", "passthrough")]),
    ],
    "times": lambda: [TimeFeatures(["time", "gap"]), SequenceImputer(fill_value=0.0)],
    "side by side": lambda: [
        SequenceUnion(
            [
                ("vital", make_pipeline(SequenceSelector([2, 0]), SequenceImputer(add_elapsed=True))),
                ("rest", make_pipeline(SequenceSelector(1), SequenceScaler(), SequenceImputer("constant"))),
            ]
        ),
    ],
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("with_times", [False, True])
@pytest.mark.parametrize("preparation", PREPARATIONS)
def test_pipelines(preparation, with_times, dtype):
    X = sequences(gaps=0.3, dtype=dtype)
    times = odd_times(X, datetimes=True) if with_times else None
    model = make_pipeline(*PREPARATIONS[preparation](), LSTMClassifier(6, max_iter=2, random_state=0))
    model.fit(as_sequences(X, times=times), np.arange(len(X)) % 2)
    assert_same_bits(model, X, times)


def test_a_fitted_search():
    X = sequences()
    search = GridSearchCV(LSTMRegressor(4, max_iter=2, random_state=0), {"cell": ["gru"]}, cv=2)
    search.fit(X, np.arange(len(X)))
    assert sklstm.stream(search).step(X[0][0]) == search.predict([X[0][:1]])[0]


@pytest.fixture(scope="module")
def model():
    X = sequences(gaps=0.3)
    return make_pipeline(
        SequenceImputer(add_elapsed=True), LSTMRegressor((6, 5), pooling="attention", max_iter=2, random_state=0)
    ).fit(X, np.arange(len(X)))


def test_reset(model):
    X = sequences(gaps=0.3)
    stream, once_more = sklstm.stream(model, 4), sklstm.stream(model, 4)
    for t in range(3):
        stream.step(np.array([x[t] for x in X[:4]]))
    assert stream.reset([1, 3]) is stream
    assert stream.n_steps.tolist() == [3, 0, 3, 0]
    y = stream.step(np.array([x[3] for x in X[:4]]))
    assert y[0] == model.predict([X[0][:4]])[0]
    assert y[1] == model.predict([X[1][3:4]])[0]
    stream.reset()
    first = np.array([x[0] for x in X[:4]])
    assert_array_equal(stream.step(first), once_more.step(first))


@pytest.mark.parametrize("through", ["state", "pickle", "deepcopy"])
def test_a_state_is_all_that_is_remembered(model, through, tmp_path):
    X = sequences(gaps=0.3)[0]
    stream = sklstm.stream(model)
    for x in X[:10]:
        stream.step(x)
    if through == "state":
        np.savez(tmp_path / "state.npz", **stream.state)
        other = sklstm.stream(model)
        other.state = np.load(tmp_path / "state.npz")
    else:
        other = pickle.loads(pickle.dumps(stream)) if through == "pickle" else copy.deepcopy(stream)
    for x in X[10:]:
        assert stream.step(x) == other.step(x)
    assert stream.step(X[0]) == other.step(X[0])
    assert other.step(X[1]) != stream.step(X[2])


def test_what_a_state_is_called(model):
    state = sklstm.stream(model, 2).state
    assert {"n_steps", "layer_0.h", "layer_0.c", "layer_1.h", "layer_1.c", "pooled", "attention"} < state.keys()
    assert state["layer_1.c"].shape == (2, 5)
    state["layer_1.c"][:] = 7  # a copy
    assert not sklstm.stream(model, 2).state["layer_1.c"].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: 3, "state must be a dict"),
        (lambda state: {**state, "layer_7.h": 0}, "state must be a dict of model, n_steps, layer_0.h"),
        (lambda state: {**state, "layer_0.h": state["layer_0.h"][:, :2]}, "layer_0.h.* must be of shape .2, 6."),
        (lambda state: {**state, "n_steps": state["n_steps"].astype(float)}, "n_steps.* dtype int64"),
        (lambda state: {**state, "model": state["model"] + np.uint8(1)}, "of a model with other weights"),
        (lambda state: {**state, "n_steps": state["n_steps"] - 3}, "n_steps.* from 0 on, got .-3 -3"),
        (lambda state: {**state, "layer_1.c": state["layer_1.c"] + np.float32(np.nan)}, "layer_1.c.* must be finite"),
        (lambda state: {**state, "pooled": state["pooled"] + np.float32(np.nan)}, "pooled.* must be finite"),
        (lambda state: {**state, "attention": state["attention"] + np.inf}, "attention.* must be finite"),
    ],
)
def test_states_of_other_streams(model, change, message):
    stream = sklstm.stream(model, 2)
    before = stream.state
    with pytest.raises(ValueError, match=message):
        stream.state = change(stream.state)
    for name, array in stream.state.items():
        assert_array_equal(array, before[name])


def test_a_stream_keeps_the_model_that_it_is_of():
    X = sequences()
    model = LSTMRegressor(4, max_iter=2, random_state=0).fit(X, np.arange(len(X)))
    expected, stream = model.predict([X[0][:1]])[0], model.stream()
    model.partial_fit(X, np.arange(len(X))[::-1])
    assert model.predict([X[0][:1]])[0] != expected
    assert stream.step(X[0][0]) == expected
    model.set_params(hidden_layer_sizes=9).fit(X, np.arange(len(X)))
    assert stream.reset().step(X[0][0]) == expected


@pytest.mark.parametrize("nested", [False, True])
def test_a_stream_keeps_the_pipeline_that_it_is_of(nested):
    X, y = sequences(gaps=0.3), np.arange(len(LENGTHS))
    steps = [make_pipeline("passthrough", SequenceImputer()) if nested else SequenceImputer(), SequenceScaler()]
    model = make_pipeline(*steps, LSTMRegressor(4, max_iter=2, random_state=0)).fit(X, y)
    stream, row = sklstm.stream(model), [np.nan, 90.0, np.nan]
    expected = model.predict([[row]])[0]
    model.fit([3 * x for x in X], y)
    imputer = model[0][1] if nested else model[0]
    imputer.set_params(strategy="constant", fill_value=9.0)
    assert model.predict([[row]])[0] != expected
    assert stream.step(row) == expected


def test_steps_must_go_with_the_model():
    X, y = sequences(gaps=0.3), np.arange(len(LENGTHS))
    model = LSTMRegressor(4, max_iter=1).fit(sequences(), y)
    with pytest.raises(ValueError, match="not fitted yet"):
        sklstm.stream(make_pipeline(SequenceImputer(), model))
    with pytest.raises(ValueError, match="return 6 features, but it was fitted to 3: fit the pipeline as a whole"):
        sklstm.stream(make_pipeline(SequenceImputer(add_indicator=True).fit(X), model))


def test_streams_in_threads(monkeypatch):
    """Some of which share their steps among threads of their own."""
    monkeypatch.setattr("sklstm.network_stream.LEAST_PARALLEL", 1)
    X = sequences()
    model = LSTMRegressor(16, max_iter=2, random_state=0, n_jobs=2).fit(X, np.arange(len(X)))
    expected = model.predict(X)

    def run(i):
        for n_streams in [1, 40]:
            stream = model.stream(n_streams)
            for x in X[i]:
                y = stream.step(np.tile(x, (n_streams, 1)))
            assert_array_equal(y, expected[i])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, list(range(len(X))) * 8))


def test_one_stream_in_many_threads(model, monkeypatch):
    """Its steps are taken one after the other."""
    stream, x, inside, at_once = sklstm.stream(model, 100), np.ones((100, 3)), [], []
    step = stream._network.step

    def slow_step():
        inside.append(None)
        at_once.append(len(inside))
        sleep(0.002)  # lets the others in
        step()
        inside.pop()

    monkeypatch.setattr(stream._network, "step", slow_step)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: stream.step(x), range(40)))
    assert at_once == [1] * 40
    assert stream.n_steps.tolist() == [40] * 100


def test_no_memory_is_allocated():
    """In a process of its own, in which nothing else allocates."""
    program = """
import tracemalloc
import warnings
import numpy as np
from sklstm import LSTMClassifier
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(30, 5, 3))
model = LSTMClassifier((16, 8), pooling="attention", max_iter=2, random_state=0).fit(X, np.arange(30) % 3)
stream, x, out = model.stream(1000), np.tile(X[0, 0], (1000, 1)), np.empty((1000, 3))
stream.step(x, out=out)
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
for _ in range(1000):
    stream.step(x, out=out)
after, peak = tracemalloc.get_traced_memory()
print(after - before < 1000, peak - before < 1000)  # the arguments of a call, no array
"""
    assert run_python(program) == "True True"


def test_shapes_of_steps_and_predictions():
    X = sequences()
    model = LSTMRegressor(4, max_iter=2, random_state=0).fit([x[:, :1] for x in X], np.arange(len(X)))
    for x, shape in [(1.0, ()), ([1.0], ()), (np.ones((1, 1), dtype=np.int8), (1,)), (np.float16(1), ())]:
        y = model.stream().step(x)
        assert np.shape(y) == shape
        assert y == model.predict([np.ones((1, 1))])[0]
    for x in [np.ones(3), np.ones((3, 1), dtype=">f8"), np.ones((6, 1), order="F")[::2]]:
        assert model.stream(3).step(x).shape == (3,)
    out = np.empty(3)
    assert model.stream(3).step(np.ones(3), out=out) is out
    assert isinstance(model.stream().step(1.0), float)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([[1, 2]], r"x must hold one time step, of shape \(3,\), 3 features, got shape \(2,\)"),
        ([np.ones((5, 3))], r"got shape \(5, 3\)"),
        ([[1, np.nan, 2]], "x contains NaN: feature 1. Fill gaps"),
        ([[1, 2, np.inf]], "x contains infinity: feature 2"),
        ([["a", "b", "c"]], "x must hold real numbers, but feature 0 is 'a'"),
        ([[1, 2.5, "n/a"]], "x must hold real numbers, but feature 2 is 'n/a'"),
        ([[1, 2j, 3]], "x must hold real numbers, but feature 1 is 2j"),
        ([[1, date(2026, 1, 1), 3]], "x must hold real numbers, but feature 1 is datetime.date"),
        ([[1, 10**400, 3]], "x must hold real numbers, but feature 1 is 1000"),
        ([["a", "b"]], "x must hold real numbers, got dtype"),
        ([[1, pd.NA, 2]], "x contains NaN: feature 1"),
        ([np.ma.masked_equal([1, 2, 3], 2)], "x is a masked array"),
        ([np.ones(3), None, np.empty(2)], r"out must be a writeable array of float64 of shape \(\)"),
        ([np.ones(3), None, np.empty((), dtype=np.float32)], "out must be a writeable array of float64"),
        ([np.ones(3), None, [0.0]], "out must be a writeable array of float64"),
        ([np.ones(3), None, np.broadcast_to(0.0, ())], "out must be a writeable array of float64"),
    ],
)
def test_wrong_steps_leave_a_stream_as_it_was(arguments, message):
    X = sequences()
    model = LSTMRegressor(4, max_iter=2, random_state=0).fit(X, np.arange(len(X)))
    stream = model.stream()
    stream.step(X[0][0])
    with pytest.raises(ValueError, match=message):
        stream.step(*arguments)
    assert stream.step(X[0][1]) == model.predict([X[0][:2]])[0]


def test_wrong_steps_leave_a_pipelines_stream_as_it_was():
    X = sequences(gaps=0.3)
    model = make_pipeline(SequenceImputer(add_elapsed=True), LSTMRegressor(4, max_iter=2, random_state=0))
    model.fit(X, np.arange(len(X)))
    stream = sklstm.stream(model, 2)
    rows = np.array([x[:2] for x in X[:2]])
    stream.step(rows[:, 0], time=0)
    for x, time, message in [
        ([[1, 2, 3], [1, -np.inf, 3]], 1, "x contains infinity: feature 1 of stream 1"),
        (rows[:, 1], None, "time must be of one kind"),
        (rows[:, 1], [1, -1], "time must not go back: in stream 1"),
        (rows[:, 1], np.datetime64("2026-01-01"), "time must be of one kind"),
        (rows[:, 1], [1, np.nan], "time must be known"),
        (rows[:, 1], 2**53 + 1, "float64 holds"),
        (rows[:, 1], "noon", "time must be a number or a datetime"),
        (rows[:, 1], [{}, None], "time must be a number or a datetime"),
        (rows[:, 1], [date(2026, 1, 1), 2], "time must be a number or a datetime"),
        (rows[:, 1], pd.NaT, "time must be a number or a datetime"),
        (rows[:, 1], [1, 2, 3], "time must be a number or a datetime, or 2 of them"),
    ]:
        with pytest.raises(ValueError, match=message):
            stream.step(x, time=time)
    expected = model.predict(as_sequences([x[:2] for x in X[:2]], times=[[0, 1], [0, 2.5]]))
    assert_array_equal(stream.step(rows[:, 1], time=[1, 2.5]), expected)


def test_what_cannot_stream():
    X = sequences(gaps=0.3)
    y = np.arange(len(X))
    for steps, message in [
        ([SequenceImputer(), LSTMRegressor(4, bidirectional=True, max_iter=1)], "bidirectional=True reads sequences"),
        ([SequenceImputer("linear"), LSTMRegressor(4, max_iter=1)], "draws a line to a value"),
        (
            [FunctionTransformer(list), SequenceImputer(), LSTMRegressor(4, max_iter=1)],
            "FunctionTransformer cannot",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            sklstm.stream(make_pipeline(*steps).fit(X, y))
    model = LSTMRegressor(4, max_iter=1)
    with pytest.raises(ValueError, match="not fitted"):
        model.stream()
    model.fit(sequences(), y)
    for n_streams in [0, -1, 1.0, True, "2"]:
        with pytest.raises(ValueError, match="n_streams must be"):
            model.stream(n_streams)


def test_names_of_features_count():
    X = np.random.default_rng(0).normal(size=(9, 4, 3))
    model = LSTMRegressor(4, max_iter=1).fit(as_sequences(X, feature_names=["HR", "SBP", "O2"]), np.arange(9))
    expected, row = model.predict(X[:1, :1])[0], dict(zip(["HR", "SBP", "O2"], X[0, 0], strict=True))
    backwards = dict(reversed(row.items()))
    for x in [row, backwards, pd.Series(row), pd.DataFrame([row])]:
        assert model.stream().step(x) == expected
    assert model.stream().feature_names_in_.tolist() == ["HR", "SBP", "O2"]
    for x in [pd.Series(backwards), pd.DataFrame([backwards])]:
        with pytest.raises(ValueError, match=r"in the order of fit: take x\[\['HR', 'SBP', 'O2'\]\]"):
            model.stream().step(x)
    for x in [{**row, "age": 3}, {"HR": 80.0}, {1: 2}, pd.Series(X[0, 0])]:
        with pytest.raises(ValueError, match="x must have the features that fit had, HR, SBP, O2, got"):
            model.stream().step(x)
    with pytest.raises(ValueError, match=r"feature 'SBP' is 'n/a'\."):
        model.stream().step({**row, "SBP": "n/a"})
    with pytest.raises(ValueError, match=r"feature 'SBP' of stream 1 is 'n/a'\."):
        model.stream(2).step(pd.DataFrame([row, {**row, "SBP": "n/a"}]))
    with pytest.raises(ValueError, match=r"x is a list of dicts: pass a data frame, pd.DataFrame\(rows\)"):
        model.stream(2).step([row, row])
    with pytest.raises(ValueError, match="x is a dict, but there are several streams"):
        model.stream(3).step(dict.fromkeys(row, X[:3, 0, 0]))
    with pytest.raises(ValueError, match="fitted to features without names"):
        model.fit(X, np.arange(9)).stream().step(row)


@pytest.mark.parametrize(
    ("streams", "left"),
    [
        (None, [0, 0, 0]),
        (0, [0, 1, 1]),
        (-1, [1, 1, 0]),
        (np.int64(1), [1, 0, 1]),
        ((), [1, 1, 1]),
        ([], [1, 1, 1]),
        ((0, 2), [0, 1, 0]),
        ((True, False, True), [0, 1, 0]),
        (slice(1, None), [1, 0, 0]),
    ],
)
def test_which_streams_are_reset(model, streams, left):
    assert sklstm.stream(model, 3).reset().n_steps.tolist() == [0, 0, 0]
    stream = sklstm.stream(model, 3)
    stream.step(np.ones((3, 3)))
    assert stream.reset(streams).n_steps.tolist() == left


@pytest.mark.parametrize("streams", [5, [0, 3], True, 1.0, "all", [[0, 1]], [True, False], ...])
def test_who_is_reset_must_be_there(model, streams):
    with pytest.raises(ValueError, match="must be numbers of some of the 3 streams"):
        sklstm.stream(model, 3).reset(streams)


class Interrupted:
    """What an array does if Ctrl-C comes once while a part of it is set."""

    def __init__(self, array):
        self.array, self.interrupts = array, 1

    def __setitem__(self, which, value):
        self.array[which] = value
        self.interrupts -= 1
        if self.interrupts >= 0:
            raise KeyboardInterrupt


def test_an_interrupted_reset_is_a_whole_one(model):
    stream = sklstm.stream(model)
    for x in sequences(gaps=0.3)[0][:5]:
        stream.step(x)
    stream._remembered["n_steps"] = Interrupted(stream._remembered["n_steps"])
    with pytest.raises(KeyboardInterrupt):
        stream.reset()
    for name, array in stream._remembered.items():
        assert_array_equal(getattr(array, "array", array), stream._fresh[name])


def test_ctrl_c_after_the_network_undoes_nothing(model, monkeypatch):
    X = sequences(gaps=0.3)[0]
    stream, other = sklstm.stream(model), sklstm.stream(model)
    step = stream._network.step

    def interrupted_step():
        step()
        raise KeyboardInterrupt

    other.step(X[0])
    with monkeypatch.context() as patch:
        patch.setattr(stream._network, "step", interrupted_step)
        with pytest.raises(KeyboardInterrupt):
            stream.step(X[0])
    for x in X[1:]:
        assert stream.step(x) == other.step(x)


def test_a_stream_says_what_it_is(model):
    assert repr(sklstm.stream(model, 3)) == "<Stream of 3: LSTMRegressor, 3 features>"


def test_times_may_be_datetimes_of_python():
    X = sequences(gaps=0.3)
    model = make_pipeline(TimeFeatures(["time", "gap"]), SequenceImputer(), LSTMRegressor(4, max_iter=1))
    model.fit(X, np.arange(len(X)))
    streams = [sklstm.stream(model) for _ in range(3)]
    begin = datetime(2026, 2, 28, 23, 59)
    for hours, x in enumerate(X[0]):
        now = begin + timedelta(hours=hours)
        y = streams[0].step(x, time=now)
        assert y == streams[1].step(x, time=np.datetime64(now))
        assert y == streams[2].step(x, time=now.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=-7))))
    assert streams[0].state["time.last"] - streams[0].state["time.start"] == 3.6e9 * (len(X[0]) - 1)


def test_times_may_be_dates():
    X = sequences(gaps=0.3)
    model = make_pipeline(TimeFeatures(["gap"]), SequenceImputer(), LSTMRegressor(4, max_iter=1))
    dates, midnights = sklstm.stream(model.fit(X, np.arange(len(X))), 2), sklstm.stream(model, 2)
    for day, x in enumerate(zip(*X[:2], strict=False), start=1):
        x = np.array(x)
        y = dates.step(x, time=[date(2026, 3, day), date(2026, 4, day)])
        midnight = np.array([f"2026-03-{day:02}", f"2026-04-{day:02}"], dtype="M8[D]")
        assert_array_equal(y, midnights.step(x, time=midnight))
    assert (dates.state["time.last"] - dates.state["time.start"] == 24 * 3.6e9 * (day - 1)).all()


def test_times_go_with_those_of_fit():
    X = sequences(gaps=0.3)
    times, y = odd_times(X, datetimes=False), np.arange(len(X))
    model = LSTMRegressor(4, missing="decay", max_iter=1)
    with pytest.raises(ValueError, match="those of fit had none"):
        model.fit(X, y).stream().step(X[0][0], time=0.0)
    with pytest.raises(ValueError, match="pass time, as the sequences of fit had"):
        model.fit(as_sequences(X, times=times), y).stream().step(X[0][0])
