"""The container of sequences.

Inside the package there is one representation, Arrow's list: a table of values, one row a time step, and the offsets at
which sequences begin. Padding never exists.
"""

from collections import Counter
from datetime import timedelta
from numbers import Integral

import numpy as np

from .real_numbers import real_array

__all__ = ["Sequences"]

# Differences of times up to it are numbers.
LARGEST_TIME = 1e300


class Sequences:
    """Sequences of different lengths, stored end to end.

    Rows of the container are sequences: ``len(X)``, ``X[3]`` (an array), and ``X[5:9]``, ``X[[2, 7, 1]]``, ``X[mask]``
    (a `Sequences`) work as on an array, so that :func:`~sklearn.model_selection.train_test_split`,
    :class:`~sklearn.model_selection.GridSearchCV` and their kin do too. A slice shares the values. Columns are
    features: ``X[:, "HR"]`` and ``X[:, [0, 2]]`` are sequences of these alone.

    Parameters
    ----------
    values : ndarray of shape (total_steps, n_features)
        The time steps of all sequences. Stored C-contiguous; float32 and float64 are kept, float16 becomes float32,
        any other real type float64. What needs no conversion is not copied, so that it may be a map of a file.

    offsets : array-like of int of shape (n_sequences + 1,)
        Sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``. Values outside of all sequences are not kept, so that
        the attribute of this name begins with 0.

    feature_names : array-like of str of shape (n_features,), default=None
        Names of the features. An estimator or a transformer keeps them as ``feature_names_in_`` and checks later
        sequences against them.

    times : array-like of shape (total_steps,), default=None
        When the steps were taken, ascending within each sequence: numbers or datetime64. None means one step after the
        other, a unit of time apart.

    Raises
    ------
    ValueError
        If `values` is not a two-dimensional table of real numbers, if `offsets` do not ascend within it, or if names or
        times do not go with it.

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
    >>> X[:, 1][0]
    array([[1.],
           [3.]])
    """

    def __init__(self, values, offsets, *, feature_names=None, times=None):
        values = real_array(values, "values")
        if values.ndim != 2:
            raise ValueError(f"values must have two dimensions (time steps, features), got shape {values.shape}.")
        offsets = _array(offsets, "offsets")
        if offsets.ndim != 1 or len(offsets) == 0 or offsets.dtype.kind not in "iu":
            raise ValueError("offsets must be a one-dimensional array of integers, one more than there are sequences.")
        offsets = offsets.astype(np.int64)
        if offsets[0] < 0 or offsets[-1] > len(values) or (np.diff(offsets) < 0).any():
            raise ValueError(f"offsets must ascend between 0 and the number of time steps, {len(values)}.")
        inside = slice(offsets[0], offsets[-1])
        self.offsets = offsets - offsets[0]
        self.feature_names = None if feature_names is None else _check_names(feature_names, values.shape[1])
        self.times = None if times is None else _check_times(times, len(values), inside, self.offsets)
        self.values = laid_out(values[inside])

    @property
    def lengths(self):
        """Number of time steps of each sequence, an array of shape (n_sequences,)."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def starts(self):
        """Row of the values that each sequence begins at, an array of shape (n_sequences,)."""
        return self.offsets[:-1]

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
        if isinstance(key, tuple) and len(key) == 2:
            key, columns = key
            if columns is not Ellipsis:  # which is scikit-learn's row indexing
                columns = self.feature_indices(columns)
                part = self[key]
                return part[:, columns] if isinstance(key, Integral) else part._select(columns)
        if isinstance(key, Integral) and not isinstance(key, np.timedelta64):
            if not -len(self) <= key < len(self):
                raise IndexError(f"There is no sequence {key}: there are {len(self)}.")
            key = int(key) % len(self)  # which a small type of NumPy may not hold
            return self.values[self.offsets[key] : self.offsets[key + 1]]
        if isinstance(key, slice) and key.step in (None, 1):
            start, stop, _ = key.indices(len(self))
            offsets = self.offsets[start : max(start, stop) + 1]
            return self._part(slice(offsets[0], offsets[-1]), offsets - offsets[0])
        if getattr(key, "dtype", None) == np.dtype(bool) and np.shape(key) != self.shape:
            raise IndexError(f"The mask has the shape {np.shape(key)}, but there are {len(self)} sequences.")
        try:
            rows = np.arange(len(self))[key]
        except (IndexError, ValueError):
            rows = None
        if np.ndim(rows) != 1:
            raise IndexError(
                f"Sequences are picked by a number, a slice, a list of numbers or a mask, of {len(self)}; got {key!r}."
            )
        return self._take(rows)

    def _take(self, rows):
        lengths = self.lengths[rows]
        return self._part(steps_of(self.starts[rows], lengths), offsets_of(lengths))

    def _part(self, steps, offsets):
        times = None if self.times is None else self.times[steps]
        return self._of(self.values[steps], offsets, self.feature_names, times)

    def feature_indices(self, columns):
        """Find features.

        Parameters
        ----------
        columns : int, str, array-like or slice
            Numbers of features, names, or a mask.

        Returns
        -------
        numbers : ndarray of int
            Their numbers.

        Raises
        ------
        KeyError
            If there are no such features.
        """
        try:
            if isinstance(columns, slice):
                return np.arange(self.n_features)[columns]
            numbers = np.atleast_1d(columns)
            if numbers.dtype.kind in "UO" and self.feature_names is not None:
                return np.array([self.feature_names.tolist().index(name) for name in numbers])
            return np.arange(self.n_features)[numbers]
        except (IndexError, ValueError) as error:
            names = "" if self.feature_names is None else f": {', '.join(self.feature_names)}"
            raise KeyError(f"{columns!r} is not among the {self.n_features} features{names}.") from error

    def _select(self, columns):
        return self.with_values(
            self.values[:, columns], None if self.feature_names is None else self.feature_names[columns]
        )

    def with_values(self, values, feature_names=None):
        """Sequences of the same lengths and times, of other features.

        Parameters
        ----------
        values : ndarray of shape (total_steps, n_features)
            The time steps.

        feature_names : ndarray of str of shape (n_features,), default=None
            Names of the features.

        Returns
        -------
        Sequences
            Sequences that share offsets and times with these.

        Raises
        ------
        ValueError
            If there is not one row a time step, or not one name a feature, or a name twice.
        """
        if values.ndim != 2 or len(values) != len(self.values):
            raise ValueError(f"values must have {len(self.values)} rows, one a time step, got shape {values.shape}.")
        names = None if feature_names is None else _check_names(feature_names, values.shape[1])
        return self._of(laid_out(values), self.offsets, names, self.times)

    def to_array(self):
        """Get the sequences as one array.

        Returns
        -------
        values : ndarray of shape (n_sequences, n_timesteps, n_features)
            As many time steps as the longest sequence has; behind the end of the others, NaN.
        """
        n_timesteps, lengths = self.lengths.max(initial=0), self.lengths
        if (lengths == n_timesteps).all():
            return self.values.reshape(len(self), n_timesteps, self.n_features)
        array = np.full((len(self), n_timesteps, self.n_features), np.nan, dtype=self.dtype)
        array[np.arange(n_timesteps) < lengths[:, np.newaxis]] = self.values
        return array

    @classmethod
    def _of(cls, values, offsets, feature_names=None, times=None):
        """Without the checks, for parts that are known to fit."""
        sequences = cls.__new__(cls)
        sequences.values, sequences.offsets = values, offsets
        sequences.feature_names, sequences.times = feature_names, times
        return sequences

    def __array__(self, dtype=None, copy=None):
        if (self.lengths != self.lengths.max(initial=0)).any():
            if dtype is not None and np.dtype(dtype).kind == "O":
                array = np.empty(len(self), dtype=object)
                array[:] = list(self)
                return array
            raise ValueError(
                "Sequences of different lengths are no array. Where a tool for tables got them, take the one for "
                "sequences: SequenceScaler, SequenceImputer, SequenceFeatures, permutation_importance of "
                "sklstm.inspection, sequence_scorer. Or make an array that is padded with NaN, by to_array()."
            )
        return np.array(self.to_array(), dtype=dtype, copy=copy)

    def __eq__(self, other):
        if not isinstance(other, Sequences):
            return NotImplemented
        return np.array_equal(self.values, other.values, equal_nan=True) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in ("offsets", "feature_names", "times")
        )

    __hash__ = None

    def __sizeof__(self):
        # Dask asks: what is large it sends to a worker once, and what is small with every task.
        arrays = [self.values, self.offsets, self.times]
        return object.__sizeof__(self) + sum(array.nbytes for array in arrays if array is not None)

    def __repr__(self):
        lengths = self.lengths
        steps = f"{lengths.min()} to {lengths.max()} time steps" if len(self) else "no time steps"
        return f"<Sequences: {len(self)} of {steps}, {self.n_features} features, {self.dtype}>"


class Excerpt:
    """Some sequences of a container, left where they lie: even a part may be more than fits in memory.

    It has what predictions read of `Sequences`. Its offsets count the time steps of these sequences alone.
    """

    def __init__(self, sequences, rows):
        self.values, self.times = sequences.values, sequences.times
        self.starts, self.lengths = sequences.starts[rows], sequences.lengths[rows]
        self.offsets = offsets_of(self.lengths)

    def __len__(self):
        return len(self.lengths)


def laid_out(values):
    """Values as the core reads them: one after the other, each where its type may lie in memory."""
    return np.ascontiguousarray(np.require(values, requirements="A"))


def offsets_of(lengths):
    """Offsets of sequences that are stored end to end."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def steps_of(starts, lengths):
    """Places of the time steps of sequences, one after the other, in the table that they begin at `starts` of."""
    offsets = offsets_of(lengths)
    # Time step k comes from row k of the table, moved by how far its sequence moves.
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)


