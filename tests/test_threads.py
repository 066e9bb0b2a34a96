"""The same bits on any number of threads and in any process; and how many threads there are."""

import naive
import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits, run_python, slow_to_converge
from threadpoolctl import threadpool_limits

from sklstm import LSTMRegressor, threads
from sklstm._core import openmp, optimizers
from sklstm.layout import CELLS
from sklstm.minibatch import Minibatch
from sklstm.threads import effective_n_threads

SHIFT, SCALE = np.array([0.3, -1.0, 0.1]), np.array([0.5, 2.0, 1.5])
WIDTHS = [5, 33, 64, 100]
# Widths that do and do not fill vectors and tiles, stacks, and a wide layer.
STACKS = [*((width,) for width in WIDTHS), (64, 33), (7, 16, 5), (256,)]
DATA = naive.random_sequences(naive.ragged_lengths(45, longest=9), 3)

needs_openmp = pytest.mark.skipif(not openmp.ENABLED, reason="built without OpenMP")


# ---------------------------------------------------------------------------------------------- bits


@needs_openmp
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", STACKS, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_minibatch_does_not_depend_on_threads(cell, sizes, dtype):
    network = naive.random_network(3, sizes, 2, dtype, cell)

    def passes(n_threads):
        minibatch = Minibatch(network, DATA, SHIFT, SCALE, n_threads, input_gradient=True)
        _, out = minibatch.forward(np.arange(len(DATA)))
        dx = minibatch.backward(np.ascontiguousarray(out - 0.5))
        return {"out": out, "gradient": minibatch.gradient, "dx": dx}

    expected = passes(1)
    for n_threads in [2, 4, 2, 4, 3]:  # blocks are handed out anew each time
        for name, array in passes(n_threads).items():
            assert_same_bits(array, expected[name], f"{name} on {n_threads} threads")


def fit(estimator, n_jobs, **parameters):
    """Three epochs, with validation; everything that training leaves behind."""
    rng = np.random.RandomState(0)
    model = estimator(
        (33, 8), max_iter=3, batch_size=20, n_jobs=n_jobs, random_state=0, early_stopping=True, **parameters
    )
    y = rng.normal(size=(len(DATA), 2)) if estimator is LSTMRegressor else rng.randint(0, 3, size=len(DATA))
    model.fit(DATA, y)
    predict = model.predict if estimator is LSTMRegressor else model.predict_proba
    curves = np.array([model.loss_curve_, model.validation_loss_curve_])
    return {"parameters": model._network.parameters, "curves": curves, "predictions": predict(DATA)}


@needs_openmp
@slow_to_converge
@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd", "dtype": "float64"}], ids=["adam", "sgd"])
@ESTIMATORS
def test_training_does_not_depend_on_threads(Estimator, parameters):
    expected = fit(Estimator, 1, **parameters)
    assert len(np.unique(expected["curves"][0])) == 3  # it did train
    for n_jobs in [1, 2, 4]:
        for name, array in fit(Estimator, n_jobs, **parameters).items():
            assert_same_bits(array, expected[name], f"{name} with n_jobs={n_jobs}")


def test_sums_do_not_depend_on_where_memory_begins():
    """A loop over numbers that begin off a vector's boundary must not be cut elsewhere, and add up in another order."""
    numbers = np.random.RandomState(0).normal(size=5000).astype(np.float32)
    norms = set()
    for offset in [0, 1, 6, 11]:
        memory = np.zeros(len(numbers) + offset, dtype=np.float32)
        memory[offset:] = numbers
        norms.add(optimizers.clip(memory[offset:], 1.0, 1))
    assert len(norms) == 1


# ---------------------------------------------------------------------------------------------- thread counts


@pytest.fixture
def six_cores(monkeypatch):
    """A machine of six cores without OMP_NUM_THREADS."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_n_physical_cores", lambda: 6)


@needs_openmp
@pytest.mark.parametrize(
    ("limit", "n_jobs", "expected"),
    [
        (4, None, 4),  # what threadpoolctl allows
        (9, None, 6),  # no more than the physical cores
        (4, 1, 1),
        (4, 3, 3),
        (4, 8, 8),  # whoever asks for more gets it
        (4, -1, 4),
        (4, -2, 3),
        (9, -2, 5),
        (4, -4, 1),
        (4, -100, 1),
    ],
)
def test_number_of_threads(limit, n_jobs, expected, six_cores):
    with threadpool_limits(limit, user_api="openmp"):
        assert effective_n_threads(n_jobs) == expected


@needs_openmp
def test_limit_ends_with_its_context(six_cores):
    before = effective_n_threads(None)
    with threadpool_limits(1, user_api="openmp"):
        assert effective_n_threads(None) == 1
    assert effective_n_threads(None) == before


@needs_openmp
def test_environment_sets_the_number_of_threads():
    """OMP_NUM_THREADS never asks for more than there are cores; threadpoolctl lowers it; n_jobs may ask for more."""
    code = """
from threadpoolctl import threadpool_limits
from sklstm.threads import effective_n_threads as n
print(n(None), n(-1), n(-2), n(2))
with threadpool_limits(3, user_api="openmp"):
    print(n(None))
"""
    n = threads._n_physical_cores()
    expected = [n, n, max(1, n - 1), 2, min(n, 3)]
    assert run_python(code, OMP_NUM_THREADS=str(n + 5)).split() == [str(k) for k in expected]
    assert run_python(code, OMP_NUM_THREADS="1").split() == ["1", "1", "1", "2", str(min(n, 3))]


@needs_openmp
def test_without_the_environment_cores_are_the_limit():
    code = "from sklstm import threads; print(threads.effective_n_threads(None) <= threads._n_physical_cores())"
    assert run_python(code, OMP_NUM_THREADS=None) == "True"


@slow_to_converge
@needs_openmp
def test_estimators_hand_n_jobs_down(monkeypatch):
    """`fit`, `predict` and `stream` ask for as many threads as n_jobs says."""
    asked = []
    for module in ["base", "fitted", "network_stream"]:
        monkeypatch.setattr(f"sklstm.{module}.effective_n_threads", lambda n_jobs: asked.append(n_jobs) or 1)
    model = LSTMRegressor(2, max_iter=1, n_jobs=-3).fit(DATA, np.arange(45.0))
    model.predict(DATA)
    model.stream(1_000_000)
    assert asked == [-3, -3, -3]
