"""The skip connection: when it is on, what each side of it sees, and the linear model that it starts as."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences, linear
from sklstm.datasets import make_adding_problem
from sklstm.regressor import AUTO_SKIP_R2

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TINY = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0, "n_jobs": 1, "dtype": "float64"}
# Steps too small to be seen: what is left is what training begins with.
UNTRAINED = {**TINY, "max_iter": 1, "learning_rate_init": 1e-300, "average": False}
N = 100

rng = np.random.default_rng(0)
# Walks of two features and of different lengths; the targets are where the first one goes next, and some of the second.
WALKS = [rng.normal(size=(length, 2)).cumsum(axis=0) for length in rng.integers(2, 9, size=N)]
LAST = np.array([x[-1] for x in WALKS])
NEXT = LAST @ [1, 0.3] + 0.2 * rng.normal(size=N) + 5
NOISE = rng.normal(size=N)
WEIGHTS = rng.uniform(0.2, 2, size=N)


def fit(X=WALKS, y=NEXT, sample_weight=None, **parameters):
    return LSTMRegressor(**{**TINY, **parameters}).fit(X, y, sample_weight)


def skips(X=WALKS, y=NEXT, sample_weight=None, **parameters):
    return fit(X, y, sample_weight, **parameters).skip_connection_


def standardised(values, X=WALKS):
    """As the output layer sees them: by the mean and the deviation of all time steps."""
    steps = np.concatenate(X)
    return (values - steps.mean(axis=0)) / steps.std(axis=0)


def linear_predictions(values, y, X=WALKS):
    z = standardised(values, X)
    return Ridge(alpha=1e-6 * len(z)).fit(z, y).predict(z)


# ---------------------------------------------------------------------------------------------- "auto"


def test_auto_is_on_for_a_random_walk_and_off_for_noise():
    assert LSTMRegressor().skip_connection == "auto"
    assert skips()
    assert not skips(y=NOISE)
    assert not skips([x - x for x in WALKS])


def test_auto_is_off_for_the_adding_problem():
    X, y = make_adding_problem(200, 20, random_state=0)
    assert not skips(X, y)


def test_a_classifier_skips_when_told_to_only():
    assert not LSTMClassifier(**TINY).fit(WALKS, NEXT > 5).skip_connection_
    model = LSTMClassifier(**TINY, skip_connection=True).fit(WALKS, NEXT > 5)
    assert model.skip_connection_
    assert model._network.part("output.W").shape == (4 + 2, 1)


@pytest.mark.parametrize("setting", [False, True])
def test_what_is_set_is_done(setting):
    assert skips(skip_connection=setting) == skips(y=NOISE, skip_connection=setting) == setting


@pytest.mark.parametrize("sample_weight", [None, WEIGHTS])
def test_auto_goes_by_what_is_explained_in_cross_validation(sample_weight):
    """On either side of the limit, by scikit-learn's means; more noise makes it fall slowly through it."""
    found, margins = [], []
    z = np.column_stack([LAST, np.random.default_rng(1).normal(size=(N, 20))])
    X = [np.repeat(row[np.newaxis], 2, axis=0) for row in z]
    for amount in np.linspace(0.5, 4, 25):
        y = NEXT + amount * NOISE
        with config_context(enable_metadata_routing=True):
            model = LinearRegression().set_fit_request(sample_weight=True)
            predicted = cross_val_predict(model, z, y, cv=KFold(5), params={"sample_weight": sample_weight})
        margins.append(r2_score(y, predicted, sample_weight=sample_weight) - AUTO_SKIP_R2)
        found.append(skips(X, y, sample_weight, max_iter=1))
    assert np.min(np.abs(margins)) > 1e-4
    assert_array_equal(found, np.array(margins) > 0)
    assert 0 < np.sum(found) < len(found)


