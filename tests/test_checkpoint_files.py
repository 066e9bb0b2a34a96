"""The files of checkpoints: which fit finds which, and what happens if they cannot be written or read."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from checks import run_python
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid
from test_callbacks import Recorder
from test_checkpoint import GROUPS, LONG, assert_same_training, cut_short, files
from test_training import X_VAL, Y_VAL, N, X, Y, make

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.saving import storage
from sklstm.training import Trainer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TIMED = Sequences(X.values, X.offsets, times=np.arange(len(X.values)) ** 1.5)


@pytest.fixture
def n_epochs(monkeypatch):
    """A list that grows with every epoch, by how many sequences its training had seen before."""
    epoch, seen = Trainer.epoch, []

    def counting(self):
        seen.append(self.t)
        return epoch(self)

    monkeypatch.setattr(Trainer, "epoch", counting)
    return seen


# ---------------------------------------------------------------------------------------------- which file


def changed(array):
    array = np.array(array, dtype=float)
    array.flat[-1] += 1e-9
    return array


OTHER = {
    "a value": {"X": X.with_values(changed(X.values))},
    "a type": {"X": X.with_values(X.values.astype(np.float32))},
    "lengths": {"X": Sequences(X.values, [0, 1, *X.offsets[2:]])},
    "times": {"X": TIMED},
    "a target": {"y": changed(Y)},
    "a weight": {"sample_weight": changed(np.ones(N))},
    "groups": {"groups": np.roll(GROUPS, 1)},
    "watched": {"X_val": X_VAL, "y_val": Y_VAL},
    "watched targets": {"X_val": X_VAL, "y_val": 1 - Y_VAL},
    "a parameter": {"alpha": 0.0002},
    "a seed": {"random_state": 1},
    "no seed": {"random_state": None},
    "a random state": {"random_state": np.random.RandomState(0)},
    "another random state": {"random_state": np.random.RandomState(1)},
    "the model": {"Estimator": LSTMClassifier},
}
THE_SAME = {
    "threads": {"n_jobs": 2},
    "memory": {"max_memory": 1},
    "lines": {"verbose": True},
    "a list": {"X": list(X)},
    "weights of one": {"sample_weight": np.ones(N)},
    "numbers of another type": {"y": Y.astype(np.float32)},
    "numbers that lie apart": {"y": np.repeat(Y, 2)[::2], "groups": np.repeat(GROUPS, 3)[::3]},
}


@pytest.fixture
def file_of(tmp_path):
    """The name of the checkpoint that a fit leaves behind."""

    def name(Estimator=LSTMRegressor, X=X, y=Y, sample_weight=None, groups=GROUPS, X_val=None, y_val=None, **others):
        before = set(tmp_path.glob("*.checkpoint"))
        model = make(Estimator, early_stopping=True, **{"checkpoint": str(tmp_path), **others})
        cut_short(model, X, y, sample_weight, groups=groups, X_val=X_val, y_val=y_val, epoch=2)
        (path,) = set(tmp_path.glob("*.checkpoint")) - before
        path.rename(path.with_suffix(".seen"))
        return path.name

    return name


def test_what_determines_the_model_has_a_file_of_its_own(file_of):
    names = {file_of(), *(file_of(**other) for other in OTHER.values())}
    assert len(names) == 1 + len(OTHER)


@pytest.mark.parametrize("same", THE_SAME.values(), ids=THE_SAME)
def test_what_changes_no_bit_has_the_same_file(same, file_of):
    assert file_of(**same) == file_of()


def test_a_map_of_a_file_has_the_same_file_and_is_hashed_in_parts(file_of, tmp_path, monkeypatch):
    monkeypatch.setattr(sklstm.checkpoint, "HASHED_AT_A_TIME", 64)
    np.save(tmp_path / "values.npy", X.values)
    values = np.load(tmp_path / "values.npy", mmap_mode="r")
    assert file_of(X=Sequences(values, X.offsets)) == file_of()


def test_a_search_finds_those_of_its_candidates(tmp_path, n_epochs):
    grid = {"hidden_layer_sizes": [2, 3], "alpha": [0, 0.1]}
    search = GridSearchCV(make(LSTMRegressor, **LONG), grid, cv=2, error_score="raise")
    expected = clone(search).fit(X, Y)
    search.set_params(estimator__checkpoint=tmp_path)
    for model in ParameterGrid(grid):  # as if all of them had run at a time
        for train, _ in KFold(2).split(X):
            cut_short(clone(search.estimator).set_params(**model), X[train], Y[train], epoch=2)
    assert len(files(tmp_path)) == 8
    n_epochs.clear()
    search.fit(X, Y)
    assert n_epochs == [N // 2 * epoch for epoch in range(2, 8)] * 8 + [N * epoch for epoch in range(8)]
    assert files(tmp_path) == []
    for name in ("mean_test_score", "split0_test_score"):
        assert_array_equal(search.cv_results_[name], expected.cv_results_[name])
    assert_same_training(search.best_estimator_, expected.best_estimator_)


def test_another_process_finds_the_same_one(tmp_path):
    model = make(LSTMRegressor, checkpoint=str(tmp_path), random_state=None, **LONG)
    cut_short(model, X, Y)
    (path,) = tmp_path.iterdir()
    parameters = model.set_params(verbose=True).get_params()
    code = f"from test_checkpoint import *; LSTMRegressor(**{parameters}).fit(X, Y)"
    assert run_python(code).startswith(f"Resumed after epoch 3, from {path}")


def test_a_callback_may_change_the_working_directory(tmp_path, monkeypatch):
    class Elsewhere(Recorder):
        def on_fit_task_end(self, estimator, context):
            os.chdir(tmp_path / "elsewhere")

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    model = make(LSTMRegressor, checkpoint="here", **LONG)
    clone(model).set_callbacks(Elsewhere()).fit(X, Y)
    assert [path.name for path in tmp_path.rglob("*")] in [["here", "elsewhere"], ["elsewhere", "here"]]


def test_two_fits_at_a_time_do_not_share_one(tmp_path):
    """Without a seed they would be the same model, if one found the other's file."""

    class Within(Recorder):
        def on_fit_task_end(self, estimator, context):
            if context.task_id == 1:
                with pytest.raises(RuntimeError, match=f"Another fit.*is under way.*{tmp_path}.*lock"):
                    clone(model).set_callbacks().fit(X, Y)
                clone(model).set_callbacks().set_params(alpha=0.1).fit(X, Y)
                assert len(files(tmp_path)) == 2  # the other's file, and its lock

    model = make(LSTMRegressor, checkpoint=tmp_path, random_state=None, **LONG)
    clone(model).set_callbacks(Within()).fit(X, Y)
    assert files(tmp_path) == []


