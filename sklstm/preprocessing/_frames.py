"""Long tables, one row a time step, into sequences; pandas and polars alike."""

from collections import Counter

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from sklearn.utils._param_validation import validate_params

from ..real_numbers import real_array
from ..sequences import Sequences, offsets_of
from ..validation import as_sequences
from ._columns import factorize, is_missing, labels_of, table_of, times_of, type_of

TEXT = nw.String, nw.Categorical, nw.Enum


@validate_params(
    {
        "df": "no_validation",
        "sequence": [str],
        "time": [str],
        "features": "no_validation",
        "target": "no_validation",
        "return_sequences": ["boolean"],
        "static": "no_validation",
    },
    prefer_skip_nested_validation=True,
)
def frame_to_sequences(df, *, sequence, time, features=None, target=None, return_sequences=False, static=None):
    """Turn a long table, one row a time step, into sequences.

    The order of the rows does not matter: sequences are sorted by identifier, their time steps by time. Only columns
    count; ``df.reset_index()`` makes columns of a pandas index.

    Parameters
    ----------
    df : pandas or polars DataFrame
        One row a time step of a sequence.

    sequence : str
        The column that says which sequence a row belongs to: numbers, texts, categories or any other values that can
        be sorted, such as an identifier of a patient.

    time : str
        The column that says when the step was taken: numbers, datetimes, dates or durations. Datetimes with a time zone
        are converted to UTC, durations to hours.

    features : list of str, default=None
        The columns of the features, which must be numbers or booleans. None means all that have no other role, in the
        order of the table.

    target : str or list of str, default=None
        The column to predict, or several columns of numbers.

    return_sequences : bool, default=False
        Whether there is a target at each time step, as the estimators' parameter of this name says. Otherwise there is
        one a sequence, the same in all of its rows. True needs `target`.

    static : DataFrame or None, default=None
        What does not change within a sequence, such as age: one row a sequence, with a column of the name that
        `sequence` gives. Its other columns become features behind those of `df`, the same at all time steps, so that
        they stay with their sequence in cross-validation; columns that have a role in `df` may not be among them. Rows
        of other sequences are ignored.

    Returns
    -------
    X : Sequences
        The sequences, with the names of their features and the times of their steps. Missing values are NaN. The values
        are float32 if all features are, otherwise float64.

    y : ndarray of shape (n_sequences,) or (n_sequences, n_targets), or list of ndarray
        The targets, if `target` is given: an array, one column each for a list of columns. With `return_sequences` a
        list of arrays of shape (n_timesteps_i,) or (n_timesteps_i, n_targets). Numbers, booleans and labels stay what
        they are; NaN where they are missing.

    ids : ndarray of shape (n_sequences,)
        The identifiers, in the order of `X`.

    Raises
    ------
    ValueError
        If `df` is lazy or no data frame, has no rows, lacks a column or has one twice; if a column has two roles; if an
        identifier or a time is missing or two rows of a sequence have the same time; if a feature is neither numbers
        nor booleans (texts, categories, datetimes, columns of Python objects; one without any value is NaN); if a
        target changes within a sequence; if `return_sequences` is True without `target`; or if `static` does not have
        one row for each sequence, or has a column with a role in `df`, such as the target.

    See Also
    --------
    sequences_to_frame : The way back.
    add_static : Features that do not change, for sequences that are not from a table.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm.preprocessing import frame_to_sequences
    >>> df = pd.DataFrame({
    ...     "patient": ["b", "a", "b", "a", "b"],
    ...     "hour": [2, 0, 0, 1, 1],
    ...     "heart_rate": [92, 70, 85, 72, None],
    ...     "died": [1, 0, 1, 0, 1],
    ... })
    >>> X, y, ids = frame_to_sequences(df, sequence="patient", time="hour", target="died")
    >>> ids, y
    (array(['a', 'b'], dtype=object), array([0, 1]))
    >>> X
    <Sequences: 2 of 2 to 3 time steps, 1 features, float64>
    >>> X[1]
    array([[85.],
           [nan],
           [92.]])
    >>> X.feature_names, X.times
    (array(['heart_rate'], dtype=object), array([0., 1., 0., 1., 2.]))
    """
    frame = _frame(df, "df")
    targets = [] if target is None else [target] if isinstance(target, str) else _names(target, "target")
    features = _names_of_features(frame, [sequence, time, *targets], features)
    roles = _roles(frame, {"sequence": [sequence], "time": [time], "features": features, "target": targets})
    if return_sequences and not targets:
        raise ValueError("return_sequences=True is about targets: target must name the column that holds them.")
    if len(frame) == 0:
        raise ValueError("df has no rows: at least one time step is needed.")
    ids, codes = factorize(frame[sequence])
    times = times_of(frame[time])
    order = np.lexsort((times, codes))
    codes, times = codes[order], times[order]
    _check_distinct(sequence, time, ids, codes, times, order)
    offsets = offsets_of(np.bincount(codes))
    X = Sequences(table_of(frame, features, "df")[order], offsets, feature_names=features, times=times)
    if static is not None:
        X = add_static(X, *_static_rows(static, sequence, roles, ids))
    if target is None:
        return X, ids
    columns = [_target(frame[name], ids, order, offsets, return_sequences) for name in targets]
    y = columns[0] if isinstance(target, str) else _side_by_side(columns, targets)
    return X, np.split(y, offsets[1:-1]) if return_sequences else y, ids


