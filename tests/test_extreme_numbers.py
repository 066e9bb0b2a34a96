"""Numbers at the ends of their range, in inputs and targets: the same model, a constant, or an error that says so."""

import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, as_sequences
from sklstm.layout import CELLS
from sklstm.losses import REGRESSION_LOSSES
from sklstm.scaling import fit_scaler

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:(Training reached max_iter|L-BFGS has not)"),
]

N, T, F = 24, 5, 2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, T, F))
Y = X[:, :, 0].mean(axis=1)
LABELS = np.arange(N) % 2
MAX = np.finfo(np.float64).max

ALL_LOSSES = pytest.mark.parametrize("loss", REGRESSION_LOSSES)


def make(Estimator=LSTMRegressor, **parameters):
    given = {"hidden_layer_sizes": 3, "max_iter": 4, "batch_size": 8, "random_state": 0, "n_jobs": 1, **parameters}
    return Estimator(**given)


def answers(model, X):
    return model.predict_proba(X) if isinstance(model, LSTMClassifier) else model.predict(X)


def assert_finite(model):
    for name in ("loss_curve_", "_shift", "_scale"):
        assert np.isfinite(getattr(model, name)).all(), name
    assert np.isfinite(model._network.parameters).all()


# ---------------------------------------------------------------------------------------------- scales


WAYS = pytest.mark.parametrize(
    "parameters",
    [
        *({"cell": cell} for cell in CELLS),
        {"skip_connection": True},
        {"pooling": "attention"},
        {"missing": "decay"},
        {"dtype": "float64"},
        {"solver": "lbfgs"},
    ],
    ids=str,
)


@WAYS
@pytest.mark.parametrize("power", [-460, -100, 1, 100, 500])
def test_inputs_and_targets_times_a_power_of_two_give_the_same_bits(parameters, power):
    expected = make(**parameters).fit(X, Y).predict(X)
    factor = 2.0**power
    assert_same_bits(make(**parameters).fit(X * factor, Y).predict(X * factor), expected)
    assert_same_bits(make(**parameters).fit(X, Y * factor).predict(X) / factor, expected)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_features_of_scales_sixty_orders_apart_count_alike(factor):
    expected = make().fit(X, Y).predict(X)
    scaled = X * [factor, 1 / factor]
    assert_allclose(make().fit(scaled, Y).predict(scaled), expected, rtol=1e-5)


@pytest.mark.parametrize(("mean", "tolerance"), [(1e3, 1e-6), (1e9, 1e-5), (1e12, 1e-2)])
def test_a_large_mean_costs_no_more_than_the_digits_that_it_takes(mean, tolerance):
    assert_allclose(make().fit(X + mean, Y).predict(X + mean), make().fit(X, Y).predict(X), atol=tolerance)
    assert_allclose(make().fit(X, Y + mean).predict(X) - mean, make().fit(X, Y).predict(X), atol=tolerance)


@pytest.mark.parametrize("n_parts", [1, 7])
@pytest.mark.parametrize(("mean", "deviation"), [(1e9, 1.0), (1e12, 1.0), (-1e12, 1e3), (1e-9, 1e-30), (0.0, 1e-100)])
def test_variances_are_those_of_extended_precision(mean, deviation, n_parts):
    values = mean + deviation * np.random.default_rng(0).normal(size=(70_000, 1))
    weights = np.ones(len(values))
    parts = zip(np.array_split(values, n_parts), np.array_split(weights, n_parts), strict=True)
    scaler = fit_scaler("X", parts)
    exact = values.astype(np.longdouble)
    assert_allclose(scaler.mean_, float(exact.mean()), rtol=1e-15, atol=1e-12 * deviation)
    # scikit-learn takes those about 1e12 for constant, since there are so many values.
    is_told = deviation > 1e-14 * abs(mean)
    assert_allclose(scaler.scale_, float(exact.std()) if is_told else 1.0, rtol=1e-6)


@pytest.mark.parametrize("values", [[0.3, 0.1 + 0.2], [-1e9, -1e9 - 2e-7]])
def test_rounding_errors_are_no_spread(values):
    scaler = fit_scaler("X", [(np.tile(values, 20)[:, np.newaxis], np.ones(40))])
    assert_allclose(scaler.mean_, values[0])
    assert scaler.scale_ == 1


def test_values_without_weight_say_nothing_of_the_spread():
    scaler = fit_scaler("X", [(np.array([[1e-150], [1e-150], [3e-150]]), np.array([1.0, 1.0, 0.0]))])
    assert scaler.mean_ == 1e-150