@pytest.mark.parametrize(
    "nonlinear",
    [
        lambda last: np.maximum(last[:, 0], 0),
        lambda last: last[:, 0] + 0.2 * last[:, 0] ** 2,
        lambda last: 3 * last[:, 0] + last[:, 0] * last[:, 1],
        lambda last: np.column_stack([last[:, 1], np.abs(last[:, 1])]),
    ],
    ids=["rectified", "square", "product", "one of two targets"],
)
def test_auto_is_off_where_values_count_nonlinearly(nonlinear):
    """For the layers would not see them."""
    X = np.random.default_rng(1).normal(size=(400, 3, 2)) + 0.3
    y = nonlinear(X[:, -1])
    assert not skips(X, y)
    linear = LinearRegression().fit(X[:, -1], y).predict(X[:, -1])
    assert skips(X, linear if y.ndim == 1 else linear[:, :1])


def test_auto_is_not_taken_in_by_many_features():
    """A plane goes through any 31 points of 30 dimensions, and says nothing."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(31, 3, 30))
    assert not skips(X, rng.normal(size=31))
    assert skips(X, X[:, -1, 0])
    # Neither is a time step more a patient more.
    patients = [np.repeat(rng.normal(size=(1, 30)), 40, axis=0) for _ in range(25)]
    assert not skips(patients, [np.full(40, rng.normal()) for _ in patients], return_sequences=True)


def test_auto_does_not_know_the_days_around():
    """Overlapping windows in their order: what is true of last week's only is no reason."""
    level = np.repeat(np.random.default_rng(1).normal(size=40), 10)
    X = np.random.default_rng(2).normal(size=(400, 3, 1)) * 0.01 + np.arange(400)[:, np.newaxis, np.newaxis]
    assert not skips(X, level)


def test_a_sample_of_steps_is_of_those_with_targets(monkeypatch):
    """Of sequences that are equally long, every second step would be none, or all, of the last ones."""
    monkeypatch.setattr(linear, "MOST_STEPS", 100)
    X = np.random.default_rng(1).normal(size=(200, 4, 1))
    for known in range(4):
        y = np.full((200, 4), np.nan)
        y[:, known] = X[:, known, 0]
        assert skips(X, y, return_sequences=True)


def test_auto_counts_sequences_by_their_weights():
    y = np.where(np.arange(N) < 50, NEXT, 20 * NOISE)
    first = (np.arange(N) < 50).astype(float)
    assert skips(y=y, sample_weight=first)
    assert skips(y=y, sample_weight=first + 1e-6)
    assert not skips(y=y, sample_weight=1 - first)
    # What has no weight is no row: of one, nothing is known.
    assert not skips(sample_weight=np.arange(N) < 1)
    assert skips(sample_weight=np.arange(N) < 10)


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_auto_does_not_depend_on_units(factor):
    assert skips([x * factor + [0, factor] for x in WALKS])
    assert skips(y=NEXT * factor)


def test_auto_is_off_for_tokens():
    tokens = [np.full((3, 1), k % 5) for k in range(N)]
    model = fit(tokens, np.arange(N) % 5.0, embedding_dim=3)  # a linear function of the token
    assert model.skip_connection_ is False
    with pytest.raises(ValueError, match=r"skip_connection=True .* embedding_dim"):
        fit(tokens, NOISE, embedding_dim=3, skip_connection=np.True_)


