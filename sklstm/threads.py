"""How many threads to use, and BLAS held to one where NumPy uses it."""

import os
from contextlib import contextmanager
from functools import cache
from threading import Lock

from joblib import cpu_count
from threadpoolctl import OpenBLASController, ThreadpoolController

from ._core import openmp

_in_forked_child = False


def _mark_forked_child():
    # GNU OpenMP's threads do not survive a fork, and a child that waits for them waits for ever.
    global _in_forked_child
    _in_forked_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked_child)


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
    return min(n_jobs, _most_threads()) if n_jobs > 0 else max(1, most + n_jobs + 1)


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas").lib_controllers


_lock = Lock()
_inside = set()
_n_threads = []  # of each BLAS, before the first of those inside


def _let_any_thread_set_blas():
    # From 3.8 on, threadpoolctl ignores all but the first Python thread that ever set OpenBLAS's limit.
    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


def _set_blas(n_threads):
    _let_any_thread_set_blas()
    for library, n in zip(_blas(), n_threads, strict=True):
        library.set_num_threads(n)


def _enter(token):
    global _n_threads
    with _lock:
        if not _inside:
            _n_threads = [library.num_threads for library in _blas()]
        _inside.add(token)
        _set_blas([1] * len(_n_threads))


def _leave(token):
    with _lock:
        if _inside == {token}:
            _set_blas(_n_threads)
            _let_any_thread_set_blas()
        _inside.discard(token)


@contextmanager
def single_threaded_blas():
    """Hold BLAS to one thread; the last of the threads inside restores what was set before the first."""
    token = object()
    try:
        _enter(token)
        yield
    finally:
        try:
            _leave(token)
        except BaseException:
            _leave(token)  # Ctrl-C may have come anywhere in it
            raise
