"""Sequences of any accepted form into one container, and every error that their form can have."""

from collections.abc import Mapping, Set, Sized

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .real_numbers import first_other, is_na, real_array, reject_masked, reject_text
from .sequences import Sequences, laid_out, offsets_of, place

__all__ = ["as_sequences"]

COMPUTING_TYPES = (np.dtype(np.float32), np.dtype(np.float64))

# Values that are looked at together: what says which of them are wrong takes little memory, and stays in the cache.
CHECKED_AT_A_TIME = 1 << 18


def as_sequences(X, *, feature_names=None, times=None):
    """Bring sequences of any accepted form into a `Sequences` container.

    Parameters
    ----------
    X : array, data frame, list, tuple or Sequences
        - an array of shape (n_sequences, n_timesteps, n_features): equal lengths. Trailing time steps that are NaN in
          every feature are padding and are left out;
        - a list, a tuple or an object array of arrays or data frames of shape (n_timesteps_i, n_features), or of
          one-dimensional arrays, which have one feature: sequences of different lengths;
        - an array or a data frame of shape (n_sequences, n_timesteps): sequences of one feature, oldest column first,
          as scikit-learn reads a list of lists of numbers that are equally long;
        - a `Sequences`, which is returned as it is, but for names and times that are passed.

    feature_names : array-like of str of shape (n_features,), default=None
        Names of the features.

    times : array of shape (n_sequences, n_timesteps) or list of array-like of shape (n_timesteps_i,), default=None
        When the steps were taken, ascending within each sequence: numbers or datetime64.

    Returns
    -------
    Sequences
        The sequences. Values of an array that needs no conversion are shared, not copied.

    Raises
    ------
    ValueError
        If there are no sequences, one of them has no time steps, another number of features than the first or another
        number of dimensions, if values are not real numbers or are a masked array, or if names or times do not go with
        them. NaN and infinity are let through here: transformers may want them; estimators do not.

    TypeError
        If a table is sparse, or holds objects that are neither numbers nor texts, as scikit-learn has it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import as_sequences
    >>> as_sequences([np.zeros((5, 3)), np.zeros((2, 3))])
    <Sequences: 2 of 2 to 5 time steps, 3 features, float64>
    >>> as_sequences(np.zeros((4, 24)))
    <Sequences: 4 of 24 to 24 time steps, 1 features, float64>
    """
    if isinstance(X, Sequences):
        sequences = X
    elif type(X) is np.ndarray and X.ndim == 3 and X.dtype in COMPUTING_TYPES:
        sequences = _from_array(X)  # nothing to convert: what scikit-learn's checks take would be half of a prediction
    elif is_list(X):
        sequences = _from_list(X)
    else:
        reject_other_than_numbers(X)
        X = check_array(
            X,
            dtype=[np.float64, np.float32],
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=0,
            ensure_min_features=0,
            input_name="X",
        )
        if X.ndim > 3:
            raise ValueError(
                f"Found array with dim {X.ndim}, X must have at most three: sequences, time steps, features."
            )
        sequences = _from_array(X) if X.ndim == 3 else _from_table(X)
    if len(sequences) == 0:
        raise ValueError("X holds no sequences: at least one is needed.")
    if sequences.n_features == 0:
        raise ValueError("The sequences of X have 0 features: at least one is needed.")
    empty = np.flatnonzero(sequences.lengths == 0)
    if len(empty):
        padding = ": at the end of an array, steps that are NaN in every feature are padding"
        raise ValueError(
            f"Sequence {empty[0]} of X has no time steps ({len(empty)} such sequences in all)"
            f"{padding if getattr(X, 'ndim', 0) == 3 else ''}. Leave them out."
        )
    if feature_names is None and times is None:
        return sequences
    return Sequences(
        sequences.values,
        sequences.offsets,
        feature_names=sequences.feature_names if feature_names is None else feature_names,
        times=sequences.times if times is None else _times_of_steps(times, sequences.lengths),
    )


def _times_of_steps(times, lengths):
    if not isinstance(times, list | tuple | Sequences):
        times = np.asarray(times)
        if times.ndim == 0:
            raise ValueError(f"times must hold the times of each sequence, in an array or a list, got {times!r}.")
    if len(times) != len(lengths):
        raise ValueError(f"times has {len(times)} elements, but X has {len(lengths)} sequences.")
    arrays = []
    for i, time in enumerate(times):
        try:
            arrays.append(np.asarray(time))
        except ValueError as error:
            raise ValueError(f"times[{i}] must hold a time for each time step, got {time!r}.") from error
    for i, (array, length) in enumerate(zip(arrays, lengths, strict=True)):
        if array.ndim != 1 or len(array) < length or (len(array) > length and isinstance(times, list | tuple)):
            raise ValueError(f"times[{i}] has shape {array.shape}, but sequence {i} of X has {length} time steps.")
    if len({array.dtype.kind == "M" for array in arrays}) > 1:
        raise ValueError("times must be numbers or datetimes for all sequences, not for some this and for some that.")
    return np.concatenate([array[:length] for array, length in zip(arrays, lengths, strict=True)])


