"""Missing values by missing="decay": GRU-D's equations for every cell, and an estimator that learns by them."""

import pickle
from itertools import product

import naive
import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from test_gradients import Problem, step_for
from test_memory import all_that_suffice

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, as_sequences, scaling
from sklstm.inputs import elapsed
from sklstm.layout import CELLS
from sklstm.minibatch import Minibatch
from sklstm.sequences import time_gaps

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
SHIFT, SCALE = np.array([0.3, -1.0, 0.1]), np.array([0.5, 2.0, 1.5])
LENGTHS = naive.ragged_lengths(21, longest=20)
N, N_TRAIN = 300, 200


def problem(sizes, lengths=LENGTHS, **architecture):
    return naive.random_problem(3, sizes, 2, lengths, SHIFT, SCALE, missing="decay", **architecture)


# ---------------------------------------------------------------------------------------------- equations


@pytest.mark.parametrize("has_times", [True, False], ids=["times", "steps"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("by_step", [False, True], ids=["last", "each step"])
@pytest.mark.parametrize("sizes", [(9,), (6, 17)], ids=str)
@EVERY_CELL
def test_outputs_are_those_of_the_equations(cell, sizes, by_step, dtype, has_times):
    network, sequences, shift, scale = problem(sizes, cell=cell, dtype=dtype, return_sequences=by_step)
    if not has_times:
        sequences = Sequences(sequences.values, sequences.offsets)
    expected = naive.outputs(network, sequences, shift, scale)
    tolerance = {"float32": 2e-5, "float64": 1e-10}[dtype]
    assert_allclose(network.predict(sequences, shift, scale, 2), expected, rtol=0, atol=tolerance)
    order, out = Minibatch(network, sequences, shift, scale, 2).forward(np.arange(len(LENGTHS)))
    in_order = np.split(expected, sequences.offsets[1:-1]) if by_step else expected
    assert_allclose(out, np.concatenate([in_order[row] for row in order]).reshape(out.shape), rtol=0, atol=tolerance)


@pytest.mark.parametrize("by_step", [False, True], ids=["last", "each step"])
@pytest.mark.parametrize("dropout", [None, naive.DROPOUT], ids=["whole", "dropout"])
@pytest.mark.parametrize("sizes", [(5,), (4, 3)], ids=str)
@EVERY_CELL
def test_gradients(cell, sizes, dropout, by_step):
    """Of times, too, at which no two steps are equally far apart."""
    decaying = {"missing": "decay", "return_sequences": by_step}
    Problem(sizes, naive.ragged_lengths(19), cell=cell, dropout=dropout, **decaying).check(step=step_for(**decaying))


def test_gradients_of_a_wide_layer():
    """Of more units than are summed up at a time."""
    Problem((400,), naive.ragged_lengths(11, longest=6), cell="rnn", missing="decay").check(at_most=20, step=1e-5)


@EVERY_CELL
def test_gradients_of_every_pattern_of_missing_values(cell):
    patterns = np.array([*product([False, True], repeat=4)])
    decaying = Problem((5,), [4] * len(patterns), cell=cell, missing="decay")
    for feature, missing in enumerate([patterns, patterns[::-1, ::-1]]):
        decaying.sequences.values[:, feature] = np.where(missing.ravel(), np.nan, np.linspace(-1, 2, missing.size))
    decaying.check(step=1e-5)


@EVERY_CELL
def test_gradients_have_the_same_bits_in_little_memory(cell):
    network, *data = problem((10, 7), [150, 65, 300, 64, 1, 129], cell=cell, dtype="float32")

    def gradient(max_memory):
        minibatch = Minibatch(network, *data, 1, max_memory)
        _, out = minibatch.forward(np.arange(6), naive.DROPOUT)
        minibatch.backward(out)
        return minibatch.gradient, sum(place.checkpoint is not None for place in minibatch._stack_places[0])

    (expected, _), (actual, n_again) = gradient(None), gradient(all_that_suffice(network, data[0], 6)[0])
    assert n_again > 1
    assert_same_bits(actual, expected)


def test_the_time_since_a_value_was_observed():
    """The steps are at 0, 2, 3, 7 and 8, the second sequence's at 4 and 6."""
    values = np.array([[1, np.nan], [np.nan, np.nan], [np.nan, 5], [2, np.nan], [3, 4], [np.nan, 1], [1, np.nan]])
    times = [0, 2, 3, 7, 8, 4, 6]
    sequences = Sequences(values, [0, 5, 7], times=times)
    expected = [[0, 0], [2, 2], [3, 3], [7, 4], [1, 5], [0, 0], [2, 2]]
    assert_array_equal(elapsed(sequences), expected)
    by_twin = [naive.elapsed(x, gaps) for x, gaps in zip(sequences, np.split(time_gaps(sequences), [5]), strict=True)]
    assert_array_equal(np.concatenate(by_twin), expected)
    in_steps = [[0, 0], [1, 1], [2, 2], [3, 1], [1, 2], [0, 0], [1, 1]]
    assert_array_equal(elapsed(Sequences(values, [0, 5, 7])), in_steps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@EVERY_CELL
def test_without_missing_values_and_decay_the_network_is_the_plain_one(cell, dtype):
    """Of the values, and of as many ones."""
    network, _, shift, scale = problem((6, 5), cell=cell, dtype=dtype)
    network.part("layer_0.W_d")[:], network.part("layer_0.b_d")[:] = 0, -1
    sequences = naive.random_sequences(LENGTHS, 3)
    plain = naive.random_network(6, (6, 5), 2, cell=cell, dtype=dtype)
    for name in plain.parts:
        plain.part(name)[:] = network.part(name)
    standardised = (sequences.values - SHIFT) * SCALE
    with_ones = Sequences(np.hstack([standardised, np.ones_like(standardised)]), sequences.offsets)
    expected = plain.predict(with_ones, np.zeros(6), np.ones(6), 1)
    assert_same_bits(network.predict(sequences, shift, scale, 1), expected)
    network.part("layer_0.b_d")[:] = 1
    assert not np.array_equal(network.predict(sequences, shift, scale, 1), expected)


def test_numbers_beyond_all_bounds_give_finite_outputs():
    network, sequences, shift, scale = problem((5,), dtype="float32")
    far = Sequences(sequences.values * 1e200, sequences.offsets, times=sequences.times * 1e200)
    assert np.isfinite(network.predict(far, shift, scale, 1)).all()


def test_the_first_network_almost_carries_the_last_value_forward():
    network, *_ = problem((40,))
    network.initialize(np.random.RandomState(0))
    assert_allclose(network.part("decay.w"), 0.1)
    assert_array_equal(network.part("decay.b"), 0)
    assert_array_equal(network.part("layer_0.b_d"), 0)
    rates = np.ones(3) @ network.part("layer_0.W_d")
    assert (rates > 0).all()  # and have a gradient
    assert len(np.unique(rates)) == 40
    assert_allclose(rates.mean(), 0.01, rtol=0.2)


# ---------------------------------------------------------------------------------------------- estimators


# The first feature's last value, the less of it the longer ago it was observed. The last step has none.
rng = np.random.default_rng(0)
VALUES = [rng.normal(size=(length, 2)) for length in rng.integers(4, 12, size=N)]
TIMES = [np.cumsum(rng.exponential(size=len(x))) for x in VALUES]
Y = np.empty(N)
for i, (x, time) in enumerate(zip(VALUES, TIMES, strict=True)):
    x[rng.uniform(size=x.shape) < 0.5] = np.nan
    x[0, 0], x[-1, 0] = 1, np.nan
    last = np.flatnonzero(~np.isnan(x[:, 0]))[-1]
    Y[i] = x[last, 0] * np.exp(-(time[-1] - time[last]))
X = as_sequences(VALUES, times=TIMES)
LABELS = np.argsort(np.argsort(Y)) // (N // 2)


def make(Estimator, **parameters):
    defaults = {"hidden_layer_sizes": 6, "missing": "decay", "max_iter": 3, "random_state": 0, "n_jobs": 1}
    return Estimator(**{**defaults, **parameters})


def targets(Estimator):
    return Y if Estimator is LSTMRegressor else LABELS


def predictions(model, X):
    return model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_values_that_fade_with_time_are_learnt(cell):
    """And only where the times are known."""
    learn = make(LSTMRegressor, cell=cell, hidden_layer_sizes=16, max_iter=150)
    assert learn.fit(X[:N_TRAIN], Y[:N_TRAIN]).score(X[N_TRAIN:], Y[N_TRAIN:]) > 0.95
    without = as_sequences(VALUES)
    assert learn.fit(without[:N_TRAIN], Y[:N_TRAIN]).score(without[N_TRAIN:], Y[N_TRAIN:]) < 0.85


def test_what_is_missing_is_learnt():
    """The values are noise; which of them are missing at the last step is the class."""
    missing = np.array([np.isnan(x[-1, 1]) for x in VALUES])
    model = make(LSTMClassifier, max_iter=40).fit(X[:N_TRAIN], missing[:N_TRAIN])
    assert model.score(X[N_TRAIN:], missing[N_TRAIN:]) > 0.97


COMPANIONS = [
    {"cell": "rnn"},
    {"hidden_layer_sizes": (5, 4), "dropout": 0.2, "recurrent_dropout": 0.2},
    {"pooling": "attention"},
    {"pooling": "max", "dtype": "float64"},
    {"solver": "lbfgs"},
    {"solver": "adamw", "average": False},
    {"early_stopping": True},
    {"max_memory": 1},
    {"standardize": False},
]


@pytest.mark.parametrize("parameters", COMPANIONS, ids=str)
@ESTIMATORS
def test_what_it_goes_with(Estimator, parameters):
    y = targets(Estimator)
    model = make(Estimator, **parameters).fit(X, y)
    assert not model.skip_connection_
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    expected = predictions(model, X)
    assert np.isfinite(expected).all()
    assert_same_bits(predictions(pickle.loads(pickle.dumps(model)), X), expected)
    assert_same_bits(predictions(model, X[[7]]), expected[[7]])
    assert_same_bits(predictions(clone(model).set_params(n_jobs=3).fit(X, y), X), expected)


@pytest.mark.parametrize("X", [VALUES, [x.astype(np.float32) for x in VALUES], np.resize(VALUES[0], (N, 9, 2))])
@ESTIMATORS
def test_every_form_of_sequences(Estimator, X):
    model = make(Estimator).fit(X, targets(Estimator))
    assert_array_equal(predictions(model, X), predictions(model, as_sequences(X)))


@ESTIMATORS
def test_tables_of_one_feature(Estimator):
    table = np.where(rng.uniform(size=(N, 5)) < 0.5, np.nan, Y[:, np.newaxis])
    table[0] = np.nan
    model = make(Estimator).fit(table, targets(Estimator))
    assert_array_equal(predictions(model, table), predictions(model, list(table[:, :, np.newaxis])))


def test_targets_at_every_step():
    model = make(LSTMRegressor, return_sequences=True).fit(X, [x[:, 1] for x in VALUES])  # where there is one
    assert [len(y) for y in model.predict(X)] == X.lengths.tolist()
    assert np.isfinite(np.concatenate(model.predict(X))).all()


@ESTIMATORS
def test_partial_fit_warm_start_and_validation_data(Estimator):
    y = targets(Estimator)
    model = make(Estimator).partial_fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    assert np.isfinite(predictions(model, X)).all()
    model = make(Estimator, warm_start=True, early_stopping=True).fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    losses = model.validation_loss_curve_
    assert min(model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:]).validation_loss_curve_) < min(losses)


def test_a_search_compares_it_with_other_cells():
    grid = {"cell": ["gru", "rnn"], "hidden_layer_sizes": [2, 4]}
    search = GridSearchCV(make(LSTMClassifier), grid, cv=2, error_score="raise").fit(X, LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@ESTIMATORS
def test_the_unit_of_time_does_not_matter(Estimator):
    y = targets(Estimator)
    expected = predictions(make(Estimator).fit(X, y), X)
    other = as_sequences(VALUES, times=[1024 * time for time in TIMES])
    assert_same_bits(predictions(make(Estimator).fit(other, y), other), expected)


@ESTIMATORS
def test_features_that_are_never_or_always_observed(Estimator):
    """A feature without any value tells nothing, even where it has one later; training data may also miss nothing."""
    y = targets(Estimator)
    nothing = X.with_values(np.full_like(X.values, np.nan))
    model = make(Estimator).fit(nothing, y)
    assert_array_equal(predictions(model, X), predictions(model, nothing))
    values = X.values.copy()
    values[:, 1] = np.nan
    without = X.with_values(values)
    model = make(Estimator, alpha=0).fit(without, y)
    assert_array_equal(predictions(model, X), predictions(model, without))
    whole = X.with_values(np.nan_to_num(X.values))
    assert np.isfinite(predictions(make(Estimator).fit(whole, y), X)).all()


@ESTIMATORS
def test_times_count_in_fit_and_prediction_or_in_neither(Estimator):
    y, without = targets(Estimator), Sequences(X.values, X.offsets)
    with pytest.raises(ValueError, match="X has none, but the sequences of fit have"):
        make(Estimator).fit(X, y).predict(list(X))
    model = make(Estimator).fit(list(X), y)
    with pytest.raises(ValueError, match="X has some, those of fit not"):
        model.predict(X)
    assert_array_equal(predictions(model, list(X)), predictions(model, without))


@pytest.mark.parametrize("part", [slice(100), slice(20, 60), slice(40, None)], ids=["first", "middle", "last"])
def test_scales_are_of_what_is_observed(monkeypatch, part):
    """Though some of the steps that are looked at together have no value of a feature."""
    monkeypatch.setattr(scaling, "SCALED_AT_A_TIME", 16)
    values = X.values.copy()
    values[part, 1] = np.nan
    sequences = X.with_values(values)
    model = make(LSTMRegressor).fit(sequences, Y)
    assert_allclose(model._shift, [0, 0, *np.nanmean(values, axis=0)], rtol=1e-10)
    assert_allclose(1 / model._scale, [*elapsed(sequences).mean(axis=0), *np.nanstd(values, axis=0)], rtol=1e-10)


def test_no_penalty_is_put_on_the_decay_of_values():
    """A penalty beyond measure brings weights to zero, those of the state's decay with them."""
    network = make(LSTMRegressor, alpha=1e5, solver="lbfgs", max_iter=200).fit(X, Y)._network
    assert np.abs(network.part("layer_0.W_d")).max() < 1e-4
    assert_allclose(network.part("decay.w"), 0.1, rtol=1e-3)


# ---------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("parameters", [{"bidirectional": True}, {"skip_connection": True}, {"embedding_dim": 2}])
@ESTIMATORS
def test_what_it_does_not_go_with(Estimator, parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f'{name}=.* does not go with missing="decay"'):
        make(Estimator, **parameters).fit(X, targets(Estimator))


@ESTIMATORS
def test_missing_values_are_an_error_otherwise(Estimator):
    y, message = targets(Estimator), "contains NaN: in sequence 0, time step"
    whole = X.with_values(np.nan_to_num(X.values))
    with pytest.raises(ValueError, match=message):
        make(Estimator, missing="error").fit(X, y)
    model = make(Estimator, missing="error", warm_start=True).fit(whole, y).set_params(missing="decay")
    with pytest.raises(ValueError, match=message):
        predictions(model, X)
    with pytest.raises(ValueError, match=r"^missing cannot change"):
        model.fit(whole, y)
    with pytest.raises(ValueError, match="missing"):
        make(Estimator, missing="ignore").fit(whole, y)


@ESTIMATORS
def test_infinity_is_an_error_in_any_case(Estimator):
    values = X.values.copy()
    values[X.offsets[3] + 2, 1] = -np.inf
    wrong = X.with_values(values)
    message = "contains infinity: in sequence 3, time step 2, feature 1"
    with pytest.raises(ValueError, match=message):
        make(Estimator).fit(wrong, targets(Estimator))
    with pytest.raises(ValueError, match=message):
        predictions(make(Estimator).fit(X, targets(Estimator)), wrong)
