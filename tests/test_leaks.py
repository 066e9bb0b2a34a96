"""No leaks: what thousands of fits leave in memory, which objects outlive their models, and files and threads."""

import gc
import pickle
import sys
import weakref
from threading import Thread

import numpy as np
import pytest
from checks import ESTIMATORS, run_python
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from test_callbacks import Recorder
from test_training import X_VAL, Y_VAL, X, Y, make

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.minibatch import Minibatch
from sklstm.network import Network
from sklstm.preprocessing import SequenceImputer, SequenceScaler
from sklstm.training import Trainer

pytestmark = pytest.mark.filterwarnings("ignore:Training reached max_iter")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc, and malloc_trim")

PROCESS = """
import ctypes, gc, os, pickle, sys, tempfile, warnings
import numpy as np
import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.preprocessing import SequenceScaler
from sklearn.pipeline import make_pipeline

N, WITHOUT = {n}, {without}
warnings.simplefilter("ignore")
folder = tempfile.TemporaryDirectory()
rng = np.random.default_rng(0)
X = sklstm.as_sequences([rng.normal(size=(n, 2)) for n in rng.integers(1, 30, size=40)])
y = np.arange(40) % 2

def model(k):
    solver = ["adam", "sgd", "adamw", "lbfgs"][k // 4 % 4]
    parameters = dict(
        hidden_layer_sizes=k % 33 + 1,
        max_iter=2,
        cell=["lstm", "gru", "rnn", "peephole"][k % 4],
        pooling=["last", "mean", "max", "attention"][k // 3 % 4],
        missing=["decay", "error", "error"][k % 3],
        solver=solver,
        n_jobs=1 + k % 2,
        random_state=k,
        learning_rate_init=-1.0 if k % 11 == 0 else 0.01,
    )
    if solver != "lbfgs":
        parameters |= dict(early_stopping=bool(k // 5 % 2), checkpoint=[None, folder.name][k // 7 % 2])
    lstm = [LSTMRegressor, LSTMClassifier][k // 2 % 2](**parameters)
    return make_pipeline(SequenceScaler(), lstm) if k % 2 else lstm

def life(k):
    try:
        fitted = model(k).fit(X, y)
    except ValueError:
        return
    fitted.predict(X)
    stream = sklstm.stream(fitted)
    for x in X[0]:
        stream.step(x)
    sklstm.save(fitted, os.path.join(folder.name, "model"))
    sklstm.load(os.path.join(folder.name, "model")).predict(X)
    pickle.loads(pickle.dumps(fitted))

def measured():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free, but not given back, is no leak
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

for k in range(N):
    if k == WITHOUT:
        before = measured()
    life(k)
print(*before, *measured())
"""


@linux
@pytest.mark.parametrize(
    ("n", "without", "most"),
    [(60, 30, 1), pytest.param(2000, 100, 5, marks=[pytest.mark.soak, pytest.mark.timeout(3000)])],
)
def test_fits_leave_nothing_in_memory(n, without, most):
    """Every cell, solver and pooling, with decay, checkpoints, errors, streams and files, one after the other."""
    output = run_python(PROCESS.format(n=n, without=without), timeout=2900 if n > 100 else 120)
    megabytes, n_files, n_threads, *after = map(float, output.split())
    assert after[0] - megabytes < most
    assert after[1:] == [n_files, n_threads]


@linux
def test_short_lived_threads_leave_none_of_openmp():
    """Each Python thread that enters a parallel region has helpers of its own, which must go when it goes."""
    code = """
import os, threading
import numpy as np
from sklstm import LSTMClassifier

X = np.random.default_rng(0).normal(size=(40, 5, 2))
model = LSTMClassifier(8, max_iter=1, n_jobs=2).fit(X, np.arange(40) % 2)

def n_threads():
    thread = threading.Thread(target=model.predict, args=(X,))
    thread.start()
    thread.join()
    return len(os.listdir("/proc/self/task"))

n_threads()
print(max(n_threads() for _ in range(50)) - n_threads())
"""
    assert int(run_python(code, PYTHONWARNINGS="ignore", OMP_NUM_THREADS="2")) <= 4  # some are still on their way out


