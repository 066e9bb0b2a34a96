"""What is fuzzed: for each target, files or choices to begin with, what changes them, and what may come of them.

A target raises for any input that is a fault: an error of another type than the documented ones, or that does not name
the file; a number that is not finite; anything that `watch` calls a misdeed; too much memory.
"""

import copy
import io
import random
import resource
import shutil
import tarfile
import tempfile
import warnings
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import numpy as np
from fuzz import mutations
from fuzz.objects import DTYPES, Choices
from fuzz.watch import Misdeed, only_reads
from physionet_files import OUTCOMES, STAYS, TABLES, write_tar
from store_models import FOLDER, INPUTS, NUMBERS, fitted

import sklstm
from sklstm.checkpoint import Checkpoint
from sklstm.datasets import _fetch
from sklstm.datasets._physionet_files import read_outcomes, read_stays, read_tables
from sklstm.preprocessing import SequenceTokenizer, frame_to_sequences
from sklstm.saving import storage

MOST_MEMORY = 400_000  # kB that an input, of which none has 100 kB, may take
HIGHEST_USE = Path("/proc/self/clear_refs")  # a 5 written there has Linux forget it


class Target:
    """Something to fuzz.

    Parameters
    ----------
    try_out : callable
        Takes an input and a folder for files, and raises an error if that is a fault.
    seeds : callable
        Makes the inputs to begin with.
    mutate : callable or None
        Takes an input, a `random.Random` and a function that changes bytes; None leaves all to the fuzzer.
    """

    def __init__(self, try_out, seeds, mutate=None):
        self.try_out, self.seeds, self.mutate = try_out, cache(seeds), mutate

    def __call__(self, data, folder):
        with suppress(FileNotFoundError):  # of other systems, where an earlier peak hides a lower one
            HIGHEST_USE.write_text("5")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.try_out(data, folder)
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        if more > MOST_MEMORY:
            raise MemoryError(f"{len(data)} bytes took {more} kB of memory")


def _put(data, folder, name):
    path = folder / name
    path.write_bytes(data)
    return path


def _reads(read, path):
    """What a function reads from a file; None if it refuses it in words that name the file."""
    try:
        with only_reads(path):
            return read(path)
    except ValueError as error:
        if str(path) not in str(error):
            raise Misdeed("the error does not name the file") from error
        return None


# ---------------------------------------------------------------------------------------------- models


def load(data, folder):
    """A model in a file, which is then used and saved."""
    model = _reads(sklstm.load, _put(data, folder, "model.sklstm"))
    if model is None:
        return
    jobs = [name for name in model.get_params() if name.endswith("n_jobs")]
    model.set_params(**dict.fromkeys(jobs))
    for X in INPUTS.values():
        use = next(getattr(model, name) for name in ("predict_proba", "predict", "transform") if hasattr(model, name))
        with suppress(ValueError):
            y = use(X)
            if use.__name__ != "transform" and not np.isfinite(np.concatenate([*map(np.ravel, y)])).all():
                raise Misdeed("a prediction is not finite")
    sklstm.save(model, folder / "again.sklstm")


def model_files():
    """Those of version 0.1.0."""
    return [path.read_bytes() for path in sorted((FOLDER / "0.1.0").glob("*.sklstm"))]


# ---------------------------------------------------------------------------------------------- states


STREAMED = "lstm", "gru", "peephole", "max", "attention", "embedding", "decay", "pipeline", "union"


@cache
def _streams():
    streams = [sklstm.stream(fitted(name), n_streams=2) for name in STREAMED]
    return {frozenset(stream.state): stream for stream in streams}


def state(data, folder):
    """The state of a stream, from an npz file, and three steps from there."""
    try:
        with np.load(_put(data, folder, "state.npz")) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception:  # NumPy's
        return
    streams = _streams()
    stream = streams.get(frozenset(arrays), next(iter(streams.values())))
    with suppress(ValueError):
        stream.state = arrays
        for k in range(3):
            time = [None, 10.0 + k, np.datetime64("2030-01-01", "h") + k][stream.state.get("time.unit", [0])[0] % 3]
            y = stream.step(np.full((2, stream.n_features_in_), k % 2), time=time)
            if not np.isfinite(y).all() and _is_plausible(arrays):
                raise Misdeed("a prediction is not finite")
        stream.state = stream.state


def _is_plausible(arrays):
    """Whether nothing is so large that differences and products overflow, and attention was paid to something."""
    floats = [array for array in arrays.values() if array.dtype.kind == "f"]
    return all((np.nan_to_num(np.abs(array)) < 1e6).all() for array in floats) and "attention" not in arrays


