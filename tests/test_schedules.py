"""Learning rates over the course of a training, against their formulas."""

import numpy as np
import pytest
from checks import ESTIMATORS
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sklstm.optimizers import Adam
from sklstm.schedules import Cosine, InverseScaling, OneCycle

N, BATCH_SIZE, MAX_ITER = 20, 8, 5
SEEN = (N * np.arange(MAX_ITER)[:, np.newaxis] + [0, 8, 16]).ravel()  # sequences before each step
X = np.random.default_rng(0).normal(size=(N, 3, 2))
Y = (X[:, :, 0].sum(axis=1) > 0).astype(int)

one_cycle = OneCycle(0.5, 1000)
FORMULAS = {
    "constant": lambda t, end: np.ones_like(t),
    "invscaling": lambda t, end: 1 / (t + 1) ** 0.7,
    "cosine": lambda t, end: (1 + np.cos(np.pi * t / end)) / 2,
    "one_cycle": lambda t, end: np.where(
        t < 0.3 * end,
        1 / 25 + 24 / 25 * t / (0.3 * end),
        1e-4 + (1 - 1e-4) * (1 + np.cos(np.pi * (t / end - 0.3) / 0.7)) / 2,
    ),
}


def make(Estimator, **parameters):
    return Estimator(
        4, batch_size=BATCH_SIZE, max_iter=MAX_ITER, learning_rate_init=0.02, random_state=0, n_jobs=1, **parameters
    )


@pytest.fixture
def learning_rates(monkeypatch):
    """The learning rate at each of Adam's steps."""
    seen = []
    step = Adam.step

    def spy(self, parameters, gradient, n_threads):
        seen.append(self.learning_rate)
        step(self, parameters, gradient, n_threads)

    monkeypatch.setattr(Adam, "step", spy)
    return seen


def test_inverse_scaling():
    schedule = InverseScaling(0.5, 0.25)
    assert schedule(0) == 0.5
    assert_allclose([schedule(15), schedule(80)], [0.25, 0.5 / 3])
    assert InverseScaling(0.5, 0.0)(1000) == 0.5


def test_cosine():
    schedule = Cosine(0.5, 1000)
    assert schedule(0) == 0.5
    assert_allclose([schedule(250), schedule(500), schedule(1000)], [(2 + 2**0.5) / 8, 0.25, 0], atol=1e-16)


def test_one_cycle():
    assert one_cycle(0) == 0.02
    assert_allclose([one_cycle(150), one_cycle(300)], [0.26, 0.5])
    assert_allclose([one_cycle(650), one_cycle(1000)], [(0.5 + 5e-5) / 2, 5e-5])


@ESTIMATORS
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", FORMULAS)
def test_fit_sets_the_rate_of_every_step(Estimator, name, learning_rates):
    model = make(Estimator, learning_rate=name, power_t=0.7, n_iter_no_change=np.inf)
    for _ in range(2):  # anew each time
        learning_rates.clear()
        model.fit(X, Y)
        assert_allclose(learning_rates, 0.02 * FORMULAS[name](SEEN, MAX_ITER * N), rtol=1e-12)


@ESTIMATORS
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_end_counts_what_is_trained_on(Estimator, learning_rates):
    model = make(Estimator, learning_rate="cosine", early_stopping=True, validation_fraction=0.2)
    model.fit(X, Y)
    assert model.t_ == 16 * MAX_ITER
    assert_allclose(learning_rates, 0.02 * FORMULAS["cosine"](8 * np.arange(2 * MAX_ITER), 16 * MAX_ITER))


@ESTIMATORS
def test_inverse_scaling_goes_on_in_partial_fit(Estimator, learning_rates):
    model = make(Estimator, learning_rate="invscaling", power_t=0.7)
    for _ in range(MAX_ITER):
        model.partial_fit(X, Y)
    assert_allclose(learning_rates, 0.02 * FORMULAS["invscaling"](SEEN, None), rtol=1e-12)
    assert model.t_ == MAX_ITER * N


@ESTIMATORS
@pytest.mark.parametrize("name", FORMULAS)
def test_only_a_plan_goes_on_without_progress(Estimator, name):
    model = make(Estimator, learning_rate=name, n_iter_no_change=1, tol=1e9).fit(X, Y)
    assert model.n_iter_ == (MAX_ITER if name in ["cosine", "one_cycle"] else 2)


@ESTIMATORS
@pytest.mark.parametrize("name", FORMULAS)
def test_a_plan_carried_out_is_no_failure(Estimator, name, recwarn):
    make(Estimator, learning_rate=name).fit(X, Y)
    warned = any(issubclass(warning.category, ConvergenceWarning) for warning in recwarn)
    assert warned == (name not in ["cosine", "one_cycle"])