def differences(sequences):
    """The change of every value since the time step before, (total_steps, n_features); at a first step, none.

    In double precision, as the layers see them: single values may be further apart than single precision goes.
    """
    values = sequences.values.astype(np.float64, copy=False)
    with np.errstate(over="ignore"):
        changes = np.diff(values, axis=0, prepend=values[:1])
    changes[sequences.starts] = 0
    return changes


def time_gaps(sequences):
    """How long after the time step before each one is, (total_steps,): hours for datetimes; 0 at a first step."""
    times = sequences.times
    gaps = np.ones(len(sequences.values)) if times is None else between(np.roll(times, 1), times)
    gaps[sequences.starts] = 0
    return gaps


def step_times(sequences):
    """How long after its sequence's first time step each one is, (total_steps,): hours for datetimes."""
    starts = np.repeat(sequences.offsets[:-1], sequences.lengths)
    if sequences.times is None:
        return np.arange(len(starts), dtype=np.float64) - starts
    return between(sequences.times[starts], sequences.times)


def between(start, end):
    """How long it is from one time to another; of datetimes in microseconds, of which centuries do not overflow."""
    if end.dtype.kind == "M":
        start, end = start.astype("M8[us]"), end.astype("M8[us]")
    return units_of_time(end - start)


def units_of_time(durations):
    """Durations as numbers: hours, if they are timedeltas."""
    return durations / np.timedelta64(1, "h") if durations.dtype.kind == "m" else durations


