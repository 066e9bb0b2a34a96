"""kill -9 at any moment: the last checkpoint is readable, what was saved loads, and training ends in the same bits."""

import os
import random
import signal
import time
import traceback
import warnings
from itertools import cycle

import pytest
from checks import assert_same_bits
from sklearn.base import clone
from test_training import X, Y, make

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.parameters import CONSTRAINTS
from sklstm.saving import storage

LONG = {"max_iter": 15, "n_iter_no_change": 100, "tol": 1e9, "n_jobs": 1}
SOLVERS = sorted(CONSTRAINTS["solver"][0].options - {"lbfgs"})
MODELS = [
    make(Estimator, solver=solver, early_stopping=early_stopping, dropout=0.2, **LONG)
    for Estimator, early_stopping in [(LSTMClassifier, True), (LSTMRegressor, False)]
    for solver in SOLVERS
]
KILLS = pytest.mark.parametrize("n", [4, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(3000)])])


def forked(call, *args):
    """The number of a process that does something and ends, by os._exit, without what others have to clean up."""
    number = os.fork()
    if number:
        return number
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(600)  # should nobody be left to end it
        warnings.simplefilter("ignore")
        call(*args)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def killed(seconds, call, *args):
    """Whether a process that does something was killed after so long, and had not ended by then."""
    number = forked(call, *args)
    time.sleep(seconds)
    os.kill(number, signal.SIGKILL)
    status = os.waitpid(number, 0)[1]
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


def lasts(call, *args):
    """Seconds that a process takes for something."""
    start = time.perf_counter()
    assert os.waitpid(forked(call, *args), 0)[1] == 0
    return time.perf_counter() - start


def n_epochs(folder):
    """The epochs in the one checkpoint in a folder; 0 if there is none."""
    paths = list(folder.glob("*.checkpoint"))
    assert len(paths) <= 1
    return len(storage.read(paths[0])[1]["epochs.loss"]) if paths else 0


def fit(model, path):
    """Fit a model and save it."""
    sklstm.save(model.fit(X, Y), path)


@KILLS
@pytest.mark.filterwarnings("ignore:Training reached max_iter")
def test_a_training_that_is_killed_goes_on(n, tmp_path):
    """From its beginning to after its end; killed as often as it takes, it ends with the bits of one undisturbed."""
    rng, n_kills, n_goes_on, undisturbed = random.Random(), 0, 0, {}
    models = MODELS if n >= 200 else [clone(model).set_params(max_iter=8) for model in MODELS]
    for i, model in cycle(enumerate(models)):
        folder, path, whole = (tmp_path / f"{i}{suffix}" for suffix in ("", ".sklstm", ".whole"))
        if i not in undisturbed:
            undisturbed[i] = lasts(fit, clone(model).set_params(checkpoint=folder), whole)
        model, before = clone(model).set_params(checkpoint=folder), 0
        for _ in range(4):
            if not killed(1.1 * undisturbed[i] * rng.random(), fit, model, path):
                break
            n_kills += 1
            now = n_epochs(folder)
            assert now >= before or now == 0  # the file is deleted at the end
            n_goes_on += now > before > 0
            before = now
        lasts(fit, model, path)
        assert [name for name in os.listdir(folder) if not name.endswith(".lock")] == []
        assert path.read_bytes() == whole.read_bytes()
        path.unlink()
        if n_kills >= n:
            break
    assert n_goes_on or n < 200


def save_for_ever(models, path):
    while True:
        for model in models:
            sklstm.save(model, path)


@KILLS
@pytest.mark.filterwarnings("ignore:Training reached max_iter")
def test_a_file_that_was_being_replaced_loads(n, tmp_path):
    models = [make(LSTMClassifier, random_state=seed).fit(X, Y) for seed in range(2)]
    path, contents = tmp_path / "model.sklstm", []
    for model in models:
        sklstm.save(model, path)
        contents.append(path.read_bytes())
    rng, seen = random.Random(), set()
    for _ in range(n):
        assert killed(rng.random() * 0.1, save_for_ever, models, path)
        assert path.read_bytes() in contents
        assert sklstm.load(path).predict(X).shape == Y.shape
        seen.add(path.read_bytes())
    assert len(seen) == 2 or n < 200


@pytest.mark.parametrize("undisturbed", [MODELS[::2], pytest.param(MODELS, marks=pytest.mark.soak)], ids=len)
@pytest.mark.filterwarnings("ignore:Training reached max_iter")
def test_fits_at_a_time_that_are_killed_all_go_on(undisturbed, tmp_path):
    models = [clone(model).set_params(checkpoint=tmp_path) for model in undisturbed]
    numbers = [forked(clone(model).fit, X, Y) for model in models]
    end = time.monotonic() + 60
    while not list(tmp_path.glob("*.checkpoint")) and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(random.Random().random() * 0.2)
    for number in numbers:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
    for path in tmp_path.glob("*.checkpoint"):
        assert len(storage.read(path)[1]["epochs.loss"]) > 0
    for model, same in zip(models, undisturbed, strict=True):
        expected = clone(same).fit(X, Y)
        assert_same_bits(model.fit(X, Y)._network.parameters, expected._network.parameters)
    assert list(tmp_path.glob("*.checkpoint")) == []