@ESTIMATORS
@pytest.mark.parametrize(
    ("scaled", "message"),
    [
        (X * 1e-200, "Column 0 of X has values whose spread is only .*multiply it by a large number"),
        (X * [1, 1e-310], "Column 1 of X has values whose spread is only .*multiply it by a large number"),
        (X * [1, 1e200], "Column 1 of X has values so large that their spread overflows. Rescale it"),
        (np.sign(X) * MAX, "Column 0 of X has values so large"),
    ],
)
def test_inputs_beyond_what_can_be_squared_are_an_error(Estimator, scaled, message):
    with pytest.raises(ValueError, match=message):
        make(Estimator).fit(scaled, LABELS)


@ALL_LOSSES
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("factor", [1e-310, 1e-200, 1e-30, 1e30, 1e200, 1e307])
def test_targets_of_any_scale_are_learnt_or_an_error(factor, loss, standardize):
    targets = (np.abs(Y) + 1) * factor
    model = make(loss=loss, standardize=standardize)
    if standardize and not 1e-140 < factor < 1e140:
        with pytest.raises(ValueError, match=r"Column 0 of y has values (so large|whose spread is only)"):
            model.fit(X, targets)
    elif not standardize and factor > 1:
        with pytest.raises(ValueError, match=r"Column 0 of y has values beyond 1e\+15.*standardize"):
            model.fit(X, targets)
    else:
        assert_finite(model.fit(X, targets))
        assert np.isfinite(model.predict(X)).all()
        if standardize:
            assert_allclose(model.predict(X), targets, rtol=0.6)


@ALL_LOSSES
@pytest.mark.parametrize("standardize", [True, False])
def test_targets_without_weight_may_be_anything(loss, standardize):
    targets, weights = np.abs(X[:, :, 0]), np.ones((N, T))
    weights[3, 2] = 0
    model = make(loss=loss, standardize=standardize, return_sequences=True)
    expected = model.fit(X, targets, sample_weight=weights).predict(X)
    targets[3, 2] = 1e20
    assert_same_bits(model.fit(X, targets, sample_weight=weights).predict(X), expected)


def test_targets_as_they_are_may_be_as_large_as_the_type_allows():
    large = make(standardize=False, dtype="float64").fit(X, Y * 1.7e18)
    assert_finite(large)
    with pytest.raises(
        ValueError, match=r"Column 1 of y has values beyond 1e\+150, too large for a network of float64"
    ):
        large.fit(X, np.c_[Y, Y * 1e160])


def test_targets_that_are_watched_may_be_far_off_but_not_beyond_numbers():
    model = make(early_stopping=True)
    assert_finite(model.fit(X, Y, X_val=X, y_val=Y * 1e10))
    for factor in (1e20, 1e200, 1e307):
        with pytest.raises(
            ValueError, match=r"y_val: Column 1 .* so far from what is trained on that its loss overflows"
        ):
            model.fit(X, np.c_[Y, Y * 1e-5], X_val=X, y_val=np.c_[Y, Y * factor])


@pytest.mark.parametrize("skip_connection", [True, False, "auto"])
def test_inputs_as_they_are_may_be_of_any_scale(skip_connection, recwarn):
    for scaled in (X * 1e-310, X * [1e-30, 1e30], np.sign(X) * MAX):
        model = make(standardize=False, skip_connection=skip_connection).fit(scaled, Y)
        assert_finite(model)
        assert np.isfinite(model.predict(scaled)).all()
    assert not [warning for warning in recwarn if "max_iter" not in str(warning.message)]


def test_single_values_may_be_further_apart_than_single_precision_goes():
    far = np.where(X > 0, np.finfo(np.float32).max, np.finfo(np.float32).min).astype(np.float32)
    model = make(skip_connection=True).fit(far, Y)
    assert_finite(model)
    assert_allclose(model.predict(far), make(skip_connection=True).fit(np.sign(X), Y).predict(np.sign(X)), rtol=1e-3)


# ---------------------------------------------------------------------------------------------- types


