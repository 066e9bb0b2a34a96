"""The regressor's losses as a user meets them: what they predict, in what units and shapes."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklstm import LSTMRegressor
from sklstm.losses import REGRESSION_LOSSES

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

LOSSES = pytest.mark.parametrize("loss", REGRESSION_LOSSES)
QUANTILES = [0.1, 0.5, 0.9]
N, N_TRAIN = 1200, 800

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(N, 6, 1))
LAST = X[:, -1, 0]
NOISE = rng.normal(size=N)


def fit(loss, y, X=X[:N_TRAIN], **parameters):
    parameters = {
        "hidden_layer_sizes": 8,
        "max_iter": 30,
        "early_stopping": False,
        "random_state": 0,
        "n_jobs": 1,
        **parameters,
    }
    return LSTMRegressor(loss=loss, **parameters).fit(X, y[:N_TRAIN])


def tiny(loss, **parameters):
    return LSTMRegressor(4, loss=loss, max_iter=3, random_state=0, n_jobs=1, **parameters)


# ---------------------------------------------------------------------------------------------- what is predicted


@LOSSES
def test_the_relation_is_learnt(loss):
    y = np.exp(LAST)
    model = fit(loss, y)
    assert r2_score(y[N_TRAIN:], model.predict(X[N_TRAIN:])) > 0.95


def test_quantiles_have_their_coverage_and_never_cross():
    y = LAST + np.exp(LAST) * rng.exponential(size=N)
    model = fit("quantile", y, quantile=QUANTILES)
    predicted = model.predict(X[N_TRAIN:])
    assert predicted.shape == (N - N_TRAIN, 3)
    assert (np.diff(predicted, axis=1) >= 0).all()
    assert_allclose(np.mean(y[N_TRAIN:, np.newaxis] <= predicted, axis=0), QUANTILES, atol=0.06)
    truth = LAST[N_TRAIN:, np.newaxis] - np.exp(LAST[N_TRAIN:, np.newaxis]) * np.log1p(-np.array(QUANTILES))
    assert (np.abs(predicted - truth).mean(axis=0) < [0.15, 0.25, 0.7]).all()
    # Not even where they were never trained to be apart.
    far = model.predict(np.random.default_rng(1).normal(scale=50, size=(500, 6, 1)))
    assert (np.diff(far, axis=1) >= 0).all()
    scores = [d2_pinball_score(y[N_TRAIN:], predicted[:, k], alpha=q) for k, q in enumerate(QUANTILES)]
    assert_allclose(model.score(X[N_TRAIN:], y[N_TRAIN:]), np.mean(scores), rtol=1e-12)


@pytest.mark.parametrize("quantile", [0.1, 0.8])
def test_one_quantile(quantile):
    y = LAST + NOISE
    model = fit("quantile", y, quantile=quantile, max_iter=15)
    predicted = model.predict(X[N_TRAIN:])
    assert predicted.shape == (N - N_TRAIN,)
    covered = np.mean(NOISE[N_TRAIN:] <= norm.ppf(quantile))  # by the truth, of these very targets
    assert_allclose(np.mean(y[N_TRAIN:] <= predicted), covered, atol=0.04)
    assert model.score(X[N_TRAIN:], y[N_TRAIN:]) == r2_score(y[N_TRAIN:], predicted)


def test_a_median_is_the_absolute_error():
    y = LAST + NOISE
    # One is half of the other, of which Adam takes no notice.
    parameters = {"dtype": "float64", "alpha": 0, "clip_norm": None, "epsilon": 1e-30, "learning_rate": "constant"}
    medians = [fit(loss, y, **parameters, max_iter=3).predict(X) for loss in ["quantile", "absolute_error"]]
    assert_allclose(*medians, rtol=1e-6, atol=1e-6)


def test_rates_are_positive_and_near_the_truth():
    rate = np.exp(1.5 * LAST)
    counts = rng.poisson(rate)
    model = fit("poisson", counts)
    predicted = model.predict(X[N_TRAIN:])
    assert (predicted > 0).all()
    assert_allclose(np.log(predicted), np.log(rate[N_TRAIN:]), atol=0.7)
    assert np.abs(np.log(predicted) - np.log(rate[N_TRAIN:])).mean() < 0.15
    assert (model.predict(np.random.default_rng(1).normal(scale=50, size=(500, 6, 1))) > 0).all()
    assert model.out_activation_ == "exp"


def test_standard_deviations_are_near_the_truth():
    std = np.exp(LAST)
    y = 100 + 10 * LAST + std * NOISE
    model = fit("gaussian_nll", y)
    mean, predicted = model.predict(X[N_TRAIN:], return_std=True)
    assert_array_equal(mean, model.predict(X[N_TRAIN:]))
    assert (predicted > 0).all()
    assert np.abs(np.log(predicted / std[N_TRAIN:])).mean() < 0.15
    assert np.abs(mean - 100 - 10 * LAST[N_TRAIN:]).mean() < 0.5
    z = (y[N_TRAIN:] - mean) / predicted
    assert_allclose([z.mean(), z.std()], [0, 1], atol=0.15)


def test_outliers_bend_the_robust_losses_least():
    y = 3 * LAST
    outliers = y + np.where(np.arange(N) % 10 == 0, 200, 0)
    errors = [
        np.abs(fit(loss, outliers, **parameters).predict(X[N_TRAIN:]) - y[N_TRAIN:]).mean()
        for loss, parameters in [
            ("squared_error", {}),
            ("huber", {"delta": 0.01}),
            ("absolute_error", {}),
            ("quantile", {"quantile": 0.5}),
        ]
    ]
    assert errors[0] > 15
    assert max(errors[1:]) < 1


def test_a_huge_delta_is_the_squared_error():
    y = LAST + NOISE
    assert_allclose(
        fit("huber", y, delta=1e6, dtype="float64").predict(X), fit("squared_error", y, dtype="float64").predict(X)
    )


# ---------------------------------------------------------------------------------------------- units, shapes, forms


@LOSSES
def test_units_carry_over(loss):
    y, offset = np.exp(LAST), 0 if loss == "poisson" else -37
    parameters = {"dtype": "float64", "max_iter": 3, "quantile": QUANTILES}
    expected, scaled = fit(loss, y, **parameters), fit(loss, 1000 * y + offset, **parameters)
    assert_allclose(scaled.predict(X), 1000 * expected.predict(X) + offset, rtol=1e-6, atol=1e-6)
    if loss == "gaussian_nll":
        assert_allclose(
            scaled.predict(X, return_std=True)[1], 1000 * expected.predict(X, return_std=True)[1], rtol=1e-6
        )


@LOSSES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_outputs(loss, dtype):
    y = np.column_stack([np.exp(LAST), 10 + 5 * LAST])
    model = fit(loss, y, quantile=QUANTILES, dtype=dtype)
    predicted = model.predict(X[N_TRAIN:])
    assert predicted.dtype == np.float64
    assert predicted.shape == (N - N_TRAIN, 2, *([3] if loss == "quantile" else []))
    middle = predicted[:, :, 1] if loss == "quantile" else predicted
    assert (r2_score(y[N_TRAIN:], middle, multioutput="raw_values") > 0.9).all()
    assert model.n_outputs_ == {"quantile": 6, "gaussian_nll": 4}.get(loss, 2)
    if loss == "gaussian_nll":
        assert model.predict(X[:5], return_std=True)[1].shape == (5, 2)


@LOSSES
def test_forms_copies_and_going_on(loss):
    few, y = X[:50], np.exp(LAST[:50])
    model = tiny(loss, quantile=QUANTILES).fit(few, y)
    expected = model.predict(few)
    for form in [list(few), few[:, :, 0], np.asfortranarray(few), few[:, :, 0].tolist()]:
        assert_array_equal(tiny(loss, quantile=QUANTILES).fit(form, y).predict(form), expected)
    assert_array_equal(model.predict(few[7:8])[0], expected[7])
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.partial_fit(few, y).predict(few), model.partial_fit(few, y).predict(few))
    frozen = y.astype(np.float32)
    frozen.flags.writeable = False
    assert_array_equal(tiny(loss, quantile=QUANTILES).fit(few, frozen).predict(few).shape, expected.shape)
    one = tiny(loss, quantile=QUANTILES).fit(few[:1], y[:1])
    assert np.isfinite(one.predict(few)).all()


@LOSSES
def test_a_target_a_time_step(loss):
    y = np.exp(np.cumsum(X[:, :, 0], axis=1) / 3)
    y[::3, 2] = np.nan
    model = fit(loss, y, return_sequences=True, quantile=QUANTILES)
    predicted = model.predict(list(X[N_TRAIN:]))
    middle = np.stack(predicted)[:, :, 1] if loss == "quantile" else np.stack(predicted)
    known = ~np.isnan(y[N_TRAIN:])
    assert r2_score(y[N_TRAIN:][known], middle[known]) > 0.9
    if loss == "gaussian_nll":
        mean, std = model.predict(X[N_TRAIN:], return_std=True)
        assert_array_equal(mean, middle)
        assert std.shape == (N - N_TRAIN, 6)
    expected = r2_score(y[N_TRAIN:][known], middle[known])
    if loss == "quantile":
        answers = np.stack(predicted)[known]
        scores = [d2_pinball_score(y[N_TRAIN:][known], answers[:, k], alpha=q) for k, q in enumerate(QUANTILES)]
        expected = np.mean(scores)
    assert_allclose(model.score(X[N_TRAIN:], y[N_TRAIN:]), expected, rtol=1e-9)


def test_targets_far_from_zero_in_their_own_units():
    """Where nothing is standardised, the network starts at the mean all the same."""
    y = 1000 + LAST
    for loss in ["squared_error", "huber", "gaussian_nll"]:
        model = fit(loss, y, standardize=False, skip_connection=False, max_iter=1, learning_rate_init=1e-9)
        assert_allclose(model.predict(X).mean(), y.mean(), atol=1, err_msg=loss)


def test_what_was_fitted_is_scored():
    """Whatever the parameters are by then."""
    model = fit("quantile", LAST, quantile=QUANTILES, max_iter=2)
    expected = model.score(X, LAST)
    assert model.set_params(loss="squared_error").score(X, LAST) == expected


def test_outputs_without_targets_are_left_out_of_scores():
    y = np.repeat(LAST[:, np.newaxis, np.newaxis], 6, axis=1) + np.arange(2)
    y_val = y[:20].copy()
    y_val[:, :, 1] = np.nan
    model = tiny("squared_error", return_sequences=True).fit(X, y, X_val=X[:20], y_val=y_val)
    assert_allclose(model.best_validation_score_, model.score(X[:20], y_val), rtol=1e-5)


def test_score_of_quantiles_needs_a_target_a_sequence():
    model = fit("quantile", LAST, quantile=QUANTILES, max_iter=1)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X[:5], LAST[:4])


@LOSSES
def test_weights_are_repetitions_to_lbfgs(loss):
    weights = np.arange(40) % 3
    few, y = X[:40], np.exp(LAST[:40])
    parameters = {"solver": "lbfgs", "dtype": "float64", "quantile": QUANTILES, "tol": 0}
    weighted = tiny(loss, **parameters).fit(few, y, weights)
    repeated = tiny(loss, **parameters).fit(np.repeat(few, weights, axis=0), np.repeat(y, weights))
    assert_allclose(weighted.predict(few), repeated.predict(few), rtol=1e-6)


@LOSSES
def test_validation_is_by_the_same_loss(loss):
    y = np.exp(LAST)
    model = fit(loss, y, max_iter=5, early_stopping=True, quantile=QUANTILES, alpha=0)
    assert len(model.validation_loss_curve_) == 5
    assert model.best_loss_ == min(model.validation_loss_curve_)
    watched = tiny(loss, quantile=QUANTILES).fit(X[:90], y[:90], X_val=X[90:150], y_val=y[90:150])
    assert_allclose(watched.score(X[90:150], y[90:150]), watched.best_validation_score_, rtol=1e-5)


def test_search_over_losses():
    grid = {"loss": ["squared_error", "huber", "absolute_error", "poisson"], "delta": [0.1, 0.5]}
    search = GridSearchCV(tiny("huber"), grid, cv=2, error_score="raise").fit(X[:60], np.exp(LAST[:60]))
    assert len(set(search.cv_results_["mean_test_score"])) == 5  # delta is of huber only
    scores = cross_val_score(tiny("quantile", quantile=QUANTILES), X[:60], LAST[:60], cv=3)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


# ---------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "quantile", [[0.9, 0.1], [], [0.5, 0.5], [0.0, 0.5], [0.5, 1.0], [[0.5]], [0.1, np.nan], ["a"]], ids=repr
)
def test_quantiles_that_are_none(quantile):
    with pytest.raises(ValueError, match=r"quantile must be a number between 0 and 1.*rising order"):
        tiny("quantile", quantile=quantile).fit(X[:20], LAST[:20])


def test_counts():
    with pytest.raises(ValueError, match=r"y contains a negative value, first in sequence 2; .*choose another loss"):
        tiny("poisson").fit(X[:4], [1, 0, -1, -2])
    with pytest.raises(ValueError, match="Column 0 of y is zero everywhere"):
        tiny("poisson").fit(X[:4], np.zeros(4))
    with pytest.raises(ValueError, match=r"^y_val: .*negative value, first in sequence 1"):
        tiny("poisson").fit(X[:4], np.ones(4), X_val=X[:2], y_val=[1, -1])
    model = tiny("poisson").fit(X[:4], [1, 0, 3, 2])
    with pytest.raises(ValueError, match="negative value"):
        model.partial_fit(X[:4], [1, 0, -1, -2])


def test_standard_deviations_of_other_losses():
    with pytest.raises(ValueError, match='return_std=True needs a model that was fitted with loss="gaussian_nll"'):
        tiny("huber").fit(X[:20], LAST[:20]).predict(X[:20], return_std=True)
    with pytest.raises(NotFittedError):
        tiny("gaussian_nll").predict(X[:20], return_std=True)