# ---------------------------------------------------------------------------------------------- what goes wrong


def test_a_folder_that_cannot_be_written_is_known_before_training(tmp_path, n_epochs):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(OSError, match=r"checkpoint cannot be written.*file"):
            make(LSTMRegressor, checkpoint=path).fit(X, Y)
    assert n_epochs == []


@pytest.fixture
def full_disk(monkeypatch):
    """Let no more than two files be written."""
    write, written = storage.write, []

    def full(path, document, arrays):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write(path, document, arrays)

    monkeypatch.setattr(storage, "write", full)


@pytest.mark.usefixtures("full_disk")
def test_training_goes_on_when_the_disk_is_full(tmp_path):
    expected = make(LSTMRegressor, **LONG).fit(X, Y)
    with pytest.warns(UserWarning, match="could not be written after epoch 3.*No space left") as record:
        model = make(LSTMRegressor, checkpoint=tmp_path, **LONG).fit(X, Y)
    assert len([each for each in record if each.filename == __file__ and "checkpoint" in str(each.message)]) == 1
    assert_same_training(model, expected)
    assert files(tmp_path) == []


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_last_file_that_was_written(tmp_path, n_epochs):
    with pytest.warns(UserWarning, match="could not be written after epoch 3"):
        cut_short(make(LSTMRegressor, checkpoint=tmp_path, **LONG), X, Y, epoch=6)
    n_epochs.clear()
    with pytest.warns(UserWarning, match="could not be written"):
        model = make(LSTMRegressor, checkpoint=tmp_path, **LONG).fit(X, Y)
    assert n_epochs[0] == 2 * N
    assert_same_training(model, make(LSTMRegressor, **LONG).fit(X, Y))


