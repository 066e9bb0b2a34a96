"""Training at its limits: weights, rare classes, settings that diverge, and single precision beside double."""

import warnings

import numpy as np
import pytest
from checks import ESTIMATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_predict
from test_extreme_numbers import LABELS, N, X, Y, answers, assert_finite, make

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.averaging import Average
from sklstm.datasets import make_adding_problem, make_vital_signs
from sklstm.layout import CELLS
from sklstm.optimizers import Adam

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"),
]


# ---------------------------------------------------------------------------------------------- weights


@ESTIMATORS
@pytest.mark.parametrize("weight", [1e-300, 1e-30, 1e30, 1e300])
def test_weights_count_beside_each_other(Estimator, weight):
    weights = 1.0 + np.arange(N)
    expected = answers(make(Estimator).fit(X, LABELS, sample_weight=weights), X)
    assert_allclose(answers(make(Estimator).fit(X, LABELS, sample_weight=weight * weights), X), expected, rtol=1e-4)


@ESTIMATORS
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    "weights", [np.arange(N) == 3, np.arange(N) < 2, LABELS, np.where(LABELS, 1e300, 1e-300), 1 + 1e300 * LABELS]
)
def test_next_to_all_of_the_weight_may_lie_on_some(Estimator, solver, weights):
    model = make(Estimator, solver=solver).fit(X, LABELS, sample_weight=weights.astype(float))
    assert_finite(model)
    assert np.isfinite(answers(model, X)).all()


@ESTIMATORS
@pytest.mark.parametrize("weight", [5e-324, 1e307])
def test_a_sum_of_weights_that_is_no_number_is_an_error(Estimator, weight):
    with pytest.raises(ValueError, match=r"sum of the weights.*multiply sample_weight"):
        make(Estimator).fit(X, LABELS, sample_weight=np.full(N, weight))


def test_class_weights_that_overflow_are_an_error():
    weights = np.full(N, 1e300)
    with pytest.raises(ValueError, match=r"sum of the weights.*or class_weight"):
        make(LSTMClassifier, class_weight={0: 1e300, 1: 1}).fit(X, LABELS, sample_weight=weights)
    assert_finite(make(LSTMClassifier, class_weight={0: 1e-300, 1: 1}).fit(X, LABELS, sample_weight=weights))


def test_a_penalty_beside_next_to_no_weight_is_advised_against():
    with pytest.raises(ValueError, match="not finite to begin with: look at the scale of X, y and the weights"):
        make(solver="lbfgs", alpha=1e10).fit(X, Y, sample_weight=np.full(N, 1e-305))


# ---------------------------------------------------------------------------------------------- classes


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("n", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_one_of_very_many(n, class_weight):
    values = np.random.default_rng(0).normal(size=(n, 3, 1))
    labels = (np.arange(n) == 7).astype(int)
    values[7] += 8
    model = make(LSTMClassifier, class_weight=class_weight, max_iter=8, batch_size=32, early_stopping=False)
    probability = model.fit(values, labels).predict_proba(values)
    assert np.isfinite(probability).all()
    assert probability[:, 1].argmax() == 7
    assert class_weight is None or probability[7, 1] > 0.5


def test_a_class_that_a_fold_misses_has_probability_zero_there():
    labels = np.r_[np.zeros(8), np.ones(8), np.full(8, 2)].astype(int)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        probability = cross_val_predict(make(LSTMClassifier), X, labels, cv=KFold(3), method="predict_proba")
    assert any("Number of classes in training fold" in str(warning.message) for warning in caught)
    assert_array_equal(probability[np.arange(N), labels], 0)
    assert_allclose(probability.sum(axis=1), 1)


def test_a_single_class_is_an_error():
    with pytest.raises(ValueError, match=r"at least two classes, but y holds only one class: \[4\]"):
        make(LSTMClassifier).fit(X, np.full(N, 4))


# ---------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize("solver", ["adam", "adamw", "rmsprop", "sgd"])
@pytest.mark.parametrize("clip_norm", [None, 1e-30, 1.0])
@pytest.mark.parametrize("rate", [1e-30, 1.0, 1e10, 1e38, 1e300])
@ESTIMATORS
def test_any_learning_rate_ends_in_a_model_or_in_advice(Estimator, rate, clip_norm, solver):
    model = make(Estimator, solver=solver, learning_rate_init=rate, clip_norm=clip_norm)
    try:
        model.fit(X, LABELS)
    except ValueError as error:
        assert rate >= 1e10
        assert "Training diverged" in str(error)  # noqa: PT017
        assert "Lower learning_rate_init" in str(error)  # noqa: PT017
    else:
        assert_finite(model)
        assert np.isfinite(answers(model, X)).all()


@ESTIMATORS
@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": "invscaling", "power_t": 300.0},
        {"epsilon": 5e-324},
        {"epsilon": 1e300},
        {"solver": "sgd", "momentum": 1 - 1e-16},
        {"beta_1": 1 - 1e-16, "beta_2": 1 - 1e-16},
        {"dropout": 0.99, "recurrent_dropout": 0.99},
        {"alpha": 1e3},
        {"tol": 0.0},
        {"tol": 1e300},
    ],
    ids=str,
)
def test_settings_at_their_limits(Estimator, parameters):
    model = make(Estimator, **parameters).fit(X, LABELS)
    assert_finite(model)
    assert np.isfinite(answers(model, X)).all()