def as_duration(value, name, sequences):
    """A number or a timedelta as a number, in the units of the sequences' times."""
    if isinstance(value, np.timedelta64 | timedelta):
        if sequences.times is None or sequences.times.dtype.kind != "M":
            raise ValueError(
                f"{name}={value!r} needs times that are datetimes: here it must be a number in their units."
            )
        try:
            value = np.timedelta64(value) / np.timedelta64(1, "h")
        except TypeError as error:
            raise ValueError(f"{name}={value!r} has no fixed length: say it in days or shorter units.") from error
    if not 0 <= value < np.inf:
        raise ValueError(f"{name} must be a duration from 0 on, got {value!r}.")
    return float(value)


def rounding(sequences):
    """How far a difference of the sequences' times, as a number, may be off."""
    if sequences.times is None or sequences.times.dtype.kind == "M":
        return 1e-9  # hours, some microseconds
    return 4 * np.spacing(np.abs(sequences.times).max(initial=1))


def _array(values, name):
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must have one dimension, but its elements differ in length.") from error


def _check_names(names, n_features):
    names = np.asarray(names, dtype=object)
    if names.shape != (n_features,) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"feature_names must be {n_features} texts, one a feature, got {names!r}.")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"feature_names has {repeated[0]!r} twice.")
    return names


def _check_times(times, n_steps, inside, offsets):
    times = _array(times, "times")
    if times.shape != (n_steps,):
        raise ValueError(f"times must have the shape ({n_steps},), one a time step, got {times.shape}.")
    if times.dtype.kind not in "iufM":
        raise ValueError(f"times must be numbers or datetime64, got dtype {times.dtype}.")
    given = times[inside]
    times = given.astype("M8[ns]" if given.dtype.kind == "M" else np.float64)
    missing = ~np.isfinite(times)
    if missing.any():
        raise ValueError(f"times has no time for {place(offsets, np.argmax(missing))}. Leave such steps out.")
    inexact = times.astype(given.dtype) != given if given.dtype.kind != "f" else np.zeros(len(given), dtype=bool)
    if inexact.any():  # NumPy would wrap datetimes around, and round whole numbers
        raise ValueError(
            f"times has {given[np.argmax(inexact)]} for {place(offsets, np.argmax(inexact))}, which nanoseconds or "
            "float64 cannot hold. Subtract a start from all."
        )
    if given.dtype.kind != "M" and (np.abs(times) > LARGEST_TIME).any():
        step = np.argmax(np.abs(times))
        raise ValueError(
            f"times has {given[step]} for {place(offsets, step)}, which is beyond {LARGEST_TIME:.0e}. Choose a larger "
            "unit."
        )
    backwards = np.setdiff1d(1 + np.flatnonzero(times[1:] < times[:-1]), offsets)
    if len(backwards):
        raise ValueError(
            f"times must ascend within each sequence, but {place(offsets, backwards[0])}, comes before the time step "
            "before it. Sort them."
        )
    return times


def place(offsets, step):
    """In words, where a row of the table of all time steps is."""
    sequence = np.searchsorted(offsets, step, side="right") - 1
    return f"sequence {sequence}, time step {step - offsets[sequence]}"