def check_finite(sequences, name="X", allow_nan=False):
    """Raise a ValueError that says where the first NaN or infinity is."""
    found = _first_wrong(sequences.values, (lambda values: ~np.isinf(values)) if allow_nan else np.isfinite)
    if found is None:
        return
    step, feature = found
    if np.isnan(sequences.values[step, feature]):
        what, advice = "NaN", 'Fill gaps first, for example by SequenceImputer, let missing="decay" take them in fit'
    else:
        what, advice = "infinity", "Replace it, by NaN if nothing is known"
    label = "" if sequences.feature_names is None else f" ({sequences.feature_names[feature]!r})"
    raise ValueError(
        f"Input {name} contains {what}: in {place(sequences.offsets, step)}, feature {feature}{label}. {advice}, or "
        "leave such time steps out."
    )


def _first_wrong(values, is_right):
    """Row and column of the first value of a table that is not right, or None."""
    n_rows = max(1, CHECKED_AT_A_TIME // values.shape[1])
    for start in range(0, len(values), n_rows):
        right = is_right(values[start : start + n_rows])
        if not right.all():
            row, column = np.argwhere(~right)[0]
            return start + row, column
    return None


def check_tokens(sequences, most, name="X"):
    """Raise a ValueError that says where the first value is that is no token: a whole number from 0, below `most`."""
    if sequences.n_features != 1:
        raise ValueError(
            f"With embedding_dim, {name} holds sequences of tokens, one a time step, but it has {sequences.n_features} "
            "features."
        )
    found = _first_wrong(
        sequences.values, lambda values: (values >= 0) & (values == np.floor(values)) & (values < most)
    )
    if found is not None:
        value = sequences.values[found]
        what = (
            "whole numbers from 0"
            if value < most
            else f"numbers below {most}, without gaps: the embedding has a row for each"
        )
        raise ValueError(
            f"With embedding_dim, {name} holds tokens, {what}. But {place(sequences.offsets, found[0])} is {value}."
        )


def reject_other_than_numbers(X):
    """Raise an error for what scikit-learn would turn into numbers where it can, or report in NumPy's words."""
    if issparse(X):
        return  # scikit-learn says it best
    reject_masked(X, "X")
    _reject_no_data(X)
    if hasattr(X, "columns") and X.shape[1] == 0:
        raise ValueError("X is a data frame without columns.")
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError("X has rows that differ in length, or hold more than numbers.") from error
    reject_text(array, "X")
    if array.dtype.kind == "O":
        # scikit-learn makes NaN of pandas.NA in columns of numbers, but not among objects.
        with_objects = any(getattr(dtype, "kind", "") == "O" for dtype in getattr(X, "dtypes", [array.dtype]))
        others = [value for value in array.flat if with_objects and is_na(value)][:1] or (first_other(array) or ())[1:]
        if others:  # a TypeError, as scikit-learn wants it
            raise TypeError(f"X must hold real numbers, got {others[0]!r}: argument must be a string or a real number.")


def _reject_no_data(X):
    is_other = isinstance(X, str | bytes | Mapping | Set | type)
    if is_other or not any(hasattr(X, name) for name in ("__array__", "__len__", "shape")):
        raise ValueError(
            f"X must be an array, a data frame, a list of arrays or Sequences, of real numbers; got {type(X).__name__}."
        )


def _from_array(X):
    n_sequences, n_timesteps, n_features = X.shape
    if n_timesteps and n_features and np.isnan(X[:, -1]).all(axis=1).any():
        padding = np.isnan(X).all(axis=2)
        padded = np.argmin(np.column_stack([padding[:, ::-1], np.zeros(n_sequences, dtype=bool)]), axis=1)
        lengths = n_timesteps - padded
        return Sequences._of(X[np.arange(n_timesteps) < lengths[:, np.newaxis]], offsets_of(lengths))
    values = laid_out(X).reshape(n_sequences * n_timesteps, n_features)
    return Sequences._of(values, np.arange(n_sequences + 1, dtype=np.int64) * n_timesteps)


def _from_table(X):
    return Sequences(X.reshape(-1, 1), np.arange(len(X) + 1) * X.shape[1])


def _from_list(X):
    arrays, names = [], _common_columns(X)
    for i, sequence in enumerate(X):
        array = real_array(sequence, f"Sequence {i} of X")
        if array.ndim == 0:
            raise ValueError(
                f"Expected sequences, but element {i} of X is a scalar: {sequence!r}. Reshape your data: one sequence "
                "of one feature is [x], a list that holds one array."
            )
        if array.ndim > 2:
            raise ValueError(
                f"Sequence {i} of X has shape {array.shape}; a sequence has the shape (n_timesteps, n_features)."
            )
        if len(array) == 0:
            raise ValueError(f"Sequence {i} of X has no time steps. Leave such sequences out.")
        arrays.append(array[:, np.newaxis] if array.ndim == 1 else array)
    if not arrays:
        return Sequences(np.empty((0, 1)), [0])
    n_features = arrays[0].shape[1]
    for i, array in enumerate(arrays):
        if array.shape[1] != n_features:
            raise ValueError(
                f"Sequence {i} of X has {array.shape[1]} features, but sequence 0 has {n_features}. All sequences need "
                "the same features."
            )
    return Sequences(np.concatenate(arrays), offsets_of([len(array) for array in arrays]), feature_names=names)


def _common_columns(X):
    """The names of the columns of data frames, one a sequence, which have to agree; None of anything else."""
    columns = [list(sequence.columns) if hasattr(sequence, "columns") else None for sequence in X]
    for i, names in enumerate(columns):
        if names != columns[0]:
            raise ValueError(f"Sequence {i} of X has the columns {names}, but sequence 0 has {columns[0]}.")
    has_names = columns and columns[0] is not None and all(isinstance(name, str) for name in columns[0])
    return columns[0] if has_names else None


def validate_sequences(estimator, X, reset, allow_nan=False):
    """Check X as scikit-learn's `validate_data` does, for every accepted form; returns `Sequences` of finite numbers.

    Sets, or checks when `reset` is False, ``n_features_in_`` and ``feature_names_in_``. A table is one feature over
    time, but its ``n_features_in_`` is its number of columns, as scikit-learn's conventions demand; ``_n_features`` is
    the number of features of a time step in any case.
    """
    if isinstance(X, type):
        _reject_no_data(X)
    if is_table(X):
        sequences = _validate_table(estimator, X, reset)
    else:
        sequences = as_sequences(X)
        if reset:
            estimator.n_features_in_ = sequences.n_features
            estimator._fitted_on_table = False
        elif sequences.n_features != estimator._n_features:
            raise ValueError(
                f"X has {sequences.n_features} features, but {type(estimator).__name__} is expecting "
                f"{estimator._n_features} features as input: as many at each time step as in fit."
            )
        _validate_names(estimator, sequences.feature_names, reset)
    check_finite(sequences, allow_nan=allow_nan)
    if reset:
        estimator._n_features = sequences.n_features
    return sequences


def _validate_names(estimator, names, reset):
    fitted = getattr(estimator, "feature_names_in_", None)
    if reset:
        estimator.__dict__.pop("feature_names_in_", None)
        if names is not None:
            estimator.feature_names_in_ = names
    elif names is None or fitted is None or estimator._fitted_on_table:
        return  # what has no names is taken by its order
    elif list(names) != list(fitted):
        unlike = next(k for k, (name, of_fit) in enumerate(zip(names, fitted, strict=True)) if name != of_fit)
        raise ValueError(
            "The feature names should match those that were passed during fit: "
            f"feature {unlike} of X is {names[unlike]!r}, in fit it was {fitted[unlike]!r}."
        )


def is_table(X):
    """Whether X has one feature over time, a sequence a row."""
    return not (isinstance(X, Sequences) or is_list(X) or len(getattr(X, "shape", ())) > 2)


def is_list(X):
    """Whether X holds one sequence an element: a list, a tuple, or a one-dimensional array or column of objects."""
    if isinstance(X, list | tuple):
        return not _is_nested_table(X)
    return getattr(X, "dtype", None) == np.dtype(object) and X.ndim == 1


def _is_nested_table(X):
    """Whether a list holds equally long lists of numbers, which scikit-learn reads as a table."""
    return len(X) > 0 and all(
        isinstance(row, list | tuple) and len(row) == len(X[0]) and not (row and _has_elements(row[0])) for row in X
    )


def _has_elements(value):
    """Whether a value is no number or text, but itself made of some, if only of different numbers of them."""
    return getattr(value, "ndim", isinstance(value, Sized) and not isinstance(value, str | bytes)) > 0


def _validate_table(estimator, X, reset):
    reject_other_than_numbers(X)
    table = _checked_table(estimator, X, reset)
    if not reset and estimator._n_features > 1:
        raise ValueError(
            f"X is a table, which is one feature over time, but {type(estimator).__name__} is expecting "
            f"{estimator._n_features} features at each time step. Reshape your data to (n_sequences, n_timesteps, "
            f"{estimator._n_features}). One sequence alone is [X]; of a long table, with a row a time step, "
            "frame_to_sequences makes sequences."
        )
    if reset:
        estimator._fitted_on_table = True
    return _from_table(table)


def _checked_table(estimator, X, reset):
    options = {"dtype": [np.float64, np.float32], "ensure_all_finite": False}
    if reset or estimator._fitted_on_table:
        try:
            return validate_data(estimator, X, reset=reset, **options)
        except ValueError as error:
            if isinstance(X, list | tuple) and not reset:
                raise ValueError(
                    f"{error} A list of equally long lists is a table; pass arrays for sequences of other lengths."
                ) from error
            raise
    return check_array(X, input_name="X", estimator=estimator, **options)
