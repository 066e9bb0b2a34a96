"""Sequences of any form into one container, and every error that their form can have.

Inside the package there is one representation, Arrow's list: a table of values, one row a time step, and the offsets at
which sequences begin. Padding never exists.
"""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

__all__ = ["Sequences", "as_sequences"]

COMPUTING_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


class Sequences:
    """Sequences of different lengths, stored end to end.

    Rows of the container are sequences: ``len(X)``, ``X[3]`` (an array), and ``X[5:9]``, ``X[[2, 7, 1]]``, ``X[mask]``
    (a `Sequences`) work as on an array, so that :func:`~sklearn.model_selection.train_test_split`,
    :class:`~sklearn.model_selection.GridSearchCV` and their kin do too. A slice shares the values.

    Parameters
    ----------
    values : ndarray of shape (total_steps, n_features)
        The time steps of all sequences. Stored C-contiguous; float32 and float64 are kept, float16 becomes float32,
        any other real type float64.

    offsets : array-like of int of shape (n_sequences + 1,)
        Sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``. Values outside of all sequences are not kept, so that
        the attribute of this name begins with 0.

    Raises
    ------
    ValueError
        If `values` is not a two-dimensional table of real numbers, or `offsets` do not ascend within it.

    See Also
    --------
    as_sequences : Makes one from arrays, lists and data frames.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import Sequences
    >>> X = Sequences(np.arange(10).reshape(5, 2), [0, 2, 5])
    >>> len(X), X.n_features, X.lengths.tolist()
    (2, 2, [2, 3])
    >>> X[1]
    array([[4., 5.],
           [6., 7.],
           [8., 9.]])
    >>> X[[1, 0]].lengths.tolist()
    [3, 2]
    """

    def __init__(self, values, offsets):
        values = real_array(values, "values")
        if values.ndim != 2:
            raise ValueError(f"values must have two dimensions (time steps, features), got shape {values.shape}.")
        offsets = np.asarray(offsets)
        if offsets.ndim != 1 or len(offsets) == 0 or offsets.dtype.kind not in "iu":
            raise ValueError("offsets must be a one-dimensional array of integers, one more than there are sequences.")
        offsets = offsets.astype(np.int64)
        if offsets[0] < 0 or offsets[-1] > len(values) or (np.diff(offsets) < 0).any():
            raise ValueError(f"offsets must ascend between 0 and the number of time steps, {len(values)}.")
        self.values = np.ascontiguousarray(values[offsets[0] : offsets[-1]])
        self.offsets = offsets - offsets[0]

    @property
    def lengths(self):
        """Number of time steps of each sequence, an array of shape (n_sequences,)."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def n_features(self):
        """Number of features of a time step."""
        return self.values.shape[1]

    @property
    def shape(self):
        """(n_sequences,): one-dimensional, as an object array of the sequences would be."""
        return (len(self),)

    @property
    def ndim(self):
        """1, as `shape` has it."""
        return 1

    @property
    def dtype(self):
        """Type of the values."""
        return self.values.dtype

    def __len__(self):
        return len(self.offsets) - 1

    def __iter__(self):
        return (self.values[start:stop] for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True))

    def __getitem__(self, key):
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:  # scikit-learn's row indexing
            key = key[0]
        if isinstance(key, Integral):
            key = range(len(self))[key]
            return self.values[self.offsets[key] : self.offsets[key + 1]]
        if isinstance(key, slice) and key.step in (None, 1):
            start, stop, _ = key.indices(len(self))
            offsets = self.offsets[start : max(start, stop) + 1]
            return self._with(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])
        return self._take(np.arange(len(self))[key])

    def _take(self, rows):
        starts, lengths = self.offsets[rows], self.lengths[rows]
        offsets = offsets_of(lengths)
        # Time step k of the result comes from row k of the values, moved by how far its sequence moves.
        steps = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return self._with(self.values[steps], offsets)

    @classmethod
    def _with(cls, values, offsets):
        """Without the checks, for parts that are known to fit."""
        sequences = cls.__new__(cls)
        sequences.values, sequences.offsets = values, offsets
        return sequences

    def __eq__(self, other):
        if not isinstance(other, Sequences):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.values, other.values)

    __hash__ = None

    def __repr__(self):
        lengths = self.lengths
        steps = f"{lengths.min()} to {lengths.max()} time steps" if len(self) else "no time steps"
        return f"<Sequences: {len(self)} of {steps}, {self.n_features} features, {self.dtype}>"


def offsets_of(lengths):
    """Offsets of sequences that are stored end to end."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def as_sequences(X):
    """Bring sequences of any accepted form into a `Sequences` container.

    Parameters
    ----------
    X : array, data frame, list, tuple or Sequences
        - an array of shape (n_sequences, n_timesteps, n_features): equal lengths. Trailing time steps that are NaN in
          every feature are padding and are left out;
        - a list, a tuple or an object array of arrays of shape (n_timesteps_i, n_features), or of one-dimensional
          arrays, which have one feature: sequences of different lengths;
        - an array or a data frame of shape (n_sequences, n_timesteps): sequences of one feature, oldest column first,
          as scikit-learn reads a list of lists of numbers that are equally long;
        - a `Sequences`, which is returned as it is.

    Returns
    -------
    Sequences
        The sequences. Values of an array that needs no conversion are shared, not copied.

    Raises
    ------
    ValueError
        If there are no sequences, one of them has no time steps, another number of features than the first or another
        number of dimensions, or if values are not real numbers. NaN and infinity are let through here: transformers may
        want them; estimators do not.

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
        _reject_other_than_numbers(X)
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
        raise ValueError(
            f"Sequence {empty[0]} of X has no time steps ({len(empty)} such sequences in all). Leave them out."
        )
    return sequences


def differences(sequences):
    """The change of every value since the time step before, (total_steps, n_features); at a first step, none."""
    changes = np.diff(sequences.values, axis=0, prepend=sequences.values[:1])
    changes[sequences.offsets[:-1]] = 0
    return changes


def check_finite(sequences, name="X"):
    """Raise a ValueError that says where the first NaN or infinity is."""
    values = sequences.values
    if np.isfinite(values).all():
        return
    step, feature = np.argwhere(~np.isfinite(values))[0]
    sequence = np.searchsorted(sequences.offsets, step, side="right") - 1
    step_in_sequence = step - sequences.offsets[sequence]
    what = "NaN" if np.isnan(values[step, feature]) else "infinity"
    raise ValueError(
        f"Input {name} contains {what}: in sequence {sequence}, time step {step_in_sequence}, feature {feature}. "
        "Fill gaps first, for example by carrying the last value forward, or leave such time steps out."
    )


def check_tokens(sequences, most, name="X"):
    """Raise a ValueError that says where the first value is that is no token: a whole number from 0, below `most`."""
    if sequences.n_features != 1:
        raise ValueError(
            f"With embedding_dim, {name} holds sequences of tokens, one a time step, but it has {sequences.n_features} "
            "features."
        )
    values = sequences.values[:, 0]
    wrong = np.flatnonzero((values < 0) | (values != np.floor(values)) | (values >= most))
    if len(wrong):
        value = values[wrong[0]]
        what = (
            "whole numbers from 0"
            if value < most
            else f"numbers below {most}, without gaps: the embedding has a row for each"
        )
        sequence = np.searchsorted(sequences.offsets, wrong[0], side="right") - 1
        raise ValueError(
            f"With embedding_dim, {name} holds tokens, {what}. But sequence {sequence} has "
            f"{value} at time step {wrong[0] - sequences.offsets[sequence]}."
        )


def real_array(values, name):
    """An array of floats of a computing type; anything that is not real numbers is an error that calls it by `name`."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{name} is itself ragged: its elements, such as the features of a time step, differ in number."
        ) from error
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {array.dtype}.")
    if array.dtype == np.float32 or array.dtype == np.float64:
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if array.dtype == np.float16:
        return array.astype(np.float32)
    _reject_text(array, name)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must hold real numbers, but some of its elements are of another type.") from error


