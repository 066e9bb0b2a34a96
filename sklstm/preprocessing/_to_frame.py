"""Sequences into long tables, one row a time step, of pandas or polars."""

from collections import Counter
from importlib.util import find_spec

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.utils._param_validation import StrOptions, validate_params

from ..validation import as_sequences, is_list


@validate_params(
    {
        "X": "no_validation",
        "ids": "no_validation",
        "y": "no_validation",
        "sequence": [str],
        "time": [str],
        "target": [str],
        "backend": [StrOptions({"pandas", "polars"}), None],
    },
    prefer_skip_nested_validation=True,
)
def sequences_to_frame(X, ids=None, *, y=None, sequence="sequence", time="time", target="target", backend=None):
    """Turn sequences into a long table, one row a time step: the way back of :func:`frame_to_sequences`.

    Parameters
    ----------
    X : array, data frame, list or Sequences
        Sequences in any form that :func:`~sklstm.as_sequences` accepts.

    ids : array-like of shape (n_sequences,), default=None
        Identifiers of the sequences. None means 0, 1, 2 and so on.

    y : array-like, default=None
        Targets or predictions, in the forms that estimators return:

        - one a sequence, which its rows repeat: an array of shape (n_sequences,) or (n_sequences, n_outputs);
        - one a time step: a list of arrays of shape (n_timesteps_i,) or (n_timesteps_i, n_outputs), or an array of
          shape (n_sequences, n_timesteps, n_outputs);
        - one a time step of an array or a table `X`: also an array of shape (n_sequences, n_timesteps). With any other
          number of columns than `X` has time steps it is one a sequence. For a list or `Sequences`, an array of two
          dimensions is always one a sequence.

        Numbers and missing values (NaN, None) beside texts stay what they are.

    sequence, time : str, default="sequence" and "time"
        Names of the columns of identifiers and times.

    target : str, default="target"
        Name of the column of `y`; of several, with "_0", "_1" and so on behind it.

    backend : {"pandas", "polars"} or None, default=None
        The library of the table. None means pandas, or polars if only that is installed.

    Returns
    -------
    DataFrame
        The columns `sequence`, `time`, one a feature, and those of `y`, in the order of `X`. Steps without times are
        counted from 0, features without names are x0, x1 and so on. Datetimes are in nanoseconds, without a time zone;
        NaN is a missing value, which polars calls null.

    Raises
    ------
    ImportError
        If there is neither pandas nor polars, or not the one that `backend` asks for.

    ValueError
        If `ids` or `y` do not go with `X`, if two columns would have the same name, or if numbers beside texts are to
        become a column of polars.

    Examples
    --------
    >>> from sklstm.preprocessing import sequences_to_frame
    >>> sequences_to_frame([[36.5, 36.9], [38.1]], ["a", "b"], y=[0.1, 0.8], sequence="patient", target="risk")
      patient  time    x0  risk
    0       a     0  36.5   0.1
    1       a     1  36.9   0.1
    2       b     0  38.1   0.8
    """
    backend = _backend(backend)
    sequences = as_sequences(X)
    offsets, lengths, names = sequences.offsets, sequences.lengths, sequences.feature_names
    if names is None:
        names = [f"x{k}" for k in range(sequences.n_features)]
    times = sequences.times
    if times is None:
        times = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    columns = [
        (sequence, np.repeat(_identifiers(ids, len(sequences)), lengths)),
        (time, times),
        *zip(names, sequences.values.T, strict=True),
    ]
    if y is not None:
        columns += _columns_of_targets(y, lengths, _width(X), target)
    name, count = Counter(name for name, _ in columns).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} columns would have the name {name!r}: pass another for sequence, time or target.")
    frame = nw.from_dict({name: _column(name, values, backend) for name, values in columns}, backend=backend)
    floats = [nw.col(name) for name, dtype in frame.schema.items() if dtype.is_float()]
    # What is missing in pandas is null in polars, not NaN.
    return frame.with_columns(nw.when(~column.is_nan()).then(column) for column in floats).to_native()


def _backend(backend):
    installed = [name for name in ("pandas", "polars") if find_spec(name)]
    if backend is None and not installed:
        raise ImportError("A table needs pandas or polars: pip install pandas, or pip install polars.")
    if backend is not None and backend not in installed:
        raise ImportError(f"backend={backend!r} needs {backend}: pip install {backend}.")
    return backend or installed[0]


def _identifiers(ids, n_sequences):
    if ids is None:
        return np.arange(n_sequences)
    try:
        ids = _array(ids)
    except ValueError as error:
        raise ValueError(f"ids must hold one identifier a sequence of X, got {ids!r}.") from error
    if ids.shape != (n_sequences,):
        raise ValueError(f"ids must have the shape ({n_sequences},), one a sequence of X, got {ids.shape}.")
    return ids


def _array(values):
    """An array, of objects if there are texts: numbers and NaN beside them would become texts."""
    array = np.asarray(values)
    return np.asarray(values, dtype=object) if array.dtype.kind == "U" else array


def _width(X):
    """How many time steps an array or a table has; None for sequences one by one."""
    shape = () if is_list(X) else np.shape(X)
    return shape[1] if len(shape) > 1 else None


def _columns_of_targets(y, lengths, width, name):
    """Names and values, one a time step, of the columns of targets."""
    if not hasattr(y, "__len__") or len(y) != len(lengths):
        what = f"{len(y)} elements" if hasattr(y, "__len__") else f"type {type(y).__name__}"
        raise ValueError(f"y must hold one element a sequence of X, {len(lengths)} in all, but has {what}.")
    if not isinstance(y, list | tuple):
        y = np.asarray(y)
    # Lists of equal length are a table beside a table, and otherwise the sequences of a list.
    if np.ndim(y[0]) and (is_list(y) or (isinstance(y, list | tuple) and width is None)):
        values = _steps_of_list(y, lengths)
    else:
        values = _steps_of_array(_array(y), lengths, width)
    if values.ndim == 1 or values.shape[1] == 1:
        return [(name, values.reshape(len(values)))]
    return [(f"{name}_{k}", column) for k, column in enumerate(values.T)]


def _steps_of_list(y, lengths):
    arrays = [_array(array) for array in y]
    for i, (array, length) in enumerate(zip(arrays, lengths, strict=True)):
        if array.ndim not in (1, 2) or len(array) != length or array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"y[{i}] has shape {array.shape}, but sequence {i} of X has {length} time steps, and all sequences "
                "need the same targets. For one row a sequence, pass an array of shape (n_sequences, n_outputs)."
            )
    return np.concatenate(arrays)


def _steps_of_array(y, lengths, width):
    if y.ndim == 1 or (y.ndim == 2 and y.shape[1] != width):
        return np.repeat(y, lengths, axis=0)
    longest = lengths.max() if width is None else width
    if y.ndim > 3 or y.shape[1] != longest:
        raise ValueError(f"y has shape {y.shape}, but sequences of X have up to {longest} time steps.")
    return y[np.arange(longest) < lengths[:, np.newaxis]]


def _column(name, values, backend):
    """The values of a column: objects with None in place of NaN, which polars takes for a number."""
    if values.dtype.kind != "O":
        return values
    values = np.where(values != values, None, values)
    are_texts = {isinstance(value, str) for value in values if value is not None}
    if backend == "polars" and len(are_texts) > 1:
        raise ValueError(
            f"Column {name!r} would have texts and other values, but in polars a column has one type. Make all of them "
            "texts, or pass backend='pandas'."
        )
    return values
