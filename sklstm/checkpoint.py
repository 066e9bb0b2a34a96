"""Checkpoints: the state of a training in a file, so that one that was cut short goes on from its last epoch.

The file's name is made of what determines the model that training ends with. So the same call of `fit` finds it again,
in whatever process, and no other does.
"""

import fcntl
import os
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

import joblib
import numpy as np

from ._core.kernels import INSTRUCTION_SET
from .progress import Epoch, History
from .saving import storage

FORMAT = 1

# Parameters that do not change a bit of the model. The random numbers have an entry of their own.
WITHOUT_EFFECT = ("checkpoint", "max_memory", "n_jobs", "random_state", "verbose")

# Values hashed at a time, between which Ctrl-C is heard.
HASHED_AT_A_TIME = 1 << 24

# Where warnings point: from `_warn` through its caller, fit and scikit-learn's two decorators to the caller; and from
# within training, through `train` and its loop too.
FROM_FIT, FROM_TRAINING = 6, 8


@contextmanager
def checkpoint_of(estimator, data, watched, groups, rng, going_on):
    """The checkpoint of the fit of an estimator to data, which no other fit then has; None if it asks for none.

    Parameters
    ----------
    estimator : BaseLSTM
    data, watched : Data, Data or None
        To train on, and those passed to be watched, as they are before weights are normalised.
    groups : array-like or None
    rng : RandomState
        From which nothing has been drawn for this fit. If a training is resumed, it is set to where that one began.
    going_on : bool
        Whether training begins from the weights that the estimator has.

    Raises
    ------
    OSError
        If files cannot be written in the folder.
    RuntimeError
        If another fit has it.
    ValueError
        If there is a file, but a damaged one.
    """
    if estimator.checkpoint is None:
        yield None
        return
    folder = Path(storage.checked_path(estimator.checkpoint, "checkpoint")).absolute()  # wherever a callback may lead
    _make_ready(folder)
    path = folder / f"{type(estimator).__name__}-{_fingerprint(estimator, data, watched, groups, rng, going_on)}"
    with _locked(path.with_name(f".{path.name}.lock")):
        yield Checkpoint(path.with_name(f"{path.name}.checkpoint"), rng)


def _make_ready(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, f"checkpoint cannot be written: {error.strerror}", str(folder)) from error


@contextmanager
def _locked(path):
    """Hold a lock, which ends with the process, and with those forked from it meanwhile, at the latest.

    Of two fits that differ in nothing but in random numbers without a seed, one would become a copy of the other.
    """
    with _lock(path):
        try:
            yield
        finally:
            with suppress(OSError):  # which must not cost a model that is trained
                path.unlink(missing_ok=True)


def _lock(path):
    """The file that is locked."""
    while True:
        file = open(path, "w")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise RuntimeError(
                "Another fit of the same model to the same data is under way, with a checkpoint in the same folder. "
                "Give this one another checkpoint or random_state, or none; or delete the lock, if it is of a machine "
                f"that is gone: {path}"
            ) from error
        except OSError:
            return file  # a file system without locks
        with suppress(FileNotFoundError):
            if os.path.samefile(path, file.fileno()):
                return file
        file.close()  # of a fit that has just ended, and removed it


def _fingerprint(estimator, data, watched, groups, rng, going_on):
    """A hash of all that determines the model. Data count as the network sees them, whatever form they came in."""
    from . import __version__  # not yet known when this module is imported

    parameters = estimator.get_params(deep=False)
    seed = parameters["random_state"]
    start = None
    if going_on:
        start = [estimator._network.parameters, estimator._shift, estimator._scale, estimator._loss]
    return joblib.hash(
        [
            (FORMAT, __version__, INSTRUCTION_SET),
            (type(estimator).__module__, type(estimator).__qualname__),
            {name: value for name, value in parameters.items() if name not in WITHOUT_EFFECT},
            _state_of(rng) if rng is seed else seed,
            _parts_of(data),
            watched and _parts_of(watched),
            groups if groups is None else np.ravel(groups),
            start,
        ],
        hash_name="sha1",  # twice as fast as md5 where the processor knows it, 2 GB/s
        coerce_mmap=True,
    )