@ESTIMATORS
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int64", "uint64", "float16", "float32"])
def test_the_ends_of_a_type_are_as_far_apart_as_they_are(Estimator, dtype):
    info = np.finfo(dtype) if dtype.startswith("f") else np.iinfo(dtype)
    ends = np.where(X > 0, np.array(info.max, dtype), np.array(info.min, dtype))
    assert ends.dtype == dtype
    expected = answers(make(Estimator).fit(np.sign(X), LABELS), np.sign(X))
    assert_allclose(answers(make(Estimator).fit(ends, LABELS), ends), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float16", "bool"])
def test_targets_at_the_ends_of_a_type_are_learnt(dtype):
    top = {"bool": True, "float16": np.finfo("float16").max}.get(dtype) or np.iinfo(dtype).max
    targets = np.where(Y > 0, np.array(top, dtype), np.array(0, dtype))
    expected = make().fit(X, targets > 0).predict(X)
    assert_allclose(make().fit(X, targets).predict(X), expected * float(top), rtol=1e-5, atol=1e-5 * float(top))


# ---------------------------------------------------------------------------------------------- constants


@WAYS
def test_constant_features_are_taken_for_zero(parameters):
    for constant in (0.0, -0.0, 0.1, 1e30, -1e-300):
        model = make(**parameters).fit(np.dstack([X[:, :, :1], np.full((N, T), constant)]), Y)
        assert_finite(model)
        assert_array_equal(model._shift[-1], constant)
        assert model._scale[-1] == 1
    only = make(**parameters).fit(np.full((N, T, 1), 0.1), Y)
    assert_finite(only)
    assert np.ptp(only.predict(np.full((N, T, 1), 0.1))) == 0


def test_rounding_errors_are_no_changes():
    """Also where a feature differs from sequence to sequence, but changes within them by roundings alone."""
    noise = np.where(X > 0, 0.3, 0.1 + 0.2)
    noise[N // 2 :, :, 1] += 0.6
    model = make(skip_connection=True).fit(np.dstack([X, noise]), Y)
    changes, values = np.split(model._scale, 2)
    assert_array_equal(changes > 0, [True, True, False, False])
    assert values[2] == 1


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1e-30, 1e30, 1e200])
def test_times_of_any_unit_age_values_alike(unit):
    gaps = X.copy()
    gaps[::2, 1:4, 0] = np.nan
    times = np.arange(1, T + 1)
    expected, actual = (
        make(missing="decay").fit(timed, Y).predict(timed)
        for timed in (as_sequences([*gaps], times=[times * step] * N) for step in (1.0, unit))
    )
    assert_allclose(actual, expected, rtol=1e-5)


def test_a_feature_that_is_constant_but_for_one_value():
    odd = np.ones_like(X)
    odd[3, 2, 1] = 2
    model = make().fit(odd, Y)
    assert_finite(model)
    assert np.isfinite(model.predict(odd)).all()


@ALL_LOSSES
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("constant", [0.1, 1.0, 1e-300, 1e-30, 1e30])
def test_constant_targets_are_predicted_as_they_are(constant, loss, solver):
    model = make(loss=loss, solver=solver).fit(X, np.full(N, constant))
    assert_allclose(model.predict(X), constant, rtol=1e-6)
    assert_finite(model)
    if loss == "gaussian_nll":
        assert np.isfinite(model.predict(X, return_std=True)[1]).all()


def test_a_target_that_varies_later_is_learnt_all_the_same():
    model = make(max_iter=1, learning_rate_init=0.05).partial_fit(X, np.zeros(N))
    assert_array_equal(model.predict(X), 0)
    for _ in range(60):
        model.partial_fit(X, Y)
    assert model.score(X, Y) > 0.5


def test_targets_that_are_zero_throughout_are_no_counts():
    with pytest.raises(ValueError, match="Column 0 of y is zero everywhere"):
        make(loss="poisson").fit(X, np.zeros(N))
    counts = np.r_[1e15, np.zeros(N - 1)]
    assert np.isfinite(make(loss="poisson").fit(X, counts).predict(X)).all()


# ---------------------------------------------------------------------------------------------- few and long


@ESTIMATORS
@WAYS
@pytest.mark.parametrize(("n", "length"), [(2, 1), (2, 5), (3, 1)])
def test_few_sequences_of_few_steps(Estimator, parameters, n, length):
    model = make(Estimator, **parameters).fit(X[:n, :length], LABELS[:n])
    assert_finite(model)
    assert np.isfinite(answers(model, X)).all()


@ALL_LOSSES
@pytest.mark.parametrize("length", [1, T])
def test_one_sequence_is_predicted_as_it_is(length, loss):
    model = make(loss=loss).fit(X[:1, :length], [3.0])
    assert_finite(model)
    assert_allclose(model.predict(X[:1, :length]), 3, rtol=1e-6)


@ESTIMATORS
def test_one_sequence_cannot_be_held_out(Estimator):
    with pytest.raises(ValueError, match=r"at least two (sequences|classes)"):
        make(Estimator, early_stopping=True).fit(X[:1], LABELS[:1])


@pytest.mark.parametrize("n_steps", [5_000, pytest.param(100_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("return_sequences", [False, True])
def test_very_long_sequences(cell, return_sequences, n_steps):
    values = np.random.default_rng(0).normal(size=(2 * n_steps, 1))
    long = Sequences(values, [0, n_steps, 2 * n_steps])
    targets = [values[:n_steps, 0], values[n_steps:, 0]] if return_sequences else [0.0, 1.0]
    model = make(cell=cell, max_iter=2, return_sequences=return_sequences).fit(long, targets)
    assert_finite(model)
    predicted = np.concatenate([np.ravel(part) for part in model.predict(long)])
    assert np.isfinite(predicted).all()
    assert len(predicted) == (2 * n_steps if return_sequences else 2)
