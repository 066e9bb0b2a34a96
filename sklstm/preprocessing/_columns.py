"""Columns of a pandas or polars table, as the arrays that sequences are made of."""

import narwhals.stable.v2 as nw
import numpy as np

from ..real_numbers import first_other
from ..sequences import units_of_time

LARGEST_WHOLE = 2**53  # below which float64 tells every whole number from its neighbours


def table_of(frame, names, of):
    """Columns of numbers as one array, (n_rows, n_columns): float32 if all are, otherwise float64."""
    is_single = all(frame[name].dtype == nw.Float32 for name in names)
    table = np.empty((len(frame), len(names)), dtype=np.float32 if is_single else np.float64)
    for k, name in enumerate(names):
        table[:, k] = _floats(frame[name], of)
    return table


def _floats(column, of):
    """The values of a column as floats, NaN where they are missing."""
    dtype = column.dtype
    if dtype in (nw.Float32, nw.Float64):
        return column.to_numpy()
    if dtype.is_numeric() or dtype == nw.Boolean:
        return column.cast(nw.Float64).to_numpy()
    if column.is_null().all():
        return np.full(len(column), np.nan)  # such a column may have any type
    where, found, convert = " through features" if of == "df" else "", "", "Convert"
    if dtype in (nw.String, nw.Object):
        other = first_other(np.array(column.to_list(), dtype=object))
        found = "" if other is None else f", with {other[1]!r} in row {other[0][0]}"
        convert = 'Convert it, for example by pandas.to_numeric(..., errors="coerce"),'
    raise ValueError(
        f"Column {column.name!r} of {of} must hold numbers or booleans to be a feature, but its type is "
        f"{type_of(column)}{found}. {convert} or encode it, or leave it out{where}."
    )


def type_of(column):
    """The type as the library calls it."""
    return column.to_native().dtype


def is_missing(column):
    return np.isnan(column.to_numpy()) if column.dtype.is_float() else column.is_null().to_numpy()


def _check_complete(column, role, what):
    missing = np.flatnonzero(is_missing(column))
    if len(missing):
        raise ValueError(
            f"Column {column.name!r} ({role}) has no {what} in row {missing[0]} of df ({len(missing)} such rows in "
            "all). Fill it in, or leave such rows out."
        )


def labels_of(column):
    """The values of a column that are there to be told apart: of categories, what they stand for; texts as objects."""
    labels = column.to_numpy()
    if labels.dtype.kind == "M":
        return _nanoseconds(labels, column.name)
    return labels.astype(object) if labels.dtype.kind == "U" else labels


def factorize(column):
    """The distinct identifiers in order, and the number of that of each row."""
    _check_complete(column, "sequence", "identifier")
    labels = labels_of(column)
    if labels.dtype.kind != "O":
        return np.unique(labels, return_inverse=True)
    try:
        distinct = sorted(set(labels))  # by hash: sorting a million texts takes ten times as long
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"Column {column.name!r} (sequence) must hold identifiers that can be sorted, but has {' and '.join(kinds)}"
            ". Make them all texts, or all numbers."
        ) from error
    number = {label: i for i, label in enumerate(distinct)}
    ids = np.empty(len(distinct), dtype=object)
    ids[:] = distinct
    return ids, np.fromiter(map(number.__getitem__, labels), np.intp, len(labels))


def times_of(column):
    """The times as float64 or datetime64[ns]."""
    dtype, name = column.dtype, column.name
    if not (dtype.is_numeric() or dtype in (nw.Datetime, nw.Date, nw.Duration)):
        raise ValueError(
            f"Column {name!r} (time) must hold numbers, datetimes, dates or durations, but its type is "
            f"{type_of(column)}. Convert it, for example by pandas.to_datetime."
        )
    _check_complete(column, "time", "time")
    if dtype == nw.Duration:
        return units_of_time(column.to_numpy())
    if not dtype.is_numeric():
        column = column.cast(nw.Datetime("us")) if dtype == nw.Date else column  # pyarrow's dates would be objects
        return _nanoseconds(column.to_numpy(), name)
    times = column.cast(nw.Float64).to_numpy()
    largest, advice = np.inf, "Leave such rows out."
    if dtype.is_integer():
        largest, advice = LARGEST_WHOLE, "Numbers as large are not exact: make datetimes of them, or subtract a start."
    wrong = np.flatnonzero(~(np.abs(times) < largest))
    if len(wrong):
        raise ValueError(f"Column {name!r} (time) is {column[int(wrong[0])]} in row {wrong[0]} of df. {advice}")
    return times


def _nanoseconds(times, name):
    exact = times.astype("M8[ns]")
    wrong = np.flatnonzero(exact.astype(times.dtype) != times)  # NumPy wraps around
    if len(wrong):
        raise ValueError(
            f"Column {name!r} is {times[wrong[0]]} in row {wrong[0]} of df: nanoseconds reach from 1678 to 2261. Shift "
            "the datetimes, or make numbers of them."
        )
    return exact
