"""ONNX graphs of transformers and of pipelines, through `to_onnx` and through skl2onnx."""

import numpy as np
import onnx
import pytest
import skl2onnx
from checks import slow_to_converge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from test_to_onnx import LENGTHS, T, assert_close, assert_equal, labels, outputs, padded, session, targets

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences, to_onnx
from sklstm.export import register_skl2onnx
from sklstm.preprocessing import SequenceFeatures, SequenceImputer, SequenceScaler, SequenceSelector, SequenceUnion

pytestmark = slow_to_converge


def through(steps, X, lengths=None):
    """What the graph of transformers, without a model, makes of X."""
    register_skl2onnx()
    kind = {"f4": "FloatTensorType", "f8": "DoubleTensorType"}[X.dtype.str[1:]]
    kinds = skl2onnx.common.data_types
    types = [("X", getattr(kinds, kind)([None, *X.shape[1:]]))]
    types += [] if lengths is None else [("sequence_lens", kinds.Int32TensorType([None]))]
    graph = skl2onnx.convert_sklearn(steps, initial_types=types, target_opset=15)
    onnx.checker.check_model(graph, full_check=True)
    return next(iter(outputs(session(graph), X, lengths).values()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", ["standard", "robust", "minmax", "quantile"])
@pytest.mark.parametrize("clip", [None, 1.2])
def test_scaler(method, clip, dtype):
    X = padded(gaps=0.2).astype(dtype)
    X[:, :, 1] = np.round(X[:, :, 1])  # with ties
    X[:, :, 2] = 0 * X[:, :, 2] + 4  # without a spread
    scaler = SequenceScaler(method, clip=clip).fit(X)
    X = np.concatenate([X, 3 * X, -X, X + np.float32(1e-8)])
    found, expected = through(scaler, X), scaler.transform(X)
    assert found.dtype == expected.dtype == dtype
    assert_close(found, padded_like(expected, X))


def padded_like(sequences, X):
    """As the array X is: Sequences know no padding at the end of all."""
    array = np.full((*X.shape[:2], sequences.n_features), np.nan)
    array[:, : sequences.lengths.max()] = sequences.to_array()
    return array


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_quantiles_of_many_values(dtype):
    X = np.random.RandomState(0).standard_cauchy(size=(50, 60, 2)).astype(dtype)
    scaler = SequenceScaler("quantile").fit(X)
    below, largest = scaler.scaler_.quantiles_[-2:]
    near_the_end = below + (largest - below) * (1 - np.logspace(-6, 0, 60))[:, np.newaxis]
    X = np.concatenate([1.1 * X, near_the_end[np.newaxis]]).astype(dtype)
    assert_close(through(scaler, X), scaler.transform(X).to_array())


@pytest.mark.parametrize("options", [{}, {"add_indicator": True}, {"add_elapsed": True, "elapsed_scale": 3.0}], ids=str)
@pytest.mark.parametrize("strategy", ["forward", "mean", "linear", "constant"])
@pytest.mark.parametrize("fill_value", [None, 2.5])
def test_imputer(strategy, fill_value, options):
    X = padded(gaps=0.6)
    X[:, :, 0] = np.where(np.isnan(X).all(axis=2), np.nan, 1)  # as good as always there
    imputer = SequenceImputer(strategy, fill_value=fill_value, **options).fit(X)
    sequences = as_sequences(X)
    assert_close(through(imputer, X), padded_like(imputer.transform(X), X))
    gaps_at_the_end = [x[:length] for x, length in zip(X, LENGTHS, strict=True)]
    expected = imputer.transform(gaps_at_the_end)
    assert not np.array_equal(expected.lengths, sequences.lengths)
    X[np.arange(T) >= LENGTHS[:, np.newaxis]] = 7
    assert_close(through(imputer, X, LENGTHS), padded_like(expected, X))


@pytest.mark.parametrize("method", ["standard", "robust", "minmax", "quantile"])
def test_a_large_mean_keeps_its_digits_through_a_scaler(method):
    X = padded() + np.float32(1e5)
    scaler = SequenceScaler(method).fit(X)
    assert_close(through(scaler, X), padded_like(scaler.transform(X), X))


REFUSERS = {
    "clip": [SequenceScaler(clip=2.0)],
    "quantile": [SequenceScaler("quantile")],
    "selector": [SequenceSelector([0, 2])],
    "union": [SequenceUnion([("one", SequenceSelector([0])), ("other", SequenceSelector([2]))])],
    "imputer": [SequenceImputer(), SequenceScaler()],
}


@pytest.mark.parametrize("steps", REFUSERS.values(), ids=REFUSERS)
def test_what_predict_refuses_has_no_prediction_behind_transformers(steps):
    X = padded([T] * 6)
    times = np.tile(np.arange(T, dtype=np.float64), (6, 1))
    model = make_pipeline(*steps, LSTMRegressor(4, max_iter=2)).fit(as_sequences(X, times=times), targets(X))
    expected = model.predict(as_sequences(X, times=times))
    X[0, 2, 1], X[1, 5, 1], times[3, 4], times[4, 2] = np.inf, -np.inf, 0, np.nan
    expected[[0, 1, 3, 4]] = np.nan
    assert_close(outputs(session(model, times=True), X, times=times)["predictions"], expected)


def test_elapsed_times_are_those_that_are_passed():
    X = padded(gaps=0.5)
    times = np.cumsum(np.random.RandomState(0).exponential(size=X.shape[:2]), axis=1)
    sequences = as_sequences(X, times=times)
    for strategy in ["forward", "linear"]:
        steps = make_pipeline(
            SequenceImputer(strategy, add_elapsed=True), SequenceScaler(), LSTMRegressor(4, max_iter=2)
        )
        model = steps.fit(sequences, targets(X))
        assert_close(outputs(session(model, times=True), X, times=times)["predictions"], model.predict(sequences))


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        (SequenceImputer("mean", add_elapsed=True), True),
        (SequenceUnion([("one", make_pipeline(SequenceScaler(), SequenceImputer("linear")))]), True),
        (SequenceImputer(add_indicator=True), False),
    ],
    ids=["elapsed", "linear", "neither"],
)
def test_times_are_asked_for_where_they_count(step, counts):
    X = padded(gaps=0.3)
    times = np.tile(2.0 * np.arange(T), (len(X), 1))
    for sequences, has_times in [(as_sequences(X, times=times), counts), (X, False)]:
        model = make_pipeline(step, LSTMRegressor(4, max_iter=1)).fit(sequences, targets(X))
        assert ("times" in [each.name for each in session(model).get_inputs()]) is has_times


