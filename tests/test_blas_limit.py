"""BLAS is held to one thread where NumPy uses it, and let go of as it was, whatever happens."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import naive
import numpy as np
import pytest
from checks import run_python, slow_to_converge
from children import blas_threads, forked
from threadpoolctl import OpenBLASController, threadpool_limits

from sklstm import LSTMRegressor, Sequences, scaling, threads
from sklstm.minibatch import Minibatch
from sklstm.threads import single_threaded_blas

SHIFT, SCALE = np.array([0.3, -1.0, 0.1]), np.array([0.5, 2.0, 1.5])
DATA = naive.random_sequences(naive.ragged_lengths(45, longest=9), 3)


def release_blas():
    """Take OpenBLAS from the thread that owns it, where threadpoolctl knows owners."""
    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


def interrupted_at(place):
    """Hold BLAS, and be interrupted at a place, counted from 1; returns whether there are so many."""
    n_seen = 0

    def interrupt(frame, event, arg):
        nonlocal n_seen
        n_seen += event in ("call", "c_return")
        if n_seen == place:
            sys.setprofile(None)
            raise KeyboardInterrupt

    try:
        sys.setprofile(interrupt)
        with single_threaded_blas():
            pass
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return n_seen >= place


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

    def test_interrupted_anywhere(self):
        """Python heeds Ctrl-C where a function begins and where a compiled one returns: at each of these, once."""
        n = 0
        while interrupted_at(n + 1):
            n += 1
            assert not threads._inside
            assert blas_threads() == {3}, f"after an interrupt at place {n}"
        assert n > 50

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


def fork_while_inside(who):
    """A child of a process in which BLAS is held, by the thread that forks or by another one."""
    release_blas()
    before, entered, leave = blas_threads(), Event(), Event()

    def fork_here():
        pid = os.fork()
        if pid:
            return os.waitpid(pid, 0)[1]
        return None

    def other():
        with single_threaded_blas():
            entered.set()
            leave.wait(timeout=60)

    if who == "itself":
        with single_threaded_blas():
            status = fork_here()
            held = blas_threads() == {1}
    else:
        thread = Thread(target=other)
        thread.start()
        entered.wait(timeout=60)
        status = fork_here()
        held = blas_threads() == ({1} if status is not None else before)
        leave.set()
        if status is not None:
            thread.join()
    right = held and blas_threads() == before and not threads._inside
    with single_threaded_blas():
        right &= blas_threads() == {1}
    right &= blas_threads() == before
    if status is None:
        os._exit(0 if right else 1)
    print(status == 0, right)


def fork_while_held(lock, seconds=None):
    """Whether a child can hold BLAS if another thread has a lock when it is forked, and then its parent.

    After some seconds, Ctrl-C comes.
    """
    held, end = Event(), Event()

    def hold():
        with lock:
            held.set()
            end.wait(timeout=60)

    def interrupt(*args):
        raise KeyboardInterrupt

    def hold_blas():
        with single_threaded_blas():
            return True

    release_blas()
    signal.signal(signal.SIGALRM, interrupt)
    with ThreadPoolExecutor(2) as pool:
        future = pool.submit(hold)
        held.wait(timeout=60)
        if seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        status = forked(hold_blas)
        end.set()
        future.result()
        print(status == 0, pool.submit(hold_blas).result(timeout=60))


def fork_while_held_by_others():
    """The locks of this package, while a fork waits for it, and of threadpoolctl."""
    fork_while_held(threads._lock, seconds=0.2)
    fork_while_held(getattr(getattr(OpenBLASController, "_SHARED_STATE", None), "lock", Lock()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_child_of_a_fork_lets_go_of_blas():
    """Threads that hold BLAS do not go on in the child: nobody but the child itself could let go of it."""
    code = "import test_blas_limit as t; t.fork_while_inside('itself'); t.fork_while_inside('another')"
    code += "; t.fork_while_held_by_others()"
    assert run_python(code, timeout=60, PYTHONWARNINGS="ignore").split() == ["True"] * 8


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
