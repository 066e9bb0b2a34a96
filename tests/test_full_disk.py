"""Where nothing more can be written: the error names the file, the old one stays to the byte, and nothing is left."""

import errno
import os
import resource
import shutil
import signal
import sys
from contextlib import contextmanager

import pytest
from checks import assert_same_bits, run_python
from sklearn.base import clone
from test_callbacks import Recorder
from test_training import X, Y, make

import sklstm
from sklstm import LSTMRegressor
from sklstm.saving import storage

pytestmark = pytest.mark.filterwarnings("ignore:Training reached max_iter")

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc and limits addresses")

LARGE = 40  # units: more than fits below the limit


@contextmanager
def limited(which, most):
    """The process's limit, as the kernel enforces it."""
    limits = resource.getrlimit(which)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(which, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(which, limits)
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture(scope="module")
def models():
    return [LSTMRegressor(n, max_iter=1, random_state=0).fit(X, Y) for n in (2, LARGE)]


WRITERS = {"save": (sklstm.save, "model.sklstm"), "to_c": (sklstm.to_c, "model.h")}
of_writers = pytest.mark.parametrize(("write", "name"), WRITERS.values(), ids=WRITERS)


@of_writers
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("most", [0, 1, 100, 4096, 8192])
def test_a_disk_that_is_full(write, name, there, most, models, tmp_path):
    """The kernel writes the first bytes and refuses the next."""
    path = tmp_path / name
    if there:
        write(models[0], path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with limited(resource.RLIMIT_FSIZE, most), pytest.raises(OSError, match=name) as caught:
        write(models[1], path)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    write(models[1], path)


@linux
@of_writers
def test_no_more_files_can_be_opened(write, name, models, tmp_path):
    path = tmp_path / name
    write(models[0], path)
    before = path.read_bytes()
    most = max(map(int, os.listdir("/proc/self/fd")))
    taken = []
    with limited(resource.RLIMIT_NOFILE, most + 1):
        try:
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            with pytest.raises(OSError, match=name) as caught:
                write(models[1], path)
        finally:
            for number in taken:
                os.close(number)
    assert caught.value.errno == errno.EMFILE
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [name]


@of_writers
def test_names_that_cannot_be(write, name, models, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / name).mkdir()
    for path in (
        tmp_path / "file" / name,
        tmp_path / "not there" / name,
        tmp_path / name,
        tmp_path / f"{'a' * 300}{name}",
    ):
        with pytest.raises(OSError, match=name) as caught:
            write(models[0], path)
        assert caught.value.filename == str(path)
    assert sorted(os.listdir(tmp_path)) == ["file", name]


@of_writers
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_errors_of_the_disk(write, name, call, number, models, tmp_path, monkeypatch):
    path = tmp_path / name
    write(models[0], path)
    before = path.read_bytes()

    def failing(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(OSError, match=name) as caught:
        write(models[1], path)
    assert caught.value.errno == number
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [name]


def test_a_link_to_a_full_disk_stays_one(models, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "model", tmp_path / "link"
    link.symlink_to(target)
    sklstm.save(models[0], link)
    before = target.read_bytes()
    with limited(resource.RLIMIT_FSIZE, 4096), pytest.raises(OSError, match="model"):
        sklstm.save(models[1], link)
    assert link.is_symlink()
    assert target.read_bytes() == before
    assert os.listdir(target.parent) == ["model"]


def test_the_folder_is_synchronised_once_the_file_has_its_name(models, tmp_path, monkeypatch):
    """Or a power cut after `save` has returned could take the file's new name away."""
    seen, fsync = [], os.fsync

    def recording(number):
        seen.append((os.path.samestat(os.fstat(number), os.stat(tmp_path)), (tmp_path / "model").exists()))
        fsync(number)

    monkeypatch.setattr(os, "fsync", recording)
    sklstm.save(models[0], tmp_path / "model")
    assert seen == [(False, False), (True, True)]


# ---------------------------------------------------------------------------------------------- checkpoints


class Meanwhile(Recorder):
    """Does something to the folder after the second epoch, and keeps what is in it after the third."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == 1:
            self.what(estimator.checkpoint)


def put_a_file_there(folder):
    shutil.rmtree(folder)
    folder.touch()


def put_a_link_there(folder):
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(folder.with_name("moved"))


@pytest.mark.parametrize(
    ("what", "warns"), [(shutil.rmtree, True), (put_a_file_there, True), (put_a_link_there, False)]
)
def test_a_folder_that_changes_in_the_midst_costs_no_model(what, warns, tmp_path):
    parameters = {"max_iter": 5, "n_iter_no_change": 9}
    expected = make(LSTMRegressor, **parameters).fit(X, Y)
    model = make(LSTMRegressor, checkpoint=tmp_path / "folder", **parameters).set_callbacks(Meanwhile(what))
    with pytest.warns(UserWarning, match="checkpoint|max_iter") as record:
        model.fit(X, Y)
    assert any("could not be written after epoch 2" in str(each.message) for each in record) is warns
    assert_same_bits(model._network.parameters, expected._network.parameters)


def test_a_checkpoint_on_a_full_disk_is_the_last_that_was_written(tmp_path):
    model = make(LSTMRegressor, hidden_layer_sizes=LARGE, max_iter=5, checkpoint=tmp_path)

    def fill(folder):
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    failing = clone(model).set_callbacks(Meanwhile(fill), Recorder(stop=5, error=ZeroDivisionError))
    with (
        limited(resource.RLIMIT_FSIZE, resource.RLIM_INFINITY),
        pytest.warns(UserWarning, match="could not be written after epoch 2.*File too large"),
        pytest.raises(ZeroDivisionError),
    ):
        failing.fit(X, Y)
    (path,) = tmp_path.iterdir()
    assert len(storage.read(path)[1]["epochs.loss"]) == 1
    expected = clone(model).set_params(checkpoint=None).fit(X, Y)
    assert_same_bits(model.fit(X, Y)._network.parameters, expected._network.parameters)


# ---------------------------------------------------------------------------------------------- memory


REFUSED = """
import copy, pickle, resource
import numpy as np
from sklstm import LSTMRegressor

rng = np.random.default_rng(0)
X, long = rng.normal(size=(20, 5, 2)), rng.normal(size=(1, 400_000, 2))
model = LSTMRegressor(40, max_iter=1).fit(X, X[:, 0, 0])
before, expected = pickle.dumps(model), model.predict(X)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
hard, n = resource.getrlimit(resource.RLIMIT_AS)[1], 0
for megabytes in range(50, 350, 100):
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 1_000_000, hard))
    for call in (copy.copy(model).fit, copy.copy(model).partial_fit, model.fit, model.partial_fit):
        try:
            call(long, [1.0])
            raise SystemExit("there was memory enough")
        except MemoryError:
            n += 1
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    assert pickle.dumps(model) == before
    assert (model.predict(X) == expected).all()
print(n)
"""


@linux
def test_memory_that_the_system_refuses():
    """By its own limit, wherever memory is asked for: an error, and a model as it was."""
    assert int(run_python(REFUSED, PYTHONWARNINGS="ignore", OMP_NUM_THREADS="1")) == 12
