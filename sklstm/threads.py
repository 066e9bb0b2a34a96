"""How many threads to use, and BLAS held to one where NumPy uses it."""

import os
from contextlib import contextmanager
from functools import cache, partial
from numbers import Integral
from threading import RLock, get_ident, local

import numpy as np
from joblib import cpu_count
from threadpoolctl import OpenBLASController, ThreadpoolController

from ._core import openmp

_in_forked_child = False


@cache
def _n_physical_cores():
    return cpu_count(only_physical_cores=True)  # reading the machine's description takes milliseconds


@cache
def _most_threads():
    return 8 * cpu_count()


def effective_n_threads(n_jobs):
    """Threads for `n_jobs`.

    None means as many as the environment allows: the smaller of OpenMP's limit, which OMP_NUM_THREADS sets (as loky
    does for its workers) and threadpoolctl can lower, and the physical cores that the control group grants. A
    negative number -k means all of these but k - 1. More than eight a processor are never started: where there are no
    more to be had, OpenMP would end the process.
    """
    if _in_forked_child:
        return 1
    most = min(openmp.max_threads(), _n_physical_cores())
    if n_jobs is None:
        return most
    if not isinstance(n_jobs, Integral) or n_jobs == 0:  # set since it was validated in fit
        raise ValueError(f"n_jobs must be None, a number of threads from 1 on, or negative, got {n_jobs!r}.")
    return min(n_jobs, _most_threads()) if n_jobs > 0 else max(1, most + n_jobs + 1)


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


_lock = RLock()
_inside = {}  # a mark for each that holds BLAS to one thread, and the Python thread that it is of
_before = None  # knows the limits there were before the first


def _let_any_thread_set_blas():
    # From 3.8 on, threadpoolctl ignores all but the first Python thread that ever set OpenBLAS's limit.
    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


def _enter(mark):
    global _before
    with _lock:
        _inside[mark] = get_ident()
        _let_any_thread_set_blas()
        if _before is None:
            _before = _blas().limit(limits=None)  # which sets none
        _blas().limit(limits=1)


def _leave(mark):
    """Let go of BLAS. Wherever this or `_enter` was interrupted, it can be done again, and then all is restored."""
    global _before
    with _lock:
        _inside.pop(mark, None)
        if _inside or _before is None:
            return
        _let_any_thread_set_blas()
        _before.restore_original_limits()
        _let_any_thread_set_blas()
        _before = None


@contextmanager
def single_threaded_blas():
    """Hold BLAS to one thread; the last of the threads inside restores what was set before the first."""
    mark = object()
    try:
        _enter(mark)
        yield
    finally:
        try:
            _leave(mark)
        except BaseException:  # Ctrl-C, which may come before its first line
            _leave(mark)
            raise


def _random_lock():
    return np.random.get_bit_generator().lock  # of random_state=None, which all threads share


def _hold_locks():
    with _lock, _random_lock():
        yield


_fork = local()


def _wait_before_fork():
    # Ctrl-C while this waits is only printed, and the fork goes on: it then holds no lock.
    _fork.locks = _hold_locks()
    next(_fork.locks)


_let_go = partial(setattr, _fork, "locks", None)  # which closes the generator; Ctrl-C cannot come before its first line


def _begin_forked_child():
    # GNU OpenMP's threads do not survive a fork, and a child that waits for them waits for ever. Nor do Python's other
    # threads, which would never let go of BLAS, nor of a lock.
    global _in_forked_child
    _in_forked_child = True
    _let_go()
    of_threadpoolctl = getattr(getattr(OpenBLASController, "_SHARED_STATE", None), "lock", None)  # from 3.8 on
    for lock in filter(None, [_lock, _random_lock(), of_threadpoolctl]):
        lock._at_fork_reinit()  # as Python does with its own
    for mark in [mark for mark, thread in _inside.items() if thread != get_ident()]:
        _leave(mark)


if hasattr(os, "register_at_fork"):
    # A fork waits for threads that are about to change BLAS, or draw random numbers, or in the child they would never
    # be done.
    os.register_at_fork(before=_wait_before_fork, after_in_parent=_let_go, after_in_child=_begin_forked_child)