def _reject_other_than_numbers(X):
    """Raise a ValueError for what scikit-learn would turn into numbers where it can, or report in NumPy's words."""
    if issparse(X):
        return  # scikit-learn says it best
    if isinstance(X, str | bytes | dict) or not any(hasattr(X, name) for name in ("__array__", "__len__", "shape")):
        raise ValueError(
            f"X must be an array, a data frame, a list of arrays or Sequences, of real numbers; got {type(X).__name__}."
        )
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError("X is a list of lists that hold more than numbers.") from error
    _reject_text(array, "X")


def _reject_text(array, name):
    if array.dtype.kind in "USTmMV":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}.")
    if array.dtype.kind == "O" and array.ndim:
        text = next((value for value in array.flat if isinstance(value, str | bytes)), None)
        if text is not None:
            raise ValueError(f"{name} must hold real numbers, got {text!r}.")


def _from_array(X):
    n_sequences, n_timesteps, n_features = X.shape
    if n_timesteps and n_features and np.isnan(X[:, -1]).all(axis=1).any():
        padding = np.isnan(X).all(axis=2)
        padded = np.argmin(np.column_stack([padding[:, ::-1], np.zeros(n_sequences, dtype=bool)]), axis=1)
        lengths = n_timesteps - padded
        return Sequences._with(X[np.arange(n_timesteps) < lengths[:, np.newaxis]], offsets_of(lengths))
    values = np.ascontiguousarray(X).reshape(n_sequences * n_timesteps, n_features)
    return Sequences._with(values, np.arange(n_sequences + 1, dtype=np.int64) * n_timesteps)