def states():
    """Those of streams after some steps."""
    seeds = []
    for stream in _streams().values():
        stream.reset()
        with suppress(ValueError):
            stream.step(np.ones((2, stream.n_features_in_)), time=1.0)
        with suppress(ValueError):
            stream.step(np.ones((2, stream.n_features_in_)))
        with tempfile.TemporaryFile() as file:
            np.savez(file, **stream.state)
            file.seek(0)
            seeds.append(file.read())
    return seeds


CHECKPOINTED = [
    {},
    {"solver": "sgd", "dtype": "float64", "early_stopping": True, "validation_fraction": 0.25},
    {"solver": "rmsprop", "cell": "gru"},
]


def _train(folder, k):
    model = sklstm.LSTMRegressor(2, max_iter=4, batch_size=6, random_state=0, checkpoint=folder, **CHECKPOINTED[k])
    return model.fit(INPUTS["cube"], NUMBERS)


@cache
def _checkpoints():
    """Names and contents of checkpoints after the second epoch."""
    write, kept = Checkpoint.write, []

    def keeping(self, *args):
        write(self, *args)
        kept.append((self.path.name, self.path.read_bytes()))

    with patch.object(Checkpoint, "write", keeping), tempfile.TemporaryDirectory() as folder:
        for k in range(len(CHECKPOINTED)):
            _train(folder, k)
    return kept[1::4]


def checkpoint(data, folder):
    """A checkpoint, from which a training goes on; its first byte says which training."""
    folder = folder / "checkpoints"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    k = data[0] % len(CHECKPOINTED) if data else 0
    path = _put(data[1:], folder, _checkpoints()[k][0])
    _reads(storage.read, path)
    try:
        model = _train(folder, k)
    except ValueError as error:
        if str(path) not in str(error):
            raise Misdeed("the error does not name the file") from error
        return
    if not np.isfinite(model.predict(INPUTS["cube"])).all():
        raise Misdeed("a prediction is not finite")


def checkpoints():
    """Those of each training."""
    return [bytes([k]) + content for k, (_, content) in enumerate(_checkpoints())]


def _mutate_checkpoint(data, rng, scramble):
    return data[:1] + mutations.mutate_zip(data[1:], rng, scramble)


# ---------------------------------------------------------------------------------------------- data sets


def archive(name, read, data, folder):
    """A set of PhysioNet in an archive."""
    _reads(read, _put(data, folder, name))


def zipped(files):
    """A set of files as a zip archive."""
    return [mutations.archive_of([(name, text.encode()) for name, text in files.items()])]


def tarred():
    """A set as PhysioNet packs it, and others with long names, with links and with a sparse file."""
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            path = Path(folder) / "set.tar.gz"
            with tarfile.open(path, "w:gz", format=format, compresslevel=1) as file:
                for name, text in STAYS.items():
                    for long in (name, f"{'ü' * 120}/9{name[-5:]}"):
                        member = tarfile.TarInfo(long)
                        member.size, member.mtime = len(text), 1.5
                        file.addfile(member, io.BytesIO(text.replace(",7\n", ",97\n").encode()))
                for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.GNUTYPE_SPARSE):
                    member = tarfile.TarInfo(f"set-c/{kind.decode()}.txt")
                    member.type, member.linkname = kind, "/etc/passwd"
                    file.addfile(member)
                    seeds.append(path)
            seeds[-4:] = [path.read_bytes()]
        write_tar(path, STAYS)
        return [*seeds, path.read_bytes()]


class Response(io.BytesIO):
    """What a server answers."""

    def __init__(self, data, length):
        super().__init__(data)
        self.headers = {"Content-Length": length}


def sums(data, folder):
    """A list of SHA-256 sums from a server, whose first line is the length that it claims."""
    length, _, text = data.partition(b"\n")
    with patch.object(_fetch, "urlopen", lambda request, timeout: Response(text, length.decode("latin-1"))):
        try:
            said = _fetch.checksums("https://example.org/SHA256SUMS.txt", n_retries=0, delay=0)
        except OSError as error:
            if "https://example.org/SHA256SUMS.txt" not in str(error) and "bytes" not in str(error):
                raise Misdeed("the error does not name the address") from error
            return
    if any(len(digest) != 64 or not name for name, digest in said.items()):
        raise Misdeed("a sum that is none")


def project(data, folder):
    """A zip file of a whole project, of which a part is kept."""
    path = _put(data, folder, "project.zip")
    expected = {f"training/{name}": sha256(text.encode()).hexdigest() for name, text in TABLES.items()}
    kept = folder / "kept.zip"
    try:
        _fetch._extract_checked(path, kept, expected, "https://example.org/")
    except OSError as error:
        if "https://example.org/" not in str(error):
            raise Misdeed("the error does not name the address") from error
        return
    if len(read_tables(kept)[0]) != len(TABLES):
        raise Misdeed("it is not complete")


# ---------------------------------------------------------------------------------------------- conversions


