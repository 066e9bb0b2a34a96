"""Training by L-BFGS: its gradient, where it ends, and what it leaves behind."""

import warnings

import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from test_callbacks import Recorder, epochs
from threadpoolctl import threadpool_limits

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.training import Trainer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

N = 40

rng = np.random.default_rng(0)
X = [rng.normal(size=(length, 2)) for length in rng.integers(2, 7, size=N)]
Y = (np.array([x[:, 0].sum() for x in X]) > 0).astype(int)
WEIGHTS = rng.integers(0, 4, size=N)


def make(Estimator, **parameters):
    defaults = {"hidden_layer_sizes": 4, "max_iter": 8, "batch_size": 16, "dtype": "float64", "random_state": 0}
    return Estimator(solver="lbfgs", **{**defaults, "n_jobs": 1, **parameters})


def predictions(model):
    return model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)


@pytest.fixture
def trainers(monkeypatch):
    """The trainer of each fit."""
    seen = []
    start = Trainer.__init__

    def starting(self, *args, **kwargs):
        seen.append(self)
        start(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "__init__", starting)
    return seen


@pytest.fixture
def n_evaluations(monkeypatch):
    """One item for each time that the loss is computed; raises the error that it is given with its number."""
    seen, errors = [], {}
    whole = Trainer.whole

    def counting(self, parameters):
        seen.append(None)
        if len(seen) in errors:
            raise errors[len(seen)]
        return whole(self, parameters)

    monkeypatch.setattr(Trainer, "whole", counting)
    return seen, errors


# ---------------------------------------------------------------------------------------------- where it ends


@ESTIMATORS
def test_gradient_of_the_whole(Estimator, trainers):
    make(Estimator, alpha=0.5, max_iter=2).fit(X, Y, WEIGHTS)
    (trainer,) = trainers
    parameters = trainer.network.parameters.copy()
    gradient = trainer.whole(parameters)[1]
    for k in range(0, len(parameters), 7):
        values = []
        for step in [1e-5, -1e-5]:
            moved = parameters.copy()
            moved[k] += step
            values.append(trainer.whole(moved)[0])
        assert_allclose(gradient[k], (values[0] - values[1]) / 2e-5, rtol=1e-6, atol=1e-9)


@ESTIMATORS
def test_loss_curve_is_the_loss_after_each_iteration(Estimator):
    model = make(Estimator, alpha=0.5).fit(X, Y, WEIGHTS)
    if Estimator is LSTMRegressor:
        each = ((model.predict(X) - Y) / model._loss._scale) ** 2 / 2
    else:
        each = -model.predict_log_proba(X)[np.arange(N), Y]
    network = model._network
    penalty = 0.5 / 2 * np.sum(network.parameters[: network.n_weights] ** 2) / WEIGHTS.sum()
    assert_allclose(model.loss_curve_[-1], np.average(each, weights=WEIGHTS) + penalty, rtol=1e-12)
    assert (np.diff(model.loss_curve_) < 0).all()
    assert model.best_loss_ == model.loss_curve_[-1]
    assert len(model.loss_curve_) == model.n_iter_ == 8


@ESTIMATORS
def test_it_ends_where_the_gradient_vanishes(Estimator, trainers):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        make(Estimator, alpha=1.0, tol=1e-3, max_iter=1000).fit(X, Y)
    (trainer,) = trainers
    assert np.abs(trainer.whole(trainer.network.parameters)[1]).max() <= 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_optimum_of_a_convex_problem(n_classes, dtype):
    """Sequences that are all the same leave only the output's bias to be learnt: the share of each class."""
    labels, weights = np.arange(30) % n_classes, np.arange(30) % 4 + 1.0
    model = make(LSTMClassifier, alpha=0, tol=1e-7, max_iter=200, dtype=dtype).fit([X[0]] * 30, labels, weights)
    shares = np.bincount(labels, weights) / weights.sum()
    assert_allclose(model.predict_proba(X[:1]), [shares], rtol=1e-4)
    assert_allclose(model.best_loss_, -np.sum(shares * np.log(shares)), rtol=1e-6)


@ESTIMATORS
def test_it_goes_deeper_than_adam(Estimator):
    parameters = {"max_iter": 200, "alpha": 0.1, "batch_size": N, "tol": 1e-6}
    newton = make(Estimator, **parameters).fit(X, Y)
    adam = make(Estimator, **parameters).set_params(solver="adam").fit(X, Y)
    assert newton.best_loss_ < 0.95 * adam.best_loss_


# ---------------------------------------------------------------------------------------------- the same result


@ESTIMATORS
def test_whole_weights_are_repetitions(Estimator):
    weighted = make(Estimator, alpha=0.5).fit(X, Y, WEIGHTS)
    repeated = make(Estimator, alpha=0.5).fit([X[i] for i in np.repeat(np.arange(N), WEIGHTS)], np.repeat(Y, WEIGHTS))
    assert_allclose(predictions(weighted), predictions(repeated), rtol=1e-7, atol=1e-9)
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


@ESTIMATORS
def test_minibatches_are_parts_of_the_whole(Estimator):
    expected = make(Estimator, batch_size=N, shuffle=False).fit(X, Y)
    for batch_size in [7, 16]:
        model = make(Estimator, batch_size=batch_size).fit(X, Y)
        assert_allclose(model._network.parameters, expected._network.parameters, rtol=1e-7, atol=1e-9)


