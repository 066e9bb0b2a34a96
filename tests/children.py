"""What the processes of test_processes do, in a module of its own that is quickly imported: each of them must."""

import multiprocessing
import os
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_info

from sklstm import LSTMRegressor
from sklstm.threads import effective_n_threads

RNG = np.random.RandomState(1)
DATA = [RNG.normal(size=(length, 3)) for length in [1, 9, *RNG.randint(1, 10, size=43)]]
Y = np.array([x[-1, 0] for x in DATA])


def make(**parameters):
    return LSTMRegressor(9, **{"max_iter": 2, "n_jobs": 2, "random_state": 0, "batch_size": 20} | parameters)


def trained(**parameters):
    """What a model predicts that is trained here and now."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Training reached max_iter")
        return make(**parameters).fit(DATA, Y).predict(DATA)


def check(predicted, expected, what):
    assert predicted.tobytes() == expected.tobytes(), what


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def child(model, expected):
    """What children do: predict with the parent's model, and train by themselves."""
    check(model.predict(DATA), expected, "predict")
    check(trained(), expected, "fit")
    check(trained(n_jobs=None), expected, "fit with n_jobs=None")
    trained(random_state=None)


def children(method, n):
    """After training in the parent, children of a kind do the same, several at a time."""
    expected, model = trained(), make(max_iter=1).fit(DATA, Y)
    model.set_params(max_iter=2).fit(DATA, Y)
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=child, args=(model, expected)) for _ in range(n)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(*(process.exitcode for process in processes))


def forked(call):
    """The status that a child ends with that makes a call."""
    pid = os.fork()
    if not pid:
        try:
            call()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def forks_while_others_train(n):
    """Forks at any moment of what other threads do with BLAS, OpenMP's threads and NumPy's random numbers."""
    expected, model, ended, n_threads = trained(), make().fit(DATA, Y), Event(), blas_threads()

    def train_on():
        while not ended.is_set():
            check(trained(), expected, "fit in a thread of the parent")
        return True

    def draw_on():
        while not ended.wait(timeout=0.001):
            check_random_state(None).normal(size=300_000)  # as the first weights of a wide model
        return True

    def forked_child():
        child(model, expected)
        assert blas_threads() == n_threads, blas_threads()

    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(work) for work in [train_on, train_on, draw_on]]
        try:
            statuses = [forked(forked_child) for _ in range(n)]
        finally:
            ended.set()
        print(all(other.result() for other in others), sum(statuses), blas_threads() == n_threads)


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
    parallel = joblib.Parallel(n_jobs=2)
    alone = parallel(joblib.delayed(trained)(n_jobs=n_jobs) for n_jobs in (None, 2))
    print(all(np.array_equal(each, trained()) for each in alone))
    # The workers share the cores: processes times threads are never more.
    n_threads = parallel(joblib.delayed(effective_n_threads)(None) for _ in range(4))
    print(2 * max(n_threads) <= max(2, joblib.cpu_count()))


def under_any_limit():
    """With each number of threads, absurd ones too, the same predictions."""
    expected = trained(n_jobs=1)
    for n_jobs in [2, 3, None, -1, -(10**9), 10**9]:
        check(trained(n_jobs=n_jobs), expected, f"n_jobs={n_jobs}")
    print(expected.tobytes().hex())