def sequences(data, folder):
    """Python objects as sequences."""
    choices = Choices(data)
    with suppress(ValueError):
        X = choices.anything()
        names = choices.anything() if choices.below(4) == 0 else None
        times = choices.anything() if choices.below(4) == 0 else None
        try:
            made = sklstm.as_sequences(X, feature_names=names, times=times)
        except TypeError as error:  # as scikit-learn wants it
            if not str(error).startswith(("X must hold real numbers", "Sparse data was passed for X")):
                raise
            return
        if made.values.ndim != 2 or made.values.dtype.kind != "f" or made.offsets[-1] != len(made.values):
            raise Misdeed(f"{made!r} is none")


def frames(data, folder):
    """Data frames as sequences."""
    choices = Choices(data)
    df = choices.frame()
    options = {"features": [None, ["x"], ["x", "y"], "x", 3], "target": [None, "y", ["y", "x"], ["y"], 3]}
    options = {name: choices.of(values) for name, values in options.items()}
    static = choices.frame() if choices.below(3) == 0 else None
    steps = bool(choices.below(2))
    with suppress(ValueError):
        frame_to_sequences(df, sequence="id", time="time", return_sequences=steps, static=static, **options)


PATTERNS = r"(?u)\b\w+\b", "(", "(a)(b)", "(a)", "", "a" * 300, "[", "(?P<a>.)", r"\w{99999999999}", ".*", None


def texts(data, folder):
    """Texts as tokens, and back."""
    choices = Choices(data)
    tokenizer = SequenceTokenizer(
        analyzer=choices.of(["word", "char"]),
        lowercase=choices.of([True, False]),
        strip_accents=choices.of([None, "ascii", "unicode"]),
        token_pattern=choices.of(PATTERNS) if choices.below(3) == 0 else PATTERNS[0],
        min_df=choices.of([1, 2, 0.5, 0.0, 1.0]),
        max_features=choices.of([None, 1, 2]),
        max_length=choices.of([None, 1, 3]),
        truncate=choices.of(["start", "end"]),
    )
    with suppress(ValueError):
        made = tokenizer.fit_transform(choices.texts())
        tokenizer.inverse_transform(made)
        tokenizer.inverse_transform(tokenizer.transform(choices.texts()))
        tokenizer.inverse_transform(choices.anything())


@cache
def _weighed():
    return [fitted(name) for name in ("lstm", "gru", "peephole", "attention", "embedding", "decay", "quantile")]


def weights(data, folder):
    """Numbers by name as the weights of a model."""
    choices = Choices(data)
    model = copy.copy(choices.of(_weighed()))
    given = model.get_weights()
    for _ in range(choices.below(4)):
        name = choices.of([*given, "more"]) if given else "more"
        what = choices.below(5)
        if what == 0:
            given.pop(name, None)
        elif what == 1:
            given[name] = choices.anything()
        elif what == 2 and hasattr(given.get(name), "dtype"):
            given[name] = np.zeros(np.shape(given[name]), choices.of(DTYPES))
        elif what == 3 and hasattr(given.get(name), "dtype"):
            given[name] = np.full(given[name].shape, choices.of(mutations.NUMBERS))
        else:
            given[name] = choices.array()
    with suppress(ValueError):
        model.set_weights(given)
        model.predict(INPUTS["cube"])


def choices_to_begin_with():
    """Bytes of which objects are made."""
    rng = random.Random(0)
    return [rng.randbytes(n) for n in (1, 4, 16, 64, 64, 256, 256)]


TARGETS = {
    "load": Target(load, model_files, mutations.mutate_zip),
    "load-bytes": Target(load, model_files),
    "state": Target(state, states, mutations.mutate_zip),
    "checkpoint": Target(checkpoint, checkpoints, _mutate_checkpoint),
    "stays": Target(partial(archive, "set-a.zip", read_stays), lambda: zipped(STAYS), mutations.mutate_zip),
    "stays-tar": Target(partial(archive, "set-c.tar.gz", read_stays), tarred, mutations.mutate_tar),
    "tables": Target(partial(archive, "training_setB.zip", read_tables), lambda: zipped(TABLES), mutations.mutate_zip),
    "outcomes": Target(
        partial(archive, "Outcomes-a.txt", read_outcomes), lambda: [OUTCOMES.encode()], mutations.mutate_lines
    ),
    "sums": Target(sums, lambda: [b"\n%064d  training/a.psv\n%064d *b\n" % (1, 2)]),
    "project": Target(
        project, lambda: zipped({f"s/training/{name}": text for name, text in TABLES.items()}), mutations.mutate_zip
    ),
    "sequences": Target(sequences, choices_to_begin_with),
    "frames": Target(frames, choices_to_begin_with),
    "texts": Target(texts, choices_to_begin_with),
    "weights": Target(weights, choices_to_begin_with),
}
