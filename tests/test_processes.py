"""Processes: what a parent has done, and what its other threads are doing, never stops a child, nor changes a bit.

Each case runs in a fresh process that is killed, with all that it has started, when it takes too long (`run_python`).
"""

import multiprocessing
import os

import numpy as np
import pytest
from checks import assert_same_bits, run_python, slow_to_converge
from children import DATA, trained

from sklstm import LSTMRegressor
from sklstm._core import openmp
from sklstm.threads import effective_n_threads

needs_openmp = pytest.mark.skipif(not openmp.ENABLED, reason="built without OpenMP")


# ---------------------------------------------------------------------------------------------- children


def test_searches_by_processes_and_by_threads_and_a_spawned_child():
    code = "import children as c; c.searches(); c.children('spawn', 1)"
    assert run_python(code, PYTHONWARNINGS="ignore").split() == ["True"] * 4 + ["0"]


@pytest.mark.soak
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_children_of_a_parent_that_has_trained(method):
    assert run_python(f"import children as c; c.children({method!r}, 2)", PYTHONWARNINGS="ignore") == "0 0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", [3, pytest.param(400, marks=pytest.mark.soak)])
def test_forks_while_other_threads_train(n):
    code = f"import children as c; c.forks_while_others_train({n})"
    assert run_python(code, timeout=60 + 4 * n, PYTHONWARNINGS="ignore") == "True 0 True"


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


# ---------------------------------------------------------------------------------------------- environment

ENVIRONMENTS = [
    {name: value}
    for name, values in {
        "OMP_NUM_THREADS": ["1", "2", "64", "0", "-3", "1000000", "abc", "", "2,2,2"],
        "OMP_THREAD_LIMIT": ["1", "2", "0"],
        "OMP_DYNAMIC": ["true"],
        "OMP_STACKSIZE": ["1", "16k", "1M", "abc"],
        "OMP_WAIT_POLICY": ["active"],
        "OMP_PROC_BIND": ["true"],
        "OMP_SCHEDULE": ["static,1", "abc"],
        "OPENBLAS_NUM_THREADS": ["0", "1", "64", "abc"],
    }.items()
    for value in values
]


@pytest.mark.soak
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_environment(environment):
    code = "import children as c; c.under_any_limit()"
    expected = trained(n_jobs=1).tobytes().hex()
    assert run_python(code, PYTHONWARNINGS="ignore", **environment) == expected


# ---------------------------------------------------------------------------------------------- the end

ENDS = ["", *(pytest.param(end, marks=pytest.mark.soak) for end in ["sys.exit()", "sys.stdout.flush(); os._exit(0)"])]


@pytest.mark.parametrize("end", ENDS)
def test_process_that_ends_while_daemon_threads_compute(end):
    """The core computes without Python's lock, so that it may be computing when Python is gone."""
    code = f"""
import os, sys, threading, children as c
model, ready = c.make().fit(c.DATA, c.Y), threading.Barrier(3)
def work(call):
    ready.wait()
    while True:
        call()
for call in [lambda: model.predict(c.DATA), lambda: c.make().fit(c.DATA, c.Y)]:
    threading.Thread(target=work, args=[call], daemon=True).start()
ready.wait()
print("ends")
{end}
"""
    assert run_python(code, PYTHONWARNINGS="ignore") == "ends"