def add_static(X, static, feature_names=None):
    """Append features that do not change within a sequence, such as a patient's age.

    Each is repeated at every time step. So it goes with its sequence wherever that goes: into training and test data of
    a cross-validation, through a pipeline.

    Parameters
    ----------
    X : array, data frame, list or Sequences
        Sequences in any form that :func:`~sklstm.as_sequences` accepts.

    static : array-like or DataFrame of shape (n_sequences, n_static)
        One row a sequence, in the order of `X`. Columns of a data frame must be numbers or booleans; its missing values
        become NaN.

    feature_names : list of str of shape (n_static,), default=None
        Names of the new features. By default those of the columns of a data frame.

    Returns
    -------
    Sequences
        The sequences with the new features behind their own; float32 if both are, otherwise float64. They have names if
        `X` has.

    Raises
    ------
    ValueError
        If there is not one row a sequence, if values are not real numbers, if `X` has names and the new features have
        none, or the other way round, or if a name is there twice.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import as_sequences
    >>> from sklstm.preprocessing import add_static
    >>> X = as_sequences([[[36.5], [36.9]], [[38.1]]], feature_names=["temperature"])
    >>> X = add_static(X, np.array([[71], [54]]), feature_names=["age"])
    >>> X[0]
    array([[36.5, 71. ],
           [36.9, 71. ]])
    >>> X.feature_names
    array(['temperature', 'age'], dtype=object)
    """
    sequences = as_sequences(X)
    values, columns = _static_values(static)
    if values.ndim != 2 or len(values) != len(sequences):
        raise ValueError(
            f"static must have the shape ({len(sequences)}, n_static), one row a sequence of X, got {values.shape}."
        )
    names = sequences.feature_names
    if names is None and feature_names is not None:
        raise ValueError("The features of X have no names: give them some by as_sequences(X, feature_names=...).")
    if names is not None:
        columns = columns if feature_names is None else _names(feature_names, "feature_names")
        if columns is None:
            raise ValueError("The features of X have names: name those of static too, by feature_names.")
        names = [*names, *columns]
    values = np.concatenate([sequences.values, np.repeat(values, sequences.lengths, axis=0)], axis=1)
    return Sequences(values, sequences.offsets, feature_names=names, times=sequences.times)


# ---------------------------------------------------------------------------------------------- columns and rows


def _frame(df, name):
    try:
        frame = nw.from_native(df, pass_through=True)
    except DuplicateError as error:
        raise ValueError(f"{name} has columns of the same name; rename them. {error}") from error
    if isinstance(frame, nw.LazyFrame):
        raise ValueError(f"{name} is a lazy frame. Collect it first: {name}.collect().")
    if not isinstance(frame, nw.DataFrame):
        raise ValueError(f"{name} must be a pandas or polars DataFrame, got {type(df).__name__}.")
    return frame


def _names(names, role):
    if isinstance(names, str | type) or not hasattr(names, "__iter__") or getattr(names, "ndim", 1) == 0:
        raise ValueError(f"{role} must be a list of names, got {names!r}.")
    names = list(names)
    if not names:
        raise ValueError(f"{role} is empty: at least one name is needed.")
    return names


def _names_of_features(frame, others, features):
    if features is not None:
        return _names(features, "features")
    features = [name for name in frame.columns if name not in others]
    if not features:
        raise ValueError(f"df has no features: no columns but {', '.join(map(repr, others))}.")
    return features


def _roles(frame, columns):
    """The role of each column that has one, from the columns of each role."""
    role_of = {}
    for role, names in columns.items():
        for name in names:
            _check_column(frame, name, role, "df")
            if name in role_of:
                raise ValueError(f"Column {name!r} is named twice: by {role_of[name]} and by {role}.")
            role_of[name] = role
    return role_of