@ESTIMATORS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_threads(Estimator, dtype):
    """So many parameters that BLAS would part the sums of L-BFGS among its threads."""
    networks = []
    for n_threads in [1, 2, 1]:
        with threadpool_limits(n_threads, user_api="blas"):
            model = make(Estimator, hidden_layer_sizes=(65, 64), dtype=dtype, n_jobs=n_threads).fit(X, Y)
        networks.append(model._network.parameters)
    assert_same_bits(networks[1], networks[0], "on 2 threads")
    assert_same_bits(networks[2], networks[0], "once more")


@ESTIMATORS
def test_warm_start_goes_on(Estimator):
    model = make(Estimator, warm_start=True).fit(X, Y)
    loss = model.best_loss_
    assert model.fit(X, Y).loss_curve_[0] < loss


# ---------------------------------------------------------------------------------------------- stops and warnings


@ESTIMATORS
def test_an_optimum_to_begin_with(Estimator):
    model = make(Estimator, warm_start=True, alpha=1.0, tol=1e-2, max_iter=1000).fit(X, Y)
    before = model._network.parameters.copy()
    recorder = Recorder()
    model.set_callbacks(recorder).set_params(tol=1.0).fit(X, Y)
    assert_array_equal(model._network.parameters, before)
    assert model.n_iter_ == 1
    assert epochs(recorder) == [("begin", "epoch", 0), ("end", "epoch", 0)]


@ESTIMATORS
@pytest.mark.parametrize(("name", "value"), [("max_iter", 3), ("max_fun", 4)])
def test_running_out_warns_the_caller(Estimator, name, value, n_evaluations):
    evaluations = n_evaluations[0]
    model = make(Estimator, **{"max_iter": 100, name: value})
    with pytest.warns(ConvergenceWarning, match="has not converged.*raise max_iter, max_fun or tol") as record:
        model.fit(X, Y)
    assert record[0].filename == __file__
    if name == "max_iter":
        assert model.n_iter_ == 3
    else:
        assert len(evaluations) > 4
        evaluations.clear()
        make(Estimator, max_iter=model.n_iter_ - 1).fit(X, Y)
        assert len(evaluations) <= 4


@ESTIMATORS
def test_a_large_set_is_not_split(Estimator, trainers):
    table = rng.normal(size=(1200, 2))
    model = make(Estimator, max_iter=1, batch_size=600).fit(table, table[:, 0] > 0)
    assert len(trainers[0].rows) == 1200
    assert model.validation_scores_ is None


@ESTIMATORS
@pytest.mark.parametrize("by", ["evaluation", "callback"])
def test_an_interruption_keeps_the_best_weights(Estimator, by, n_evaluations):
    model = make(Estimator, max_iter=50)
    if by == "callback":
        model.set_callbacks(Recorder(stop=2, error=KeyboardInterrupt()))
    else:
        n_evaluations[1][6] = KeyboardInterrupt()
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    n_evaluations[1].clear()
    expected = make(Estimator, max_iter=model.n_iter_).fit(X, Y)
    assert model.n_iter_ >= 2
    assert_array_equal(model._network.parameters, expected._network.parameters)


@ESTIMATORS
def test_an_iteration_is_an_epoch_to_callbacks(Estimator):
    recorder = Recorder()
    model = make(Estimator).set_callbacks(recorder).fit(X, Y)
    assert epochs(recorder) == [(when, "epoch", i) for i in range(8) for when in ["begin", "end"]]
    for i, seen in enumerate(recorder.models, start=1):
        assert_array_equal(predictions(seen), predictions(make(Estimator, max_iter=i).fit(X, Y)))
    assert_array_equal(predictions(seen), predictions(model))


@ESTIMATORS
def test_a_line_search_that_fails_ends_its_epoch(Estimator, monkeypatch):
    whole, losses = Trainer.whole, []

    def misleading(self, parameters):
        loss, gradient = whole(self, parameters)
        losses.append(loss)
        return loss, gradient if len(losses) <= 5 else -gradient

    monkeypatch.setattr(Trainer, "whole", misleading)
    recorder = Recorder()
    with pytest.warns(ConvergenceWarning, match="ABNORMAL"):
        model = make(Estimator).set_callbacks(recorder).fit(X, Y)
    assert epochs(recorder) == [(when, "epoch", i) for i in range(model.n_iter_ + 1) for when in ["begin", "end"]]
    assert recorder.models[-1].n_iter_ == model.n_iter_
    assert_array_equal(predictions(recorder.models[-1]), predictions(model))


@ESTIMATORS
def test_a_callback_that_returns_true_stops(Estimator):
    model = make(Estimator, max_iter=50).set_callbacks(Recorder(stop=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(X, Y)
    assert model.n_iter_ == 2
    assert_array_equal(model._network.parameters, make(Estimator, max_iter=2).fit(X, Y)._network.parameters)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_infinite_to_begin_with():
    with pytest.raises(ValueError, match=r"not finite to begin with.*lower alpha"):
        make(LSTMRegressor, alpha=1e300).fit(X, Y)