def test_auto_looks_at_the_targets_that_are_known():
    y = [x[:, 0] + 1 for x in WALKS]
    for row in y:
        row[1:] = np.nan
    assert skips(y=y, return_sequences=True)
    y = [np.column_stack([x[:, 0], x[:, 1]]) for x in WALKS]
    for row in y[: N // 2]:
        row[:, 1] = np.nan
    for row in y[N // 2 :: 2]:
        row[0] = np.nan
    assert skips(y=y, return_sequences=True)
    noise = [np.where(np.isnan(row), np.nan, np.random.default_rng(1).normal(size=row.shape)) for row in y]
    assert not skips(y=noise, return_sequences=True)


def test_auto_looks_at_the_rows_that_are_trained_on():
    """Not at those held out, and not at validation data."""
    y = np.where(np.arange(N) < 60, NEXT, 50 * NOISE)
    model = LSTMRegressor(**TINY)
    assert model.fit(WALKS[:60], y[:60], X_val=WALKS[60:], y_val=y[60:]).skip_connection_
    assert not model.fit(WALKS[60:], y[60:], X_val=WALKS[:60], y_val=y[:60]).skip_connection_


# ---------------------------------------------------------------------------------------------- where it starts


@pytest.mark.parametrize(
    "parameters",
    [{}, {"bidirectional": True, "pooling": "max"}, {"hidden_layer_sizes": (5, 4), "pooling": "attention"}],
    ids=str,
)
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_an_untrained_network_is_the_linear_model_of_the_last_step(loss, parameters):
    model = fit(**UNTRAINED | parameters, loss=loss)
    assert_allclose(model.predict(WALKS), linear_predictions(LAST, NEXT), rtol=1e-9)


def test_an_untrained_network_of_weighted_sequences_and_several_targets():
    y = np.column_stack([NEXT, -3 * NEXT + NOISE, LAST[:, 1]])
    model = fit(y=y, **UNTRAINED)
    assert_allclose(model.predict(WALKS), linear_predictions(LAST, y), rtol=1e-6, atol=1e-6)
    # Whole weights are repetitions, and zero is leaving out.
    weights = np.arange(N) % 3
    rows = np.repeat(np.arange(N), weights)
    repeated = [WALKS[row] for row in rows]
    expected = linear_predictions(LAST[rows], y[rows], repeated)
    assert_allclose(fit(y=y, sample_weight=weights, **UNTRAINED).predict(repeated), expected, rtol=1e-9, atol=1e-9)
    assert_allclose(fit(repeated, y[rows], **UNTRAINED).predict(repeated), expected, rtol=1e-9, atol=1e-9)


def test_weights_count_in_the_linear_model():
    model = fit(sample_weight=WEIGHTS, **UNTRAINED)
    expected = LinearRegression().fit(LAST, NEXT, WEIGHTS).predict(LAST)
    assert_allclose(model.predict(WALKS), expected, atol=1e-4)
    assert np.abs(expected - LinearRegression().fit(LAST, NEXT).predict(LAST)).max() > 1e-3


def test_an_untrained_network_of_step_targets_is_linear_in_each_step():
    """Each target over the steps where it is known and has weight."""
    y = [x @ [[1, 2], [0.5, 0]] + 1 for x in WALKS]
    rng = np.random.default_rng(1)
    weights = [(rng.uniform(size=len(x)) < 0.7).astype(float) for x in WALKS]
    for row in y:
        row += 0.1 * rng.normal(size=row.shape)
        row[rng.uniform(size=row.shape) < 0.2] = np.nan
    model = fit(y=y, sample_weight=weights, **UNTRAINED, return_sequences=True)
    assert model.skip_connection_
    steps, targets = np.concatenate(WALKS), np.concatenate(y)
    for k, predicted in enumerate(np.concatenate(model.predict(WALKS)).T):
        known = ~np.isnan(targets[:, k]) & (np.concatenate(weights) > 0)
        expected = LinearRegression().fit(steps[known], targets[known, k]).predict(steps)
        assert_allclose(predicted, expected, atol=1e-4)


def test_targets_that_are_never_known_together_have_a_linear_model_each():
    y = [np.column_stack([x[:, 0], np.full(len(x), np.nan)]) for x in WALKS]
    for row in y[::2]:
        row[:] = -row[:, ::-1]
    model = fit(y=y, **UNTRAINED, return_sequences=True)
    assert model.skip_connection_
    steps = np.concatenate(WALKS)[:, 0]
    assert_allclose(np.concatenate(model.predict(WALKS)), np.column_stack([steps, -steps]), atol=1e-4)


def test_a_target_that_never_varies_has_no_linear_model():
    """And no say in whether there is a connection."""
    y = np.column_stack([NEXT, np.full(N, 7.0)])
    assert skips(y=y)
    assert not skips(y=y[:, 1])
    model = fit(y=y, **UNTRAINED)
    assert_allclose(model.predict(WALKS)[:, 0], linear_predictions(LAST, NEXT), rtol=1e-9)
    assert_allclose(model._network.part("output.W")[4:, 1], 0, atol=1e-200)


@pytest.mark.parametrize(
    "parameters",
    [{"loss": "poisson"}, {"loss": "gaussian_nll"}, {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}],
    ids=lambda p: p["loss"],
)
def test_other_losses_start_without_the_inputs_and_learn_them(parameters):
    y = NEXT - NEXT.min()
    start = fit(y=y, **UNTRAINED, **parameters)
    assert start.skip_connection_
    assert_allclose(start._network.part("output.W")[4:], 0, atol=1e-200)
    model = fit(y=y, **parameters, max_iter=60)
    assert np.abs(model._network.part("output.W")[4]).max() > 0.05
    predicted = model.predict(WALKS)
    assert r2_score(y, predicted[:, 1] if predicted.ndim == 2 else predicted) > 0.8


def test_more_features_than_sequences():
    X = np.random.default_rng(1).normal(size=(10, 3, 30))
    y = X[:, -1, 0]
    with_noise = np.random.default_rng(2).normal(size=10)
    model = fit(X, with_noise, **UNTRAINED, skip_connection=True)
    assert_allclose(model._network.part("output.W")[4:], 0, atol=1e-200)  # not a model that is worse than none
    X, y = np.repeat(X, 3, axis=0), np.repeat(y, 3)
    model = fit(X, y, **UNTRAINED, skip_connection=True)
    assert_allclose(model.predict(X), linear_predictions(X[:, -1], y, X), rtol=1e-6, atol=1e-9)


def test_training_goes_on_from_the_linear_model():
    """What the last step does not tell: the change before it."""
    y = NEXT + np.array([x[-1, 0] - x[-2, 0] for x in WALKS])
    model = fit(y=y, max_iter=150, hidden_layer_sizes=8)
    start = np.mean((y - linear_predictions(LAST, y)) ** 2)
    assert np.mean((y - model.predict(WALKS)) ** 2) < 0.3 * start


# ---------------------------------------------------------------------------------------------- what each side sees


@pytest.mark.parametrize("return_sequences", [False, True])
def test_the_halves_of_the_standardisation(return_sequences):
    """The layers' half by the changes, of which a sequence's first is zero; the output layer's by the values."""
    y = [x[:, 0] for x in WALKS] if return_sequences else NEXT
    repeats = np.arange(N) % 3 + 1
    X = [x * [1, 100] + [0, 1e4] for x in WALKS]
    model = fit(X, y, repeats, return_sequences=return_sequences)
    values = np.concatenate([x for x, n in zip(X, repeats, strict=True) for _ in range(n)])
    changes = np.concatenate(
        [np.vstack([[0, 0], x[1:] - x[:-1]]) for x, n in zip(X, repeats, strict=True) for _ in range(n)]
    )
    assert_allclose(model._shift, [*changes.mean(axis=0), *values.mean(axis=0)], rtol=1e-9)
    assert_allclose(1 / model._scale, [*changes.std(axis=0), *values.std(axis=0)], rtol=1e-9)
    plain = fit(X, y, return_sequences=return_sequences, standardize=False)
    assert plain.skip_connection_
    assert_array_equal(plain._shift, np.zeros(4))
    assert_array_equal(plain._scale, np.ones(4))


def through_the_skip(model, change):
    """By how much a change of the last step moves the prediction on the way past the layers."""
    z = change * model._scale[2:]
    return z @ model._network.part("output.W")[-2:] * model._loss._scale


@pytest.mark.parametrize("parameters", [{}, {"bidirectional": True, "pooling": "mean", "cell": "gru"}], ids=str)
def test_a_level_shift_goes_past_the_layers(parameters):
    model = fit(max_iter=20, learning_rate_init=0.05, **parameters)
    shift = np.array([7.0, -40.0])
    moved = model.predict([x + shift for x in WALKS]) - model.predict(WALKS)
    assert_allclose(moved, np.full(N, through_the_skip(model, shift)[0]), rtol=1e-9)
    # Other changes do reach them.
    later = [np.vstack([x[:1], x[1:] + shift]) for x in WALKS]
    assert np.ptp(model.predict(later) - model.predict(WALKS)) > 0.01


def test_a_level_shift_of_step_targets():
    y = [x.cumsum(axis=0) for x in WALKS]
    model = fit(y=y, return_sequences=True, skip_connection=True, max_iter=20, learning_rate_init=0.05)
    shift = np.array([7.0, -40.0])
    moved = np.concatenate(model.predict([x + shift for x in WALKS])) - np.concatenate(model.predict(WALKS))
    assert_allclose(moved, np.tile(through_the_skip(model, shift), (len(moved), 1)), rtol=1e-9, atol=1e-9)


def test_the_first_step_has_no_change():
    """To the layers all first steps are alike, so that the model of one step is linear."""
    model = fit(max_iter=20, learning_rate_init=0.05)
    x = np.linspace(-5, 5, 7)[:, np.newaxis] * [1.0, -2.0]
    assert_allclose(np.diff(model.predict(x[:, np.newaxis]), n=2), 0, atol=1e-9)
    # Neither do they see the sequence before.
    assert_array_equal(model.predict([WALKS[0], WALKS[1][:1]])[1], model.predict([WALKS[1][:1]])[0])


def test_sequences_of_one_step():
    """Nothing ever changes: the layers see what there is."""
    X = LAST[:, np.newaxis]
    model = fit(X, LAST[:, 0] + LAST[:, 1] ** 2, skip_connection=True, max_iter=200, learning_rate_init=0.03)
    assert_array_equal(model._scale[:2], 0)
    assert model.score(X, LAST[:, 0] + LAST[:, 1] ** 2) > 0.95


@pytest.mark.parametrize("value", [0.0, -1e6, 0.1])
def test_a_constant_feature(value):
    X = [np.column_stack([x, np.full(len(x), value)]) for x in WALKS]
    model = fit(X, **UNTRAINED)
    assert model.skip_connection_
    assert_allclose(model.predict(X), linear_predictions(LAST, NEXT), rtol=1e-6)


def test_a_feature_that_is_constant_within_each_sequence():
    """It has no changes, so that the layers see the feature itself, and with it what the changes mean."""
    X = [np.column_stack([x, np.full(len(x), n)]) for x, n in zip(WALKS, NOISE, strict=True)]
    model = fit(X, NEXT + 3 * NOISE, **UNTRAINED)
    assert_array_equal(model._scale[:3] == 0, [False, False, True])
    expected = LinearRegression().fit(np.column_stack([LAST, NOISE]), NEXT + 3 * NOISE)
    assert_allclose(model.predict(X), expected.predict(np.column_stack([LAST, NOISE])), atol=1e-3)
    sign = np.where(NOISE > 0, 1, -1)
    X = [np.column_stack([x, np.full(len(x), n)]) for x, n in zip(WALKS, sign, strict=True)]
    y = LAST[:, 0] + sign * np.array([x[-1, 0] - x[-2, 0] for x in WALKS])
    model = fit(X, y, max_iter=100, learning_rate_init=0.03)
    assert model.skip_connection_
    assert model.score(X, y) > 0.99


# ---------------------------------------------------------------------------------------------- going on


def test_the_skip_connection_stays_while_training_goes_on():
    model = fit(warm_start=True)
    shift = model._shift.copy()
    model.fit(WALKS, NOISE).partial_fit(WALKS, NOISE)  # where "auto" would be off
    assert model.skip_connection_
    assert_array_equal(model._shift, shift)
    model.set_params(skip_connection=True).fit(WALKS, NEXT)
    model.set_params(warm_start=False, skip_connection="auto")
    assert not model.fit(WALKS, NOISE).skip_connection_


@pytest.mark.parametrize(("y", "other"), [(NEXT, False), (NOISE, True)])
def test_the_skip_connection_cannot_change_while_training_goes_on(y, other):
    model = fit(y=y, warm_start=True)
    expected = model.predict(WALKS)
    model.set_params(skip_connection=other)
    for call in [model.fit, model.partial_fit]:
        with pytest.raises(ValueError, match=r"^skip_connection cannot change .* Set warm_start=False"):
            call(WALKS, y)
    assert model.skip_connection_ is not other
    assert_array_equal(model.predict(WALKS), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_linear_model_does_not_depend_on_threads_or_the_form_of_the_data(dtype):
    model = fit(dtype=dtype)
    for other in [fit(dtype=dtype, n_jobs=2), fit(as_sequences(WALKS), dtype=dtype)]:
        assert_array_equal(other._network.parameters, model._network.parameters)