def _check_column(frame, name, role, of):
    if not isinstance(name, str):
        raise ValueError(f"Names of columns must be texts, but {role} has {name!r}. Rename the columns of {of}.")
    if name in frame.columns:
        return
    advice = f"It has: {', '.join(map(str, frame.columns))}."
    if name in getattr(nw.maybe_get_index(frame), "names", ()):
        advice = f"It is in the index: pass {of}.reset_index()."
    raise ValueError(f"{of} has no column {name!r}, which {role} names. {advice}")


def _check_distinct(sequence, time, ids, codes, times, rows):
    """Raise a ValueError if two steps of a sequence, which come from these rows, have the same time; all are sorted."""
    equal = np.flatnonzero((codes[1:] == codes[:-1]) & (times[1:] == times[:-1]))
    if len(equal):
        first = equal[0]
        raise ValueError(
            f"Rows {rows[first]} and {rows[first + 1]} of df have the same time, {times[first]} ({time!r}), in the "
            f"sequence {_word(ids[codes[first]])} ({sequence!r}); {len(equal)} rows too many in all. Aggregate them "
            f"first, as df.groupby([{sequence!r}, {time!r}], as_index=False).mean(numeric_only=True) does in pandas."
        )


def _word(value):
    return repr(value) if isinstance(value, str) else str(value)


# ---------------------------------------------------------------------------------------------- targets


def _target(column, ids, order, offsets, return_sequences):
    """The target of each sequence, or each time step."""
    target = _target_values(column)[order]
    if return_sequences:
        return target
    missing = is_missing(column)[order]
    starts = offsets[:-1]
    changes = (target[1:] != target[:-1]) & ~(missing[1:] & missing[:-1])
    changes[starts[1:] - 1] = False
    if changes.any():
        first = np.argmax(changes)
        of = ids[np.searchsorted(offsets, first, side="right") - 1]
        values = " and ".join(f"{_word(target[k])} in row {order[k]}" for k in (first, first + 1))
        raise ValueError(
            f"Column {column.name!r} (target) changes within the sequence {_word(of)}: it is {values} of df. If there "
            "is a target a time step, say return_sequences=True; otherwise make it the same in all rows."
        )
    return target[starts]


def _target_values(column):
    dtype, missing = column.dtype, is_missing(column)
    if missing.all():
        return np.full(len(column), np.nan)  # such a column may have any type
    if dtype in TEXT:
        labels = labels_of(column)
        return np.where(missing, np.nan, labels) if missing.any() else labels
    if not (dtype.is_numeric() or dtype == nw.Boolean):
        raise ValueError(
            f"Column {column.name!r} (target) must hold numbers, booleans or texts, but its type is {type_of(column)}. "
            "Convert it."
        )
    is_float = dtype.is_decimal() or (missing.any() and not dtype.is_float())
    return (column.cast(nw.Float64) if is_float else column).to_numpy()


def _side_by_side(columns, names):
    for column, name in zip(columns, names, strict=True):
        if column.dtype.kind == "O":
            raise ValueError(f"Several targets must be numbers, but column {name!r} has texts. Encode it as numbers.")
    return np.column_stack(columns)


# ---------------------------------------------------------------------------------------------- static features


def _static_rows(static, sequence, roles, ids):
    """The values of `static` for the sequences of `ids`, and their names."""
    frame = _frame(static, "static")
    names = [name for name in frame.columns if name != sequence]
    for name in (sequence, *names):
        _check_column(frame, name, "sequence", "static")
    if not names:
        raise ValueError(f"static has no features: no columns but {sequence!r}.")
    both = [name for name in names if name in roles]
    if both:
        raise ValueError(f"Column {both[0]!r} of static is also in df ({roles[both[0]]}). Leave it out of static.")
    keys = labels_of(frame[sequence]).tolist()
    counts, wanted = Counter(keys), ids.tolist()
    wrong = [key for key in wanted if counts[key] != 1]
    if wrong:
        raise ValueError(
            f"static has {counts[wrong[0]] or 'no'} rows for the sequence {_word(wrong[0])} ({sequence!r}), but needs "
            f"one for each of df ({len(wrong)} such sequences in all). Its identifiers are {type_of(frame[sequence])}, "
            f"those of df {ids.dtype}."
        )
    row_of = {key: row for row, key in enumerate(keys)}
    return table_of(frame, names, "static")[[row_of[key] for key in wanted]], names


def _static_values(static):
    """Static features as an array, and their names, if they are columns of a frame."""
    if hasattr(type(static), "columns"):  # of its type: a lazy frame works out its own
        frame = _frame(static, "static")
        for name in frame.columns:
            _check_column(frame, name, "its header", "static")
        return table_of(frame, frame.columns, "static"), frame.columns
    return real_array(static, "static"), None