def test_averages_of_what_diverges_are_not_warned_of():
    largest = np.finfo(np.float32).max
    parameters = np.full(3, largest, dtype=np.float32)
    average = Average(parameters)
    parameters[:] = [-largest, np.inf, np.nan]
    average.add()
    average.show()
    assert not np.isfinite(parameters).any()


# ---------------------------------------------------------------------------------------------- single precision


TASKS = {
    "adding": lambda: (LSTMRegressor, *make_adding_problem(200, 20, random_state=0)),
    "vital signs": lambda: (LSTMClassifier, *make_vital_signs(200, random_state=0)[:2]),
    "noise": lambda: (LSTMRegressor, np.random.default_rng(0).normal(size=(150, 12, 3)), np.sin(np.arange(150))),
    "tiny": lambda: (LSTMRegressor, X, Y),
}
SOAK = pytest.mark.soak


def curves(task, cell):
    Estimator, sequences, targets = TASKS[task]()
    # A rate that stays, and not too high: a decision to lower it, or a step across a ravine, parts the curves for good.
    settings = {"learning_rate": "constant", "learning_rate_init": 1e-3, "early_stopping": False, "tol": 0}
    return [
        make(Estimator, cell=cell, dtype=dtype, max_iter=200, n_iter_no_change=np.inf, **settings)
        .set_params(hidden_layer_sizes=4 if task == "tiny" else 16, batch_size=32)
        .fit(sequences, targets)
        .loss_curve_
        for dtype in ("float32", "float64")
    ]


def assert_within_the_band(task, single, double):
    """Of ten epochs 1e-5 of the loss; of 200, 1 % of the loss that training begins with, or less of a small task."""
    single, double = np.array(single), np.array(double)
    assert len(single) == 200
    assert_allclose(single[:10], double[:10], rtol=1e-5)
    assert_allclose(single, double, rtol=0, atol=(1e-4 if task == "tiny" else 0.01) * double[0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("task", ["tiny", *(pytest.param(task, marks=SOAK) for task in TASKS if task != "tiny")])
def test_single_precision_trains_as_double_precision_does(task, cell):
    assert_within_the_band(task, *curves(task, cell))


@pytest.mark.parametrize("n_exact", [0, 12])
def test_less_than_single_precision_leaves_the_band(monkeypatch, n_exact):
    step, n_steps = Adam.step, 0

    def rounded(self, parameters, gradient, n_threads):
        nonlocal n_steps
        step(self, parameters, gradient, n_threads)
        if parameters.dtype == np.float32:
            n_steps += 1
            if n_steps > n_exact:
                parameters[:] = parameters.astype(np.float16)

    monkeypatch.setattr(Adam, "step", rounded)
    with pytest.raises(AssertionError):
        assert_within_the_band("tiny", *curves("tiny", "lstm"))
