"""Processes: what a parent has done, and what its other threads are doing, never stops a child, nor changes a bit.

Each case runs in a fresh process that is killed, with all that it has started, when it takes too long (`run_python`).
"""

import multiprocessing
import os
import traceback
import warnings
from threading import Thread

import joblib
import naive
import numpy as np
import pytest
from checks import assert_same_bits, run_python, slow_to_converge
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from threadpoolctl import threadpool_info

from sklstm import LSTMRegressor
from sklstm._core import openmp
from sklstm.threads import effective_n_threads

DATA = naive.random_sequences(naive.ragged_lengths(45, longest=9), 3)
Y = np.array([x[-1, 0] for x in DATA])

needs_openmp = pytest.mark.skipif(not openmp.ENABLED, reason="built without OpenMP")


def make(**parameters):
    return LSTMRegressor(9, **{"max_iter": 2, "n_jobs": 2, "random_state": 0, "batch_size": 20} | parameters)


def trained(**parameters):
    """What a model predicts that is trained here and now."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make(**parameters).fit(DATA, Y).predict(DATA)


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


# ---------------------------------------------------------------------------------------------- children


def child(model, expected):
    """What children do: predict with the parent's model, and train by themselves."""
    assert_same_bits(model.predict(DATA), expected, "predict")
    assert_same_bits(trained(), expected, "fit")
    assert_same_bits(trained(n_jobs=None), expected, "fit with n_jobs=None")


def children(method):
    """After training in the parent, children of a kind do the same, several at a time."""
    expected, model = trained(), make(max_iter=1).fit(DATA, Y)
    model.set_params(max_iter=2).fit(DATA, Y)
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=child, args=(model, expected)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(*(process.exitcode for process in processes))


# Children of forks are tried below, too.
METHODS = [
    pytest.param(method, marks=[] if method == "spawn" else pytest.mark.soak)
    for method in multiprocessing.get_all_start_methods()
]


@pytest.mark.parametrize("method", METHODS)
def test_children_of_a_parent_that_has_trained(method):
    assert run_python(f"import test_processes as t; t.children({method!r})", PYTHONWARNINGS="ignore") == "0 0"


def forks_while_others_train(n):
    """Forks at any moment of what other threads do with BLAS and with OpenMP's threads."""
    expected, model, ended = trained(), make().fit(DATA, Y), []

    def train_on():
        while not ended:
            assert_same_bits(trained(), expected)

    others = [Thread(target=train_on) for _ in range(2)]
    n_threads, statuses = blas_threads(), []
    for thread in others:
        thread.start()
    for _ in range(n):
        pid = os.fork()
        if not pid:
            try:
                child(model, expected)
                assert blas_threads() == n_threads, blas_threads()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        statuses.append(os.waitpid(pid, 0)[1])
    ended.append(True)
    for thread in others:
        thread.join()
    print(len(others), sum(statuses), blas_threads() == n_threads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", [5, pytest.param(400, marks=pytest.mark.soak)])
def test_forks_while_other_threads_train(n):
    code = f"import test_processes as t; t.forks_while_others_train({n})"
    assert run_python(code, timeout=60 + 4 * n, PYTHONWARNINGS="ignore") == "2 0 True"


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


# ---------------------------------------------------------------------------------------------- joblib


def searches():
    """Searches and cross-validation give the same scores by worker processes and by threads as without."""
    warnings.simplefilter("ignore")

    def scores():
        search = GridSearchCV(make(n_jobs=None), {"alpha": [0.0, 1.0]}, cv=3).fit(DATA, Y)
        return [*search.cv_results_["mean_test_score"], *cross_val_score(make(n_jobs=2), DATA, Y, cv=3)]

    expected = scores()
    for backend in ["threading", "loky"]:
        with joblib.parallel_config(backend=backend, n_jobs=4 if backend == "threading" else 2):
            print(scores() == expected)
    alone = joblib.Parallel(n_jobs=2)(joblib.delayed(trained)(n_jobs=n_jobs) for n_jobs in (None, 2))
    print(all(np.array_equal(each, trained()) for each in alone))


def test_searches_by_processes_and_by_threads():
    code = "import test_processes as t; t.searches()"
    assert run_python(code, PYTHONWARNINGS="ignore").split() == ["True"] * 3


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


def under_any_limit():
    """With each number of threads, absurd ones too, the same predictions."""
    expected = trained(n_jobs=1)
    for n_jobs in [2, 3, None, -1, -(10**9), 10**9]:
        assert_same_bits(trained(n_jobs=n_jobs), expected, f"n_jobs={n_jobs}")
    print(expected.tobytes().hex())


@pytest.mark.soak
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_environment(environment):
    code = "import test_processes as t; t.under_any_limit()"
    expected = trained(n_jobs=1).tobytes().hex()
    assert run_python(code, PYTHONWARNINGS="ignore", **environment) == expected


# ---------------------------------------------------------------------------------------------- the end

ENDS = ["", *(pytest.param(end, marks=pytest.mark.soak) for end in ["sys.exit()", "sys.stdout.flush(); os._exit(0)"])]


@pytest.mark.parametrize("end", ENDS)
def test_process_that_ends_while_daemon_threads_compute(end):
    """The core computes without Python's lock, so that it may be computing when Python is gone."""
    code = f"""
import os, sys, threading, test_processes as t
model, ready = t.make().fit(t.DATA, t.Y), threading.Barrier(3)
def work(call):
    ready.wait()
    while True:
        call()
for call in [lambda: model.predict(t.DATA), lambda: t.make().fit(t.DATA, t.Y)]:
    threading.Thread(target=work, args=[call], daemon=True).start()
ready.wait()
print("ends")
{end}
"""
    assert run_python(code, PYTHONWARNINGS="ignore") == "ends"