PIPELINES = {
    "imputer, scaler": make_pipeline(SequenceImputer(add_indicator=True), SequenceScaler("robust", clip=2.0)),
    "scaler, imputer": make_pipeline(SequenceScaler("minmax"), SequenceImputer("linear")),
    "union": make_pipeline(
        SequenceUnion(
            [
                ("some", make_pipeline(SequenceSelector([2, 0]), SequenceImputer(add_elapsed=True))),
                ("none", "drop"),
                (
                    "third",
                    make_pipeline(
                        SequenceImputer(), SequenceUnion([("all", "passthrough"), ("first", SequenceSelector(0))])
                    ),
                ),
                ("other", make_pipeline(SequenceSelector([1]), SequenceScaler(), SequenceImputer("mean"))),
            ]
        ),
        SequenceScaler(),
    ),
}


@pytest.mark.parametrize("steps", PIPELINES.values(), ids=PIPELINES)
@pytest.mark.parametrize("Estimator", [LSTMRegressor, LSTMClassifier])
def test_pipelines(steps, Estimator):
    X = padded(gaps=0.3)
    lengths = as_sequences(X).lengths
    y = targets(X) if Estimator is LSTMRegressor else labels(X, ["no", "yes"])
    model = make_pipeline(*[step for _, step in steps.steps], Estimator(4, max_iter=3, random_state=0)).fit(X, y)
    assert_equal(model, X, lengths)
    # As skl2onnx itself converts it, with padding alone.
    register_skl2onnx()
    types = [("X", skl2onnx.common.data_types.FloatTensorType([None, None, X.shape[2]]))]
    X = X[:, :5]  # and no number of time steps of its own
    found = outputs(session(skl2onnx.to_onnx(model, initial_types=types, target_opset=18)), X)
    if Estimator is LSTMRegressor:
        assert_close(found["predictions"], model.predict(X))
    else:
        assert_close(found["probabilities"], model.predict_proba(X))


def test_steps_that_do_nothing():
    X = padded(gaps=0.3)
    part = make_pipeline("passthrough", SequenceSelector([1]), "passthrough")
    steps = make_pipeline(make_pipeline(SequenceImputer(), None), SequenceUnion([("one", part)]), "passthrough")
    assert_equal(make_pipeline(steps, LSTMRegressor(4, max_iter=2)).fit(X, targets(X)), X, as_sequences(X).lengths)


@pytest.mark.parametrize("whole", [False, True])
def test_options_that_skl2onnx_wants_of_classifiers(whole):
    X = padded()
    model = make_pipeline(SequenceScaler(), LSTMClassifier(4, max_iter=2)).fit(X, labels(X, [0, 1]))
    register_skl2onnx()
    options = {"zipmap": False} if whole else {id(model[-1]): {"zipmap": False}}
    found = outputs(session(skl2onnx.to_onnx(model, X[:1], target_opset=18, options=options)), X)
    assert_close(found["probabilities"], model.predict_proba(X))


def test_each_step_of_a_pipeline():
    X = padded(gaps=0.3)
    lengths = as_sequences(X).lengths
    lstm = LSTMRegressor(4, return_sequences=True, max_iter=3, random_state=0)
    model = make_pipeline(SequenceImputer(), lstm).fit(X, targets(X, by_step=True))
    found = outputs(session(model), X)["predictions"]
    expected = model.predict(X)  # a list
    for one, other, length in zip(found, expected, lengths, strict=True):
        assert_close(one[:length], other)
        assert np.isnan(one[length:]).all()


