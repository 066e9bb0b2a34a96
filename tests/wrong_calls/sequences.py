"""Wrong calls of `Sequences`, `as_sequences`."""

import datetime

import numpy as np
import pandas as pd
import scipy.sparse
from wrong_calls.shared import CUBE, NAMED, NAN, RECURSIVE, TABLE

from sklstm import Sequences, as_sequences

VALUES = np.zeros((5, 2))
TIMES = np.tile(np.arange(5.0), (10, 1))


def with_times(times):
    return as_sequences(CUBE, times=times)


CONTAINER = {
    "values of one dimension": (lambda: Sequences(np.zeros(5), [0, 5]), ValueError, "values must have two dimensions"),
    "values of three": (lambda: Sequences(CUBE, [0, 5]), ValueError, "values must have two dimensions"),
    "values ragged": (lambda: Sequences([[1, 2], [3]], [0, 2]), ValueError, "values is itself ragged"),
    "values of text": (lambda: Sequences([["a"]], [0, 1]), ValueError, "values must hold real numbers"),
    "values complex": (lambda: Sequences(VALUES * 1j, [0, 5]), ValueError, "Complex data not supported: values"),
    "values None": (lambda: Sequences(None, [0]), ValueError, "values must have two dimensions"),
    "values of dates": (lambda: Sequences(np.zeros((5, 2), "M8[s]"), [0, 5]), ValueError, "values must hold real"),
    "values masked": (lambda: Sequences(np.ma.masked_less(VALUES, 1), [0, 5]), ValueError, "is a masked array"),
    "values beyond": (lambda: Sequences([[10**400]], [0, 1]), ValueError, "values must hold real numbers"),
    "offsets descend": (lambda: Sequences(VALUES, [0, 4, 2]), ValueError, "offsets must ascend between 0 and"),
    "offsets beyond": (lambda: Sequences(VALUES, [0, 6]), ValueError, "number of time steps, 5"),
    "offsets negative": (lambda: Sequences(VALUES, [-1, 5]), ValueError, "offsets must ascend"),
    "offsets of floats": (lambda: Sequences(VALUES, [0.0, 5.0]), ValueError, "offsets must be a one-dimensional array"),
    "offsets of booleans": (lambda: Sequences(VALUES, [False, True]), ValueError, "array of integers"),
    "offsets empty": (lambda: Sequences(VALUES, []), ValueError, "one more than there are sequences"),
    "offsets of two dimensions": (lambda: Sequences(VALUES, [[0, 5]]), ValueError, "one-dimensional"),
    "offsets ragged": (lambda: Sequences(VALUES, [[0], [1, 5]]), ValueError, "offsets must have one dimension"),
    "offsets None": (lambda: Sequences(VALUES, None), ValueError, "offsets must be a one-dimensional array"),
    "offsets of themselves": (lambda: Sequences(VALUES, RECURSIVE), ValueError, "offsets must have one dimension"),
    "offsets huge": (lambda: Sequences(VALUES, np.array([0, 2**63], np.uint64)), ValueError, "offsets must ascend"),
    "a name twice": (lambda: Sequences(VALUES, [0, 5], feature_names=["a", "a"]), ValueError, "'a' twice"),
    "names too few": (lambda: Sequences(VALUES, [0, 5], feature_names=["a"]), ValueError, "must be 2 texts"),
    "names of numbers": (lambda: Sequences(VALUES, [0, 5], feature_names=[1, 2]), ValueError, "must be 2 texts"),
    "names a text": (lambda: Sequences(VALUES, [0, 5], feature_names="ab"), ValueError, "must be 2 texts"),
    "times too few": (lambda: Sequences(VALUES, [0, 5], times=[1, 2]), ValueError, "times must have the shape (5,)"),
    "times descend": (
        lambda: Sequences(VALUES, [0, 2, 5], times=[1, 2, 0, 2, 1]),
        ValueError,
        ["times must ascend within each sequence", "sequence 1, time step 2"],
    ),
    "times missing": (
        lambda: Sequences(VALUES, [0, 2, 5], times=[0, 1, 2, NAN, 4]),
        ValueError,
        ["no time for sequence 1, time step 1", "Leave such steps out"],
    ),
    "times of text": (lambda: Sequences(VALUES, [0, 5], times=list("abcde")), ValueError, "numbers or datetime64"),
    "times ragged": (
        lambda: Sequences(VALUES, [0, 5], times=[[1], [2, 3], 4, 5, 6]),
        ValueError,
        "times must have one dimension",
    ),
    "times that float64 rounds": (
        lambda: Sequences(VALUES, [0, 5], times=[0, 1, 2, 3, 2**53 + 1]),
        ValueError,
        "Subtract a start from all",
    ),
    "no such sequence": (lambda: NAMED[10], IndexError, "There is no sequence 10: there are 10."),
    "no such sequences": (lambda: NAMED[[0, 99]], IndexError, "Sequences are picked by a number"),
    "no such sequence from the end": (lambda: NAMED[-11], IndexError, "There is no sequence -11: there are 10."),
    "a sequence by a duration": (lambda: NAMED[np.timedelta64(1, "h")], IndexError, "Sequences are picked by a number"),
    "a sequence by a fraction": (lambda: NAMED[2.5], IndexError, "a number, a slice, a list of numbers or a mask"),
    "a sequence by name": (lambda: NAMED["HR"], IndexError, "got 'HR'"),
    "a sequence by None": (lambda: NAMED[None], IndexError, "got None"),
    "a mask of another length": (lambda: NAMED[np.ones(3, bool)], IndexError, "The mask has the shape (3,)"),
    "a table of numbers": (lambda: NAMED[[[0, 1], [2, 3]]], IndexError, "Sequences are picked by a number"),
    "sequences by lists": (lambda: NAMED[[[0], [1, 2]]], IndexError, "Sequences are picked by a number"),
    "no such feature": (lambda: NAMED[:, "BP"], KeyError, ["'BP' is not among the 2 features", "HR, SpO2"]),
    "no feature of that number": (lambda: NAMED[:, 2], KeyError, "2 is not among the 2 features"),
    "other values too few": (lambda: NAMED.with_values(VALUES), ValueError, "values must have 50 rows"),
    "other values, a name twice": (lambda: NAMED.with_values(NAMED.values, ["a", "a"]), ValueError, "'a' twice"),
    "ragged as an array": (lambda: np.asarray(as_sequences([[1], [2, 3]])), ValueError, ["no array", "to_array()"]),
}

