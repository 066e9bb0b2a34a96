"""`average=True`: the moving average of the weights, recorded step by step and taken anew in NumPy."""

import numpy as np
import pytest
from checks import ESTIMATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sklstm import as_sequences
from sklstm.optimizers import Adam
from sklstm.training import Trainer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TINY = {"hidden_layer_sizes": 3, "max_iter": 4, "batch_size": 8, "random_state": 0, "n_jobs": 1, "dtype": "float64"}
N = 40

rng = np.random.default_rng(0)
X = as_sequences([rng.normal(size=(length, 2)) for length in rng.integers(2, 7, size=N)])
SUMS = np.array([x[:, 0].sum() for x in X])
Y = np.int64(np.median(SUMS) < SUMS)  # classes, or numbers


def make(Estimator, **parameters):
    return Estimator(**{**TINY, **parameters})


def weights(model):
    return model._network.parameters.copy()


class Epoch:
    """Parameters before and after an epoch, and after each of its steps."""

    def __init__(self, before):
        self.before, self.steps, self.after = before, [], None


@pytest.fixture
def epochs(monkeypatch):
    """What became of the parameters in each epoch."""
    seen = []
    epoch, step = Trainer.epoch, Adam.step

    def watched_epoch(self):
        seen.append(Epoch(self.network.parameters.copy()))
        loss = epoch(self)
        seen[-1].after = self.network.parameters.copy()
        return loss

    def watched_step(self, parameters, gradient, n_threads):
        step(self, parameters, gradient, n_threads)
        seen[-1].steps.append(parameters.copy())

    monkeypatch.setattr(Trainer, "epoch", watched_epoch)
    monkeypatch.setattr(Adam, "step", watched_step)
    return seen


def check_average(epochs):
    """Each epoch shows the average of all steps since the first of these epochs began."""
    mean, n = epochs[0].before, 0
    for epoch in epochs:
        for parameters in epoch.steps:
            n += 1
            share = max(0.01, 9 / (n + 9))
            mean = (1 - share) * mean + share * parameters
        assert_allclose(epoch.after, mean, rtol=1e-9, atol=1e-12)


@ESTIMATORS
@pytest.mark.parametrize("parameters", [{}, {"batch_size": 1, "max_iter": 25}], ids=["few steps", "1000 steps"])
def test_an_epoch_ends_with_the_average_over_the_steps(Estimator, parameters, epochs):
    """Of 1,000 steps the last ones count one percent each."""
    make(Estimator, learning_rate="constant", n_iter_no_change=np.inf, **parameters).fit(X, Y)
    assert sum(len(epoch.steps) for epoch in epochs) == (1000 if parameters else 20)
    check_average(epochs)
    assert not np.allclose(epochs[-1].after, epochs[-1].steps[-1], rtol=1e-3)


@ESTIMATORS
def test_averaging_does_not_touch_the_steps(Estimator, epochs):
    make(Estimator).fit(X, Y)
    averaged = [step for epoch in epochs for step in epoch.steps]
    epochs.clear()
    model = make(Estimator, average=False).fit(X, Y)
    assert_array_equal(averaged, [step for epoch in epochs for step in epoch.steps])
    assert_array_equal(weights(model), epochs[-1].steps[-1])


@ESTIMATORS
@pytest.mark.parametrize("watched", [False, True])
def test_the_average_is_watched_and_the_best_is_kept(Estimator, watched, epochs):
    validation = (
        {"X_val": X[:10], "y_val": 1 - Y[:10]} if watched else {}
    )  # the opposite: the best epoch is an early one
    model = make(Estimator, max_iter=6, **validation and {"learning_rate_init": 0.05}).fit(X, Y, **validation)
    curve = model.validation_loss_curve_ if watched else model.loss_curve_
    best = epochs[int(np.argmin(curve))]
    assert_array_equal(weights(model), best.after)
    assert not np.array_equal(best.after, best.steps[-1])
    if watched:
        assert np.argmin(curve) < 5
        assert_allclose(model.score(X[:10], 1 - Y[:10]), model.best_validation_score_, rtol=1e-12)


@ESTIMATORS
def test_the_average_begins_anew_when_the_learning_rate_falls(Estimator, epochs):
    model = make(Estimator, max_iter=8, n_iter_no_change=10, tol=1e9).fit(X, Y)
    assert model.n_iter_ == 8
    # Epochs 2 to 5 are without progress: epoch 6 goes on from the best weights.
    best = epochs[int(np.argmin(model.loss_curve_[:5]))].after
    assert_array_equal(epochs[5].before, best)
    check_average(epochs[:5])
    check_average(epochs[5:])
    first = make(Estimator, max_iter=8).fit(X, Y)  # without a fall it is another way
    assert not np.array_equal(weights(first), weights(model))


@ESTIMATORS
def test_a_warm_start_goes_on_from_the_average_and_begins_another(Estimator, epochs):
    model = make(Estimator, warm_start=True).fit(X, Y)
    kept = weights(model)
    epochs.clear()
    model.fit(X, Y)
    assert_array_equal(epochs[0].before, kept)
    check_average(epochs)


@ESTIMATORS
def test_partial_fit_goes_on_from_the_average_without_averaging(Estimator, epochs):
    model = make(Estimator).fit(X, Y)
    kept = weights(model)
    epochs.clear()
    model.partial_fit(X, Y)
    assert_array_equal(epochs[0].before, kept)
    assert_array_equal(weights(model), epochs[0].steps[-1])


@ESTIMATORS
def test_nothing_is_averaged_by_lbfgs(Estimator):
    models = [make(Estimator, solver="lbfgs", average=average).fit(X, Y) for average in [False, True]]
    assert_array_equal(*map(weights, models))


@ESTIMATORS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_average_does_not_depend_on_threads(Estimator, dtype):
    models = [make(Estimator, n_jobs=n_jobs, dtype=dtype).fit(X, Y) for n_jobs in [1, 2]]
    assert_array_equal(*map(weights, models))
