"""The forms that X may have: containers, types and layouts in memory, of the same numbers."""

import tempfile
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
from checks import object_array
from hypothesis import strategies as st

from sklstm import Sequences


def holds(dtype, values):
    """Whether numbers in double precision survive in another type."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.array_equal(values.astype(dtype).astype(float), values, equal_nan=True)


DTYPES = [
    *["f2", ">f2", "f4", ">f4", "f8", ">f8", "g"],
    *["i1", "i2", ">i2", "i4", "i8", ">i8", "u1", "u2", "u4", "u8", "?", "O"],
]


def _mapped(array):
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
        mapped[...] = array
        return mapped


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def _spaced(array):
    wide = np.empty(tuple(2 * n + 1 for n in array.shape), dtype=array.dtype)
    wide[...] = array.flat[0]
    part = wide[tuple(slice(1, None, 2) for _ in array.shape)]
    part[...] = array
    return part


def _backwards(array):
    return np.flip(np.flip(array).copy())


def _unaligned(array):
    if array.dtype == object:
        return array
    memory = np.empty(array.nbytes + 1, dtype=np.uint8)
    part = memory[1:].view(array.dtype).reshape(array.shape)
    part[...] = array
    return part


def _broadcast(array):
    """Without a stride where all along an axis is the same."""
    if array.dtype == object:
        return array
    for axis in range(array.ndim):
        first = array.take([0], axis=axis)
        if (array == first).all():
            array = np.broadcast_to(first, array.shape)
    return array


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "backwards": _backwards,
    "spaced": _spaced,
    "read-only": _read_only,
    "unaligned": _unaligned,
    "broadcast": _broadcast,
    "mapped": lambda array: array if array.dtype == object else _mapped(array),
}


def padded(X):
    """One array, with NaN behind the end of shorter sequences."""
    cube = np.full((len(X), max(map(len, X)), X[0].shape[1]), np.nan)
    for row, x in zip(cube, X, strict=True):
        row[: len(x)] = x
    return cube


def is_array_of(X, dtype):
    """Whether an array of this type, padded by NaN, would hold these sequences and no others."""
    is_ragged = len(set(map(len, X))) > 1
    return not ((is_ragged and np.dtype(dtype).kind not in "fO") or any(np.isnan(x[-1]).all() for x in X))


def _cube(X, dtype, layout):
    return layout(padded(X).astype(dtype)) if is_array_of(X, dtype) else _list(X, dtype, layout)


def _table(X, dtype, layout):
    """One feature over the same time steps; otherwise as an array of three dimensions."""
    if X[0].shape[1] > 1 or len(set(map(len, X))) > 1:
        return _cube(X, dtype, layout)
    return layout(np.array([x[:, 0] for x in X]).astype(dtype))


def _list(X, dtype, layout):
    return [layout(x.astype(dtype)) for x in X]


def _vectors(X, dtype, layout):
    if X[0].shape[1] > 1:
        return _list(X, dtype, layout)
    return [layout(x[:, 0].astype(dtype)) for x in X]


def _rows_of_frame(make):
    def form(X, dtype, layout):
        table = _table(X, dtype, layout)
        return make(table) if getattr(table, "ndim", 0) == 2 else [make(x) for x in _list(X, dtype, layout)]

    return form


def _native(array):
    """What frames take: they have no types in the other order of bytes, of 16 bits or of 128."""
    dtype = array.dtype.newbyteorder("=")
    return array.astype({"e": "f4", "g": "f8"}.get(dtype.char, dtype))


FORMS = {
    "list": _list,
    "tuple": lambda X, dtype, layout: tuple(_list(X, dtype, layout)),
    "object array": lambda X, dtype, layout: object_array(_list(X, dtype, layout)),
    "vectors": _vectors,
    "lists of lists": lambda X, dtype, layout: [x.tolist() for x in _list(X, dtype, layout)],
    "cube": _cube,
    "table": _table,
    "lists as a table": lambda X, dtype, layout: (
        table.tolist() if getattr(table := _table(X, dtype, layout), "ndim", 0) == 2 else table
    ),
    "pandas": _rows_of_frame(lambda array: pd.DataFrame(_native(array))),
    "polars": _rows_of_frame(
        lambda array: pl.DataFrame(np.array(_native(array).astype(float) if array.dtype == object else _native(array)))
    ),
    "Sequences": lambda X, dtype, layout: Sequences(
        layout(np.concatenate(X).astype(dtype)), np.cumsum([0, *map(len, X)])
    ),
}


@dataclass(frozen=True)
class Form:
    """How a list of arrays is handed over: in double precision, if the type does not hold its numbers exactly."""

    name: str = "list"
    dtype: str = "f8"
    layout: str = "C"

    def __call__(self, X):
        return FORMS[self.name](X, self.dtype if holds(self.dtype, np.concatenate(X)) else "f8", LAYOUTS[self.layout])


def forms(dtypes=tuple(DTYPES)):
    return st.builds(Form, st.sampled_from([*FORMS]), st.sampled_from(dtypes), st.sampled_from([*LAYOUTS]))
