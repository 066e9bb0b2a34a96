"""Python objects of all kinds, made from bytes."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
from scipy.sparse import csr_array

import sklstm

DTYPES = "f8", "f4", "f2", "i1", "i8", "u8", "?", "c8", "O", "U3", "S2", "M8[ns]", "M8[D]", "m8[s]", ">f4", "f8,i4"
SCALARS = (
    0, 1, -1, 2, 0.5, 1e-320, 1e39, 1e308, float("nan"), float("inf"), 10**30, 2**63, True, None, pd.NA, pd.NaT, "",
    "a", "1", b"x", 1j, np.float32(2), np.int8(3), np.datetime64("NaT"), np.datetime64("2020-01-01"),
    np.float16("inf"), datetime.date(2020, 1, 1), datetime.timedelta(1), object(), print, ...,
    "\ud800", "é" * 50, np.array(1.5), [1], (), {},
)  # fmt: skip
WORDS = "the", "cat", "", " ", "a" * 500, "it's", "\x00", "\ud800", "ß", "ﬁ", "🙂", "\n", "0", "the cat sat on", "é"


class Choices:
    """What a program chooses, taken from bytes; when they come to an end, the first of what there is."""

    def __init__(self, data):
        self._data, self._at = data, 0

    def below(self, n):
        """A whole number from 0, below n."""
        value = self._data[self._at] if self._at < len(self._data) else 0
        self._at += 1
        return value % n

    def of(self, values):
        """One of some values."""
        return values[self.below(len(values))]

    def scalar(self):
        """Anything that has no parts, or hardly any."""
        return self.of(SCALARS) if self.below(4) == 0 else self.below(256) / 16

    def array(self):
        """An array of any type and of up to four axes."""
        shape = tuple(self.of([1, 2, 3, 0, 5]) for _ in range(self.of([3, 2, 1, 0, 4])))
        dtype = np.dtype(self.of(DTYPES))
        values = np.array([self.below(256) for _ in range(int(np.prod(shape)))], dtype="i8").reshape(shape)
        if dtype.kind == "O":
            array = np.empty(shape, dtype=object)
            for place in np.ndindex(shape):
                array[place] = self.scalar()
        elif dtype.names:
            array = np.zeros(shape, dtype)
        else:
            array = values.astype("M8[s]" if dtype.kind == "M" else values.dtype).astype(dtype)
        if array.size and array.dtype.kind == "f":
            array.flat[self.below(array.size)] = self.of([0, np.nan, np.inf, 1])
            if self.below(4) == 0 and array.ndim:
                array[..., -1] = np.nan
        return self.of([lambda a: a, lambda a: a, lambda a: a.T, np.ma.array, lambda a: a[::-1] if a.ndim else a])(
            array
        )

    def frame(self):
        """A data frame, of pandas or of polars."""
        n = self.of([4, 1, 0, 6])
        columns = {}
        for name in ["id", "time", "x", "y"][: 4 - self.of([0, 0, 0, 1, 2])]:
            kind = self.below(8)
            if kind < 3:
                values = [self.below(4) for _ in range(n)]
            elif kind == 3:
                values = [self.scalar() for _ in range(n)]
            elif kind == 4:
                values = [self.of(WORDS[:4]) for _ in range(n)]
            elif kind == 5:
                values = np.array([self.below(99) for _ in range(n)]).astype(
                    self.of(["M8[ns]", "m8[s]", "f4", "u8", "?"])
                )
            elif kind == 6:
                values = pd.Categorical([self.of(["b", "a", None]) for _ in range(n)])
            else:
                values = pd.array(
                    [self.of([1, None, 0]) for _ in range(n)], dtype=self.of(["Int64", "boolean", "Float32"])
                )
            columns[self.of([name, name, name, name, 7, "x"])] = values
        frame = pd.DataFrame(columns)
        what = self.below(8)
        if what == 0:
            return frame.set_index(frame.columns[0]) if len(frame.columns) else frame
        if what == 1:
            return pd.concat([frame, frame], axis=1)
        if what < 5:
            try:
                frame = pl.from_pandas(frame)
            except Exception:  # of what polars does not know
                return frame
            return frame.lazy() if what == 2 else frame
        return frame

    def anything(self, depth=0):
        """Anything, lists of lists of anything among them."""
        what = self.below(12 if depth < 4 else 4)
        if what < 2:
            return self.scalar()
        if what < 4:
            return self.array()
        if what < 9:
            few = [self.anything(depth + 1)] * self.of([1, 2, 3]) if self.below(2) else None
            return few or [self.anything(depth + 1) for _ in range(self.of([2, 1, 3, 0]))]
        if what == 9:
            return self.of([self.frame, lambda: csr_array(np.eye(2)), lambda: iter([1]), lambda: {1: 2}, lambda: {1}])()
        if what == 10:
            rows = [self.array() for _ in range(self.below(3))]
            return self.of([tuple, pd.Series, lambda rows: sklstm.Sequences(np.ones((3, 2)), [0, 1, 3])])(rows)
        array = np.empty(2, dtype=object)
        array[0], array[1] = self.anything(depth + 1), self.anything(depth + 1)
        return array

    def texts(self):
        """Lists of texts, mostly."""
        if self.below(16) == 0:
            return self.anything()
        return [" ".join(self.of(WORDS) for _ in range(self.below(6))) for _ in range(1 + self.below(5))]
