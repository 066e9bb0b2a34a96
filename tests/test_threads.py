"""The same bits on any number of threads and in any process; and how many threads there are."""

import hashlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import joblib
import naive
import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits, run_python, slow_to_converge
from threadpoolctl import OpenBLASController, threadpool_info, threadpool_limits

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, scaling, threads
from sklstm._core import openmp, optimizers
from sklstm.layout import CELLS
from sklstm.minibatch import Minibatch
from sklstm.threads import effective_n_threads, single_threaded_blas

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


def digest(estimator_name, n_jobs):
    hashes = hashlib.sha256()
    for array in fit({"r": LSTMRegressor, "c": LSTMClassifier}[estimator_name], n_jobs).values():
        hashes.update(array.tobytes())
    return hashes.hexdigest()


@slow_to_converge
def test_training_does_not_depend_on_the_process():
    """Neither on the addresses that memory has there, nor on the hash seed."""
    code = "import test_threads as t; print(*(t.digest(k, 2) for k in 'rc'))"
    assert run_python(code, PYTHONHASHSEED="7", PYTHONWARNINGS="ignore").split() == [digest("r", 1), digest("c", 1)]


def test_sums_do_not_depend_on_where_memory_begins():
    """A loop over numbers that begin off a vector's boundary must not be cut elsewhere, and add up in another order."""
    numbers = np.random.RandomState(0).normal(size=5000).astype(np.float32)
    norms = set()
    for offset in [0, 1, 6, 11]:
        memory = np.zeros(len(numbers) + offset, dtype=np.float32)
        memory[offset:] = numbers
        norms.add(optimizers.clip(memory[offset:], 1.0, 1))
    assert len(norms) == 1


def test_concurrent_predictions():
    """Python threads that predict at once share no memory, and leave BLAS as it is."""
    network = naive.random_network(3, (33, 8), 2, "float32")
    expected = network.predict(DATA, SHIFT, SCALE, 1)
    before = blas_threads()
    with ThreadPoolExecutor(4) as pool:
        for out in pool.map(lambda _: network.predict(DATA, SHIFT, SCALE, 2), range(40)):
            assert_same_bits(out, expected)
        assert blas_threads() == before


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


def step_of(stream):
    return stream.step(np.tile(DATA[0][0], (stream.n_streams, 1)))


def child_of_a_fork(model, stream, expected, results):
    results.put((effective_n_threads(None), effective_n_threads(2), np.array_equal(model.predict(DATA), expected)))
    results.put(step_of(stream).tolist())
    model.fit(DATA, np.arange(45.0))
    results.put("trained")


@needs_openmp
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@slow_to_converge
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_uses_one_thread(monkeypatch):
    """GNU OpenMP's threads do not survive a fork: a child that used two would wait for the other for ever."""
    model = LSTMRegressor(9, max_iter=2, n_jobs=2, random_state=0).fit(DATA, np.arange(45.0))
    monkeypatch.setattr("sklstm.network_stream.LEAST_PARALLEL", 1)
    expected, stream = model.predict(DATA), model.stream(40)
    step_of(stream)  # by two threads
    stream.reset()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=child_of_a_fork, args=(model, stream, expected, results), daemon=True)
    child.start()
    try:
        assert results.get(timeout=60) == (1, 1, True)
        assert results.get(timeout=60) == step_of(stream).tolist()
        assert results.get(timeout=60) == "trained"
        child.join(timeout=60)
        assert child.exitcode == 0
    finally:
        child.kill()
    assert effective_n_threads(2) == 2  # the parent keeps its threads
    assert_same_bits(model.predict(DATA), expected)


# ---------------------------------------------------------------------------------------------- BLAS


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def release_blas():
    """Take OpenBLAS from the thread that owns it, where threadpoolctl knows owners."""
    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


@pytest.fixture
def three_blas_threads():
    release_blas()
    with threadpool_limits(3, user_api="blas"):
        if blas_threads() != {3}:
            pytest.skip("threadpoolctl does not rule this BLAS")
        yield
        assert blas_threads() == {3}  # each test below must leave it so


