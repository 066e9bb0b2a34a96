"""Wrong calls of what reads and writes files: `save`, `load`, `to_c`, `to_onnx`, and weights of other frameworks."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.utils._param_validation import InvalidParameterError
from wrong_calls.shared import CUBE, FRAME, Y, make, model

import sklstm
from sklstm import LSTMRegressor
from sklstm.export import from_keras, from_pytorch, to_keras, to_pytorch

HERE = str(Path(__file__).parent)
NO_PLACE = f"{HERE}/nowhere/model.sklstm"


def save(path, of="regressor"):
    return lambda: sklstm.save(model(of) if isinstance(of, str) else of, path)


def load(write):
    """A call of `load` with a file of these contents, or with what a function has written to it."""

    def call():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.sklstm"
            path.write_bytes(write) if isinstance(write, bytes) else write(path)
            sklstm.load(path)

    return call


def shortened(path):
    sklstm.save(model("regressor"), path)
    path.write_bytes(path.read_bytes()[:-100])


def of_a_later_version(path):
    sklstm.save(model("regressor"), path)
    document, arrays = sklstm.saving.storage.read(path)
    sklstm.saving.storage.write(path, {**document, "format_number": 99}, arrays)


def to_c(path=None, of="regressor", **parameters):
    def call():
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "model.h" if path is None else path
            sklstm.to_c(model(of) if isinstance(of, str) else of, target, **parameters)

    return call


def to_onnx(of="regressor", **parameters):
    return lambda: sklstm.to_onnx(model(of) if isinstance(of, str) else of, **parameters)


def with_a_callback():
    from sklearn.callback import ProgressBar

    return make(LSTMRegressor).set_callbacks(ProgressBar()).fit(CUBE, Y)


PATHS = {
    f"{name}: path={str(path)!r}"[:60]: (call(path), error, words)
    for name, call in [
        ("save", save),
        ("load", lambda path: lambda: sklstm.load(path)),
        ("model.save", lambda path: lambda: model("classifier").save(path)),
    ]
    for path, error, words in [
        (None, TypeError, "path must be a str or a Path, got NoneType"),
        (3, TypeError, "path must be a str or a Path, got int"),
        (b"model", TypeError, "path must be a str or a Path, got bytes"),
        (Path, TypeError, "path must be a str or a Path, got type"),
        ("", ValueError, "path must be the name of a file"),
        ("a\0b", ValueError, "path must be the name of a file"),
        ("\ud800", ValueError, "path must be the name of a file"),
        (HERE, IsADirectoryError, HERE),
        (NO_PLACE, FileNotFoundError, NO_PLACE),
        (f"{__file__}/model", NotADirectoryError, "model"),
    ]
}

SAVING = {
    "save: not fitted": (save(NO_PLACE, LSTMRegressor()), NotFittedError, "not fitted yet"),
    "save: a class": (save(NO_PLACE, LSTMRegressor), ValueError, "which sklstm.save does not know"),
    "save: no model": (save(NO_PLACE, 3), ValueError, "int, which sklstm.save does not know"),
    "save: somebody else's": (save(NO_PLACE, LinearRegression()), ValueError, ["LinearRegression", "skops.io.dump"]),
    "save: with callbacks": (lambda: sklstm.save(with_a_callback(), NO_PLACE), ValueError, "has callbacks, which"),
    "load: nothing in it": (load(b""), ValueError, "is not a file that sklstm has written"),
    "load: a text": (load(b"hello"), ValueError, "is not a file that sklstm has written"),
    "load: a pickle": (load(pickle.dumps(Y)), ValueError, "is not a file that sklstm has written"),
    "load: an npz": (load(lambda path: np.savez(path.open("wb"), Y)), ValueError, "is not a file that sklstm has"),
    "load: a part": (load(shortened), ValueError, "is not a file that sklstm has written"),
    "load: a later format": (load(of_a_later_version), ValueError, ["in format 99", "Install that version"]),
}

C = {
    "to_c: no model": (to_c(of=3), InvalidParameterError, "The 'model' parameter of to_c"),
    "to_c: not fitted": (to_c(of=LSTMRegressor()), NotFittedError, "not fitted yet"),
    "to_c: somebody else's": (to_c(of=LinearRegression()), ValueError, "The model must be an LSTMRegressor"),
    "to_c: both ways": (to_c(of="both ways"), ValueError, "bidirectional"),
    "to_c: path None": (lambda: sklstm.to_c(model("regressor"), None), InvalidParameterError, "The 'path' parameter"),
    "to_c: path a null": (to_c("a\0b", name="m"), ValueError, "path must be the name of a file"),
    "to_c: path a folder": (to_c(HERE, name="m"), IsADirectoryError, HERE),
    "to_c: path nowhere": (to_c(NO_PLACE), FileNotFoundError, NO_PLACE),
    "to_c: name of no C": (to_c(name="2nd"), ValueError, "name must be an ASCII letter, then"),
    "to_c: name of two lines": (to_c(name="a\nb"), ValueError, "name must be an ASCII letter"),
    "to_c: name a number": (to_c(name=3), InvalidParameterError, "The 'name' parameter"),
    "to_c: int8 a number": (to_c(int8=8), InvalidParameterError, "The 'int8' parameter"),
}

ONNX = {
    "to_onnx: no model": (to_onnx(of=3), ValueError, "The model must be an LSTMRegressor"),
    "to_onnx: not fitted": (to_onnx(of=LSTMRegressor()), NotFittedError, "not fitted yet"),
    "to_onnx: lengths of another name": (to_onnx(sequence_lens="yes"), ValueError, "sequence_lens must be"),
    "to_onnx: lengths in an array": (to_onnx(sequence_lens=CUBE), ValueError, "sequence_lens must be"),
    "to_onnx: lengths in a frame": (to_onnx(sequence_lens=FRAME), ValueError, "sequence_lens must be"),
    "to_onnx: times in an array": (to_onnx(times=CUBE), ValueError, "times must be True, False or None"),
    "to_onnx: times a text": (to_onnx(times="no"), ValueError, "times must be True, False or None"),
    "to_onnx: dtype of NumPy": (to_onnx(dtype=np.float32), ValueError, 'dtype must be "float32" or "float64"'),
    "to_onnx: dtype an array": (to_onnx(dtype=CUBE), ValueError, 'dtype must be "float32" or "float64"'),
    "to_onnx: opset too old": (to_onnx(target_opset=9), ValueError, "target_opset must be a whole number from 13"),
    "to_onnx: opset a text": (to_onnx(target_opset="15"), ValueError, "target_opset must be a whole number"),
}

FRAMEWORKS = {
    "to_pytorch: no model": (lambda: to_pytorch(3), TypeError, "model must be an LSTMRegressor"),
    "to_pytorch: not fitted": (lambda: to_pytorch(LSTMRegressor()), NotFittedError, "not fitted yet"),
    "to_pytorch: no such layer": (lambda: to_pytorch(model("peephole")), ValueError, "peephole"),
    "from_pytorch: no dict": (lambda: from_pytorch(model("regressor"), [1]), TypeError, "state_dict must be a dict"),
    "from_pytorch: no weights": (lambda: from_pytorch(model("regressor"), {}), ValueError, "state_dict lacks"),
    "from_pytorch: weights of text": (
        lambda: from_pytorch(model("regressor"), dict.fromkeys(to_pytorch(model("regressor")), "a")),
        ValueError,
        "must hold real numbers",
    ),
    "to_keras: no model": (lambda: to_keras(3), TypeError, "model must be an LSTMRegressor"),
    "to_keras: not fitted": (lambda: to_keras(LSTMRegressor()), NotFittedError, "not fitted yet"),
    "from_keras: no list": (lambda: from_keras(model("regressor"), 3), TypeError, "weights must be a list of arrays"),
    "from_keras: too few": (lambda: from_keras(model("regressor"), []), ValueError, "weights must hold 5 arrays"),
    "from_keras: of other shapes": (
        lambda: from_keras(model("regressor"), [CUBE] * 5),
        ValueError,
        "weights[0], layer_0",
    ),
}

CASES = PATHS | SAVING | C | ONNX | FRAMEWORKS