CONVERSION = {
    "nothing": (lambda: as_sequences(None), ValueError, ["X must be an array", "got NoneType"]),
    "a text": (lambda: as_sequences("abc"), ValueError, "got str"),
    "bytes": (lambda: as_sequences(b"abc"), ValueError, "got bytes"),
    "a dict": (lambda: as_sequences({"a": CUBE}), ValueError, "got dict"),
    "a set": (lambda: as_sequences({1.0, 2.0}), ValueError, "got set"),
    "a generator": (lambda: as_sequences(x for x in CUBE), ValueError, "got generator"),
    "a class": (lambda: as_sequences(Sequences), ValueError, "got type"),
    "a date": (lambda: as_sequences(datetime.date(2020, 1, 1)), ValueError, "got date"),
    "a list of itself": (lambda: as_sequences(RECURSIVE), ValueError, "Sequence 0 of X is itself ragged"),
    "lists ragged at the third level": (lambda: as_sequences([[[[1], [1, 2]]]]), ValueError, "is itself ragged"),
    "a frame without columns": (lambda: as_sequences(pd.DataFrame(index=[1])), ValueError, "without columns"),
    "frames of other columns": (
        lambda: as_sequences([pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]})]),
        ValueError,
        ["Sequence 1 of X has the columns ['b']", "sequence 0 has ['a']"],
    ),
    "sparse": (lambda: as_sequences(scipy.sparse.csr_array(TABLE)), TypeError, "Sparse data was passed for X"),
    "records": (lambda: as_sequences(np.zeros((3, 2), dtype=[("a", float)])), ValueError, "must hold real numbers"),
    "names that are wrong": (lambda: as_sequences(CUBE, feature_names=["a"]), ValueError, "must be 2 texts"),
    "times a number": (lambda: with_times(3), ValueError, "times must hold the times of each sequence"),
    "times a text": (lambda: with_times("hours"), ValueError, "times must hold the times of each sequence"),
    "times of some": (lambda: with_times(TIMES[:9]), ValueError, ["times has 9 elements", "10 sequences"]),
    "times too short": (lambda: with_times([t[:4] for t in TIMES]), ValueError, "times[0] has shape (4,)"),
    "times ragged within": (lambda: with_times([[[0], [1, 2]]] * 10), ValueError, "times[0] must hold a time"),
    "times that descend": (lambda: with_times(-TIMES), ValueError, "times must ascend within each sequence"),
    "times sparse": (lambda: with_times(scipy.sparse.csr_array(TIMES)), ValueError, "times must hold the times"),
}

CASES = CONTAINER | CONVERSION