@pytest.mark.usefixtures("three_blas_threads")
class TestBlasLimit:
    def test_nested(self):
        with single_threaded_blas():
            with single_threaded_blas():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == {3}

    def test_error(self):
        with pytest.raises(ZeroDivisionError), single_threaded_blas():
            raise ZeroDivisionError
        assert blas_threads() == {3}

    @slow_to_converge
    def test_fit_and_predict(self, monkeypatch):
        """Where training begins BLAS has one thread, so that its results do not depend on the threads there are."""
        seen = []

        def watch(where, name):
            original = getattr(where, name)
            monkeypatch.setattr(where, name, lambda *args: seen.append((name, blas_threads())) or original(*args))

        watch(np.linalg, "qr")
        watch(scaling, "fit_scaler")
        model = LSTMRegressor(4, max_iter=2).fit(DATA, np.arange(45.0))
        assert {name for name, _ in seen} == {"qr", "fit_scaler"}
        assert all(n_threads == {1} for _, n_threads in seen)
        assert blas_threads() == {3}
        model.predict(DATA)
        assert blas_threads() == {3}
        model.set_params(warm_start=True).fit(DATA, np.arange(45.0))
        assert blas_threads() == {3}

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    @pytest.mark.parametrize(
        ("where", "name"),
        [(np.linalg, "qr"), (scaling, "fit_scaler"), (Minibatch, "backward")],
        ids=["qr", "scaler", "step"],
    )
    def test_fit_that_fails(self, monkeypatch, where, name, error):
        def fail(*args):
            assert name == "backward" or blas_threads() == {1}
            raise error

        monkeypatch.setattr(where, name, fail)
        with pytest.raises(error):
            LSTMRegressor(4, max_iter=2).fit(DATA, np.arange(45.0))
        assert blas_threads() == {3}

    @slow_to_converge
    def test_fit_with_too_little_memory(self):
        with pytest.raises(ValueError, match="max_memory"):
            LSTMRegressor(4, max_iter=2, max_memory=1e-3).fit(DATA, np.arange(45.0))
        assert blas_threads() == {3}

    def test_predict_that_fails(self):
        network = naive.random_network(3, (4,), 2)
        with pytest.raises(ValueError, match="dtype"):
            network.predict(Sequences(DATA.values, DATA.offsets), SHIFT.astype(np.float32), SCALE, 1)
        assert blas_threads() == {3}


class TestBlasLimitOverThreads:
    """Since threadpoolctl 3.8 the first thread that limits OpenBLAS owns it, and what others ask for does nothing."""

    @pytest.fixture(autouse=True)
    def restored(self):
        release_blas()
        before = blas_threads()
        if before <= {1}:
            pytest.skip("BLAS has one thread only, or none that threadpoolctl rules")
        yield
        after = blas_threads()
        release_blas()
        threadpool_limits(max(before), user_api="blas")  # so that no failure spoils the next test
        release_blas()
        assert after == before

    @pytest.fixture(params=["first in leaves first", "first in leaves last"])
    def first_leaves_first(self, request):
        return request.param == "first in leaves first"

    def test_overlapping(self, first_leaves_first):
        """BLAS stays held while anyone is inside, and is let go by whoever leaves last."""
        before = blas_threads()
        entered, leave, left, end = (Event() for _ in range(4))

        def other():
            with single_threaded_blas():
                entered.set()
                leave.wait(timeout=60)
            left.set()
            end.wait(timeout=60)  # a thread that has died would give up its hold on threadpoolctl

        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(other)
            try:
                assert entered.wait(timeout=60)
                with single_threaded_blas():
                    if first_leaves_first:
                        leave.set()
                        assert left.wait(timeout=60)
                    assert blas_threads() == {1}
                if not first_leaves_first:
                    assert blas_threads() == {1}
                leave.set()
                assert left.wait(timeout=60)
                assert blas_threads() == before
            finally:
                leave.set()
                end.set()
                future.result()

    def test_one_thread_after_another(self):
        """A thread can hold BLAS though another, still alive, has done so before."""

        def inside():
            with single_threaded_blas():
                return blas_threads()

        assert inside() == {1}
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(inside).result() == {1}
        assert inside() == {1}

    def test_while_the_program_limits_blas(self):
        """joblib's threads, for example, inside a `threadpool_limits` of the main thread."""

        def inside():
            with single_threaded_blas():
                return blas_threads()

        with threadpool_limits(2, user_api="blas"), ThreadPoolExecutor(1) as pool:
            assert pool.submit(inside).result() == {1}
            assert blas_threads() == {2}

    def test_others_can_limit_blas_afterwards(self):
        """Once nobody is inside, sklstm has no hold on BLAS: other threads' limits take effect."""

        def limited():
            with threadpool_limits(1, user_api="blas"):
                return blas_threads()

        with single_threaded_blas():
            pass
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(limited).result() == {1}


@slow_to_converge
def test_scales_do_not_depend_on_the_threads_of_blas():
    """Weighted sums over many steps are products too, which OpenBLAS rounds by its number of threads (12 features)."""
    rng = np.random.default_rng(0)
    X = Sequences(rng.normal(size=(200_000, 12)), np.arange(0, 200_001, 1000))
    models = []
    for n in (1, 2):
        with threadpool_limits(n, user_api="blas"):
            models.append(LSTMRegressor(2, max_iter=1, n_jobs=1).fit(X, np.arange(200)))
    assert np.array_equal(models[0]._shift, models[1]._shift)
    assert np.array_equal(models[0]._scale, models[1]._scale)


def test_worker_processes_share_the_cores():
    """As in a grid search with n_jobs=2: processes times threads are never more than the cores."""
    threads = joblib.Parallel(n_jobs=2)(joblib.delayed(effective_n_threads)(None) for _ in range(4))
    assert 2 * max(threads) <= max(2, joblib.cpu_count())