def test_a_file_that_cannot_be_deleted_costs_no_model(tmp_path, monkeypatch):
    def refusing(path, missing_ok=False):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refusing)
    with pytest.warns(UserWarning, match="could not be deleted.*Permission denied") as record:
        model = make(LSTMRegressor, checkpoint=tmp_path).fit(X, Y)
    assert [each.filename for each in record if "deleted" in str(each.message)] == [__file__]
    assert np.isfinite(model.predict(X)).all()


def rewritten(change):
    def rewrite(path):
        document, arrays = storage.read(path)
        change(document, arrays)
        storage.write(path, document, arrays)

    return rewrite


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "a byte": lambda path: path.write_bytes(path.read_bytes().replace(b"\x93NUMPY", b"\x93NUMPI", 1)),
    "renamed": rewritten(lambda document, arrays: document.update(name="LSTMRegressor-0.checkpoint")),
    "no clock": rewritten(lambda document, arrays: document.pop("elapsed")),
    "random numbers": rewritten(lambda document, arrays: document["rng"]["state"].update(pos=10**6)),
    "fewer random numbers": rewritten(lambda document, arrays: document["rng_at_start"]["state"]["key"].pop()),
    "another generator": rewritten(lambda document, arrays: document["rng"].update(bit_generator="PCG64")),
    "no random numbers": rewritten(lambda document, arrays: document["rng"]["state"].update(key=[0] * 624)),
    "an epoch before": rewritten(lambda document, arrays: arrays.update({"best.epoch": np.array(-1)})),
    "weights that are none": rewritten(lambda document, arrays: arrays["trainer.parameters"].fill(np.nan)),
    "an array less": rewritten(lambda document, arrays: arrays.pop("optimizer.second")),
    "an array more": rewritten(lambda document, arrays: arrays.update(extra=np.zeros(3))),
    "a shorter array": rewritten(lambda document, arrays: arrays.update({"average._mean": np.zeros(3)})),
    "a number that is an array": rewritten(lambda document, arrays: arrays.update({"trainer.t": np.zeros(1)})),
    "a truth": rewritten(lambda document, arrays: arrays.update({"trainer.t": np.array(True)})),
    "no epochs": rewritten(lambda document, arrays: arrays.update({"epochs.loss": np.zeros(0)})),
    "epochs that differ": rewritten(lambda document, arrays: arrays.update({"epochs.n_seen": np.zeros(2)})),
    "no such epoch": rewritten(lambda document, arrays: arrays.update({"best.epoch": np.array(99)})),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_named_and_nothing_is_trained(damage, tmp_path, n_epochs):
    model = make(LSTMRegressor, checkpoint=tmp_path, **LONG)
    cut_short(model, X, Y)
    (path,) = tmp_path.iterdir()
    damage(path)
    n_epochs.clear()
    with pytest.raises(ValueError, match=f"{path}.*Delete it"):
        model.fit(X, Y)
    assert n_epochs == []
    path.unlink()
    assert_same_training(model.fit(X, Y), make(LSTMRegressor, **LONG).fit(X, Y))


def test_what_a_killed_process_was_writing_is_removed(tmp_path):
    model = make(LSTMRegressor, checkpoint=tmp_path, **LONG)
    cut_short(model, X, Y)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    with storage.written_whole(path) as file:
        file.write(content)
        temporary, _ = sorted(tmp_path.iterdir())
    for other in (temporary, tmp_path / f".{path.stem}.lock", tmp_path / "of somebody else"):
        other.touch()
    model.fit(X, Y)
    assert files(tmp_path) == ["of somebody else"]


def test_lbfgs_has_none(tmp_path):
    with pytest.raises(ValueError, match='checkpoint does not go with solver="lbfgs"'):
        make(LSTMRegressor, solver="lbfgs", checkpoint=tmp_path).fit(X, Y)


def test_partial_fit_takes_no_notice(tmp_path):
    make(LSTMRegressor, checkpoint=tmp_path / "folder").partial_fit(X, Y)
    assert files(tmp_path) == []