def test_a_search():
    X = padded()
    pipeline = make_pipeline(SequenceScaler(), LSTMRegressor(4, max_iter=2, random_state=0))
    search = GridSearchCV(pipeline, {"lstmregressor__cell": ["gru", "rnn"]}, cv=2).fit(X, targets(X))
    assert_equal(search, X)


def test_a_model_in_a_table_of_one_feature_with_gaps():
    X = padded([T] * 20, n_features=1, gaps=0.3)[:, :, 0]
    X[0, -2:] = np.nan  # gaps, in a table
    model = make_pipeline(SequenceImputer(), SequenceScaler(), LSTMRegressor(4, max_iter=2)).fit(
        X, np.nansum(X, axis=1)
    )
    assert_close(outputs(session(model), X)["predictions"], model.predict(X))


@pytest.mark.parametrize("target_opset", [13, 15, 18, 21])
def test_opsets(target_opset):
    X = padded(gaps=0.3)
    pipeline = make_pipeline(SequenceImputer(), SequenceScaler("quantile", clip=2.0))
    model = make_pipeline(*pipeline, LSTMRegressor(4, pooling="max", max_iter=2)).fit(X, targets(X))
    found = outputs(session(model, target_opset=target_opset), X)["predictions"]
    assert_close(found, model.predict(X))


@pytest.mark.parametrize("target_opset", [13, 15])
@pytest.mark.parametrize(
    "imputer",
    [
        SequenceImputer(),
        SequenceImputer("linear"),
        SequenceImputer("mean", add_elapsed=True),
        SequenceUnion([("last", SequenceImputer()), ("line", SequenceImputer("linear"))]),
        "passthrough",
    ],
    ids=["forward", "linear", "elapsed", "union", "decay"],
)
def test_loops_behind_what_hides_the_number_of_axes(imputer, target_opset):
    X = padded(gaps=0.3)
    decay = {"missing": "decay"} if imputer == "passthrough" else {}
    model = make_pipeline(SequenceScaler("quantile"), imputer, LSTMRegressor(4, max_iter=2, **decay))
    model.fit(X, targets(X))
    assert_close(outputs(session(model, target_opset=target_opset), X)["predictions"], model.predict(X))
    table = padded([T] * 20, n_features=1, gaps=0.3)[:, :, 0]
    model.set_params(sequencescaler=StandardScaler()).fit(table, np.nansum(table, axis=1))
    assert_close(outputs(session(model, target_opset=target_opset), table)["predictions"], model.predict(table))


def test_a_step_that_cannot_be_converted_is_named():
    X = padded()
    flat = make_pipeline(SequenceFeatures(["mean"]), LSTMRegressor(4, max_iter=2)).fit(X, targets(X))
    with pytest.raises(ValueError, match=r"The step SequenceFeatures.* cannot be converted to ONNX"):
        to_onnx(flat)
    union = SequenceUnion([("all", make_pipeline(SequenceSelector([0]), Doubled()))])
    with pytest.raises(ValueError, match=r"The step Doubled\(\) cannot be converted"):
        to_onnx(make_pipeline(union, LSTMRegressor(4, max_iter=2)).fit(X, targets(X)))


def test_unions_of_which_a_part_hands_everything_on():
    X = padded()
    nothing = SequenceUnion([("all", "passthrough")])
    union = SequenceUnion([("all", nothing), ("first", SequenceSelector([0]))])
    assert_equal(make_pipeline(union, LSTMRegressor(4, max_iter=2)).fit(X, targets(X)), X)
    union = SequenceUnion([("all", nothing), ("again", nothing)])
    with pytest.raises(ValueError, match=r"SequenceUnion\((.|\n)*\) only repeats features: leave it out"):
        to_onnx(make_pipeline(union, LSTMRegressor(4, max_iter=2)).fit(X, targets(X)))


def test_what_skl2onnx_cannot_convert_is_said():
    X = padded([T] * 20, n_features=1)[:, :, 0]
    scaler = QuantileTransformer(n_quantiles=5, output_distribution="normal")
    model = make_pipeline(scaler, LSTMRegressor(4, max_iter=2)).fit(X, X.sum(axis=1))
    with pytest.raises(ValueError, match=r"QuantileTransformer(.|\n)* cannot be converted to ONNX: .*normal"):
        to_onnx(model)


class Doubled(SequenceScaler):
    """A transformer of somebody's own."""


def test_steps_for_tables_come_first():
    X = padded([T] * 20, n_features=1)[:, :, 0]
    model = make_pipeline(SequenceScaler(), StandardScaler(), LSTMRegressor(4, max_iter=2)).fit(X, X.sum(axis=1))
    with pytest.raises(ValueError, match=r"The step StandardScaler\(\), which knows nothing of sequences"):
        to_onnx(model)
    with pytest.raises(ValueError, match=r"The first step, StandardScaler\(\), .* sequence_lens out"):
        to_onnx(model[1:], sequence_lens="required")