def _from_table(X):
    return Sequences(X.reshape(-1, 1), np.arange(len(X) + 1) * X.shape[1])


def _from_list(X):
    arrays = []
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
    return Sequences(np.concatenate(arrays), offsets_of([len(array) for array in arrays]))


def validate_sequences(estimator, X, reset):
    """Check X as scikit-learn's `validate_data` does, for every accepted form; returns `Sequences` of finite numbers.

    Sets, or checks when `reset` is False, ``n_features_in_`` and ``feature_names_in_``. A table is one feature over
    time, but its ``n_features_in_`` is its number of columns, as scikit-learn's conventions demand; ``_n_features`` is
    the number of features of a time step in any case.
    """
    if not (isinstance(X, Sequences) or is_list(X) or len(getattr(X, "shape", ())) > 2):
        sequences = _validate_table(estimator, X, reset)
    else:
        sequences = as_sequences(X)
        if reset:
            estimator.__dict__.pop("feature_names_in_", None)
            estimator.n_features_in_ = sequences.n_features
            estimator._fitted_on_table = False
        elif sequences.n_features != estimator._n_features:
            raise ValueError(
                f"X has {sequences.n_features} features, but {type(estimator).__name__} is expecting "
                f"{estimator._n_features} features as input: as many at each time step as in fit."
            )
    check_finite(sequences)
    if reset:
        estimator._n_features = sequences.n_features
    return sequences


def is_list(X):
    """Whether X holds one sequence an element: a list, a tuple, or a one-dimensional array or column of objects."""
    if isinstance(X, list | tuple):
        return not _is_nested_table(X)
    return getattr(X, "dtype", None) == np.dtype(object) and X.ndim == 1


def _is_nested_table(X):
    """Whether a list holds equally long lists of numbers, which scikit-learn reads as a table."""
    return len(X) > 0 and all(
        isinstance(row, list | tuple) and len(row) == len(X[0]) and not (row and np.ndim(row[0])) for row in X
    )


def _validate_table(estimator, X, reset):
    _reject_other_than_numbers(X)
    options = {"dtype": [np.float64, np.float32], "ensure_all_finite": False}
    if reset or estimator._fitted_on_table:
        try:
            table = validate_data(estimator, X, reset=reset, **options)
        except ValueError as error:
            if isinstance(X, list | tuple) and not reset:
                raise ValueError(
                    f"{error} A list of equally long lists is a table; pass arrays for sequences of other lengths."
                ) from error
            raise
    else:
        table = check_array(X, input_name="X", estimator=estimator, **options)
    if not reset and estimator._n_features > 1:
        raise ValueError(
            f"X is a table, which is one feature over time, but {type(estimator).__name__} is expecting "
            f"{estimator._n_features} features at each time step. Reshape your data to (n_sequences, n_timesteps, "
            f"{estimator._n_features})."
        )
    if reset:
        estimator._fitted_on_table = True
    return _from_table(table)