# ---------------------------------------------------------------------------------------------- references


@pytest.fixture
def _no_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def born(monkeypatch):
    """References to all networks, minibatches and trainers that are made."""
    references = []
    for cls in (Network, Minibatch, Trainer):

        def init(self, *args, _init=cls.__init__, **kwargs):
            references.append(weakref.ref(self))
            _init(self, *args, **kwargs)

        monkeypatch.setattr(cls, "__init__", init)
    return references


def cut_off(model, *args, **others):
    """A fit that ends with an error in the midst."""
    failing = clone(model).set_callbacks(Recorder(stop=2, error=KeyError))
    with pytest.raises(KeyError):
        failing.fit(*args, **others)


def refused(model, *args, **others):
    with pytest.raises(ValueError, match="max_memory"):
        clone(model).set_params(max_memory=1e-6).fit(*args, **others)


def interrupted(model, *args, **others):
    with pytest.warns(UserWarning, match="interrupted"):
        clone(model).set_callbacks(Recorder(stop=2, error=KeyboardInterrupt)).fit(*args, **others)


LIVES = {
    "a fit": lambda model, *args: model.fit(*args).predict(X),
    "validation": lambda model, *args: model.fit(*args, X_val=X_VAL, y_val=Y_VAL),
    "parts": lambda model, *args: model.partial_fit(*args).partial_fit(*args),
    "L-BFGS": lambda model, *args: model.set_params(solver="lbfgs").fit(*args),
    "a copy": lambda model, *args: pickle.loads(pickle.dumps(model.fit(*args))),
    "a callback": lambda model, *args: model.set_callbacks(Recorder(stop=2)).fit(*args),
    "an error": cut_off,
    "a refusal": refused,
    "Ctrl-C": interrupted,
    "a stream": lambda model, *args: model.fit(*args).stream(3).step(np.zeros((3, X.n_features))),
    "a pipeline": lambda model, *args: make_pipeline(SequenceImputer(), SequenceScaler(), model).fit(*args).predict(X),
}


@ESTIMATORS
@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
@pytest.mark.usefixtures("_no_collection")
def test_data_and_workspaces_die_with_the_model(Estimator, life, born):
    """Without the garbage collector: nothing refers to itself."""
    data = X.with_values(X.values.copy())
    alive = [weakref.ref(data.values)]
    life(make(Estimator), data, Y)
    del data
    alive += born
    assert [type(reference()) for reference in alive if reference() is not None] == []


@pytest.mark.usefixtures("_no_collection")
def test_workspaces_die_with_the_fit(born):
    """A model that is kept keeps its network, and neither data nor what it was trained in."""
    data = X.with_values(X.values.copy())
    values = weakref.ref(data.values)
    models = [make(LSTMRegressor).fit(data, Y), make(LSTMClassifier).partial_fit(data, Y)]
    del data
    assert values() is None
    assert {type(reference()) for reference in born if reference() is not None} == {Network}
    assert len(models) == 2


@pytest.mark.usefixtures("_no_collection")
def test_a_loaded_model_dies(born, tmp_path):
    sklstm.save(make(LSTMRegressor).fit(X, Y), tmp_path / "model")
    sklstm.load(tmp_path / "model").predict(X)
    assert [reference for reference in born if reference() is not None] == []


@pytest.mark.usefixtures("_no_collection")
def test_a_fit_in_a_thread_leaves_nothing(born):
    data = X.with_values(X.values.copy())
    values = weakref.ref(data.values)
    thread = Thread(target=lambda data: make(LSTMRegressor).fit(data, Y), args=(data,))
    thread.start()
    thread.join()
    del data, thread
    assert values() is None
    assert [reference for reference in born if reference() is not None] == []