def _parts_of(data):
    sequences = data.sequences
    n_rows = max(1, HASHED_AT_A_TIME // sequences.n_features)
    values = [sequences.values[start : start + n_rows] for start in range(0, len(sequences.values), n_rows)]
    # Raveled, for a hash also tells strides apart.
    times = sequences.times if sequences.times is None else np.ravel(sequences.times)
    targets, weights = np.ravel(data.targets), np.ravel(data.weights)
    return [values, np.ravel(sequences.offsets), times, data.targets.shape, targets, weights]


def _state_of(rng):
    """The state of a RandomState as JSON can hold it."""
    return _plain(rng.get_state(legacy=False))


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(element) for name, element in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


class Checkpoint:
    """The state of a training after its last epoch, in a file.

    Parameters
    ----------
    path : Path
        Of the file.
    rng : RandomState
        From which all random numbers are drawn; set to where it was when the training in the file began, if there is
        one, so that what precedes the first epoch comes out the same again.
    """

    def __init__(self, path, rng):
        self.path, self._rng = path, rng
        self._has_warned = False
        for temporary in path.parent.glob(f"{storage.temporary_prefix(path)}*"):
            temporary.unlink(missing_ok=True)  # of a process that was killed while writing
        self._found = self._read()
        self.written = self._found is not None
        self._rng_at_start = _state_of(rng)

    def _read(self):
        with self._saying_what_to_do():
            try:
                document, arrays = storage.read(self.path)
            except FileNotFoundError:
                return None
            if document["name"] != self.path.name:
                raise ValueError(f"it once had the name {document['name']}")
            self._set_rng(document["rng_at_start"])
            return document, arrays

    def resume(self, trainer, validated, log):
        """Bring a trainer to the end of the last epoch that was kept, if any; returns the history up to there."""
        if self._found is None:
            return History()
        (document, arrays), self._found = self._found, None
        with self._saying_what_to_do():
            state = _checked(arrays, trainer, validated)
            history = History.of_state(state)
            trainer.restore(state)
            self._set_rng(document["rng"])
            log.resume(history, self.path, float(document["elapsed"]))
        return history

    def _set_rng(self, state):
        if state["bit_generator"] == "MT19937" and not 0 <= state["state"]["pos"] <= len(state["state"]["key"]) == 624:
            raise ValueError("its random numbers have no such state")  # NumPy would read beyond them
        if state["bit_generator"] == "MT19937" and not any(state["state"]["key"][1:]):
            raise ValueError("its random numbers are zero, and whoever drew one would wait for ever")
        self._rng.set_state(state)

    @contextmanager
    def _saying_what_to_do(self):
        try:
            yield
        except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise ValueError(
                f"The checkpoint {self.path} is damaged, or of another training: {error}. Delete it to train from the "
                "beginning."
            ) from error

    def write(self, history, trainer, elapsed):
        """Keep the state at the end of an epoch; where that fails, training is worth more than its checkpoint."""
        document = {
            "name": self.path.name,
            "rng_at_start": self._rng_at_start,
            "rng": _state_of(self._rng),
            "elapsed": elapsed,
        }
        try:
            storage.write(self.path, document, {**trainer.state(), **history.state()})
            self.written = True
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                after = f"could not be written after epoch {len(history.epochs)}: training goes on, and tries again"
                self._warn(after, error, FROM_TRAINING)

    def delete(self):
        """Remove the file: the model is trained."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            self._warn("could not be deleted, now that training has ended", error, FROM_FIT)

    def _warn(self, what, error, stacklevel):
        warnings.warn(f"The checkpoint {self.path} {what}. {error}", stacklevel=stacklevel)


def _checked(arrays, trainer, validated):
    """The arrays of a file, those of no dimension as numbers, if they are of the shapes that they have to be."""
    shapes = {name: np.shape(value) for name, value in trainer.state().items()}
    shapes |= {"best.epoch": (), "best.parameters": trainer.parameters.shape, "reference": (), "n_stale": ()}
    curves = [name for name in Epoch._fields if validated or not name.startswith("validation")]
    shapes |= {f"epochs.{name}": (arrays["epochs.loss"].size,) for name in curves}
    if {name: array.shape for name, array in arrays.items()} != shapes:
        raise ValueError("its arrays are not those of this network and optimizer")
    if not all(array.dtype.kind in "if" for array in arrays.values()):
        raise ValueError("its arrays are not of numbers")
    state = {name: array if array.ndim else array.item() for name, array in arrays.items()}
    counters = [state["best.epoch"], state["n_stale"], state["trainer.t"], state.get("optimizer.n_steps", 0)]
    if min(counters) < 0 or state["best.epoch"] >= len(state["epochs.loss"]):
        raise ValueError("its epochs are none")
    if not np.isfinite(state["trainer.parameters"]).all():
        raise ValueError("its weights are not finite")
    return state
