"""Irregular times: onto a grid, or as features."""

from datetime import timedelta
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ..real_numbers import Interval
from ..scaling import reject_overflow
from ..sequences import Sequences, as_duration, offsets_of, rounding, step_times, time_gaps
from ..validation import validate_sequences
from ._base import SequenceTransformer, side_by_side
from ._statistics import STATISTICS, check_choice, statistic
from ._streams import StepByStep

# Numbers in a resampled table: 8 GB. A grid that is much finer than the data is more likely a mistake in its unit.
MOST_NUMBERS = 1_000_000_000

MOST_INTERVALS = 1 << 53  # that a double tells apart

HOUR = 3_600_000_000_000  # nanoseconds

LONGEST = 1 << 62  # nanoseconds


class SequenceResampler(SequenceTransformer):
    """Bring events at irregular times to a regular grid.

    Each interval of the grid becomes one time step, from a sequence's first event to its last. An interval without
    events is a time step whose values are all missing (NaN); :class:`SequenceImputer` fills them. A time step's time is
    when its interval begins, but it holds what is known at its end: whoever joins predictions to other events by time
    has to add `every`.

    The number of time steps changes. Targets of the time steps (``return_sequences=True``) cannot follow: resample
    them with their table, before it becomes sequences.

    Parameters
    ----------
    every : float or timedelta
        Length of an interval, in the units of the sequences' times; hours, if they are datetimes and this is a number.
        A timedelta needs datetimes. Sequences without times have one event a unit.

    aggregate : str or dict of str to str, default="mean"
        What becomes of the values in an interval: "mean", "sum", "min", "max", "std", "first", "last", "slope" or
        "count". A dict says it by the features' names or numbers; what it does not name is averaged.

    origin : {"first", "epoch"}, default="first"
        Where intervals begin: at each sequence's first event, or at multiples of `every` (of datetimes since 1970, such
        as full hours).

    Attributes
    ----------
    n_features_in_ : int
        Number of features of a time step; of a table, its number of columns.

    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the features, where the training sequences have them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import as_sequences
    >>> from sklstm.preprocessing import SequenceResampler
    >>> X = as_sequences([np.array([36.6, 36.8, 37.5])], times=[np.array([0.2, 0.9, 2.5])])
    >>> hourly = SequenceResampler(every=1.0).fit_transform(X)
    >>> hourly[0].round(1)
    array([[36.7],
           [ nan],
           [37.5]])
    >>> hourly.times
    array([0.2, 1.2, 2.2])
    """

    _parameter_constraints: dict = {
        "every": [np.timedelta64, timedelta, Interval(Real, 0, None, closed="neither")],
        "aggregate": [StrOptions(set(STATISTICS)), dict],
        "origin": [StrOptions({"first", "epoch"})],
    }

    _keeps_tables = False

    def __init__(self, every, *, aggregate="mean", origin="first"):
        self.every = every
        self.aggregate = aggregate
        self.origin = origin

    def _fit(self, sequences):
        is_dict = isinstance(self.aggregate, dict)
        statistics = np.full(sequences.n_features, "mean" if is_dict else self.aggregate, dtype=object)
        for feature, name in self.aggregate.items() if is_dict else ():
            if not isinstance(name, str) or name not in STATISTICS:
                raise ValueError(f"aggregate must be some of {', '.join(STATISTICS)}, got {name!r} for {feature!r}.")
            try:
                statistics[sequences.feature_indices(feature)] = name
            except KeyError as error:
                raise ValueError(f"aggregate names no feature: {error.args[0]}") from error
        self._statistics = statistics

    def transform(self, X):
        """Bring sequences to the grid.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        X : Sequences
            A time step an interval; its time is when the interval begins.
        """
        check_is_fitted(self)
        sequences = validate_sequences(self, X, reset=False, allow_nan=True)
        starts, lengths = sequences.offsets[:-1], sequences.lengths
        times, every = self._in_numbers(sequences)
        slack = rounding(sequences)
        begin = times[starts]
        if self.origin == "epoch":
            begin = _whole(begin, every, slack) * every
        cell = _whole(times - np.repeat(begin, lengths), every, slack)
        n_cells = cell[sequences.offsets[1:] - 1] + 1
        if n_cells.sum(dtype=np.float64) * sequences.n_features > MOST_NUMBERS:
            raise ValueError(
                f"every={self.every!r} makes up to {n_cells.max()} time steps of one sequence. Is it in the units of "
                "the times? Choose a longer interval."
            )
        offsets = offsets_of(n_cells)
        values = self._aggregated(sequences, np.repeat(offsets[:-1], lengths) + cell, offsets[-1])
        k = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
        grid = np.repeat(begin, np.diff(offsets)) + k * every
        if sequences.times is not None:
            grid = grid.astype(sequences.times.dtype)
        return Sequences(values, offsets, feature_names=sequences.feature_names, times=grid)

    def _in_numbers(self, sequences):
        """The time of each event, and the length of an interval in the same unit: of datetimes, whole nanoseconds."""
        every = as_duration(self.every, "every", sequences)
        if every == 0:
            raise ValueError(f"every={self.every!r} must be longer than 0.")
        if sequences.times is None:
            return step_times(sequences), every
        if sequences.times.dtype.kind == "M":
            return sequences.times.astype(np.int64), min(max(round(every * HOUR), 1), LONGEST)
        return sequences.times, every

    def _aggregated(self, sequences, row, n_rows):
        """Each event's value into its row, (n_rows, n_features)."""
        parts, clock = np.flatnonzero(np.diff(row, prepend=-1)), step_times(sequences)
        values = np.full((n_rows, sequences.n_features), np.nan, dtype=sequences.dtype)
        values[:, self._statistics == "count"] = 0
        for name in set(self._statistics):
            columns = np.flatnonzero(self._statistics == name)
            aggregated = statistic(name, sequences.values[:, columns], parts, clock, columns)
            with np.errstate(over="ignore"):  # of single precision
                aggregated = aggregated.astype(values.dtype)
            reject_overflow(aggregated, False, f"their {name}", columns)
            values[row[parts][:, np.newaxis], columns] = aggregated
        return values


def _whole(times, every, slack):
    """How many whole intervals there are before these times, with those that end within the slack, as in 0.3 / 0.1."""
    if times.dtype.kind == "i":
        return times // every
    return np.floor(np.clip((times + slack) / every, -MOST_INTERVALS, MOST_INTERVALS)).astype(np.int64)


TIMES = {"gap": time_gaps, "time": step_times}


class TimeFeatures(SequenceTransformer):
    """Append the times of the steps as features, for models that are to know how irregular they are.

    Parameters
    ----------
    features : list of str, default=("gap", "time")
        Any of "gap", the time since the step before (0 at the first), and "time", the time since the first step. In the
        units of the sequences' times, hours for datetimes; in time steps where they have none.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of a time step; of a table, its number of columns.

    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the features, where the training sequences have them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import as_sequences
    >>> from sklstm.preprocessing import TimeFeatures
    >>> X = as_sequences([np.array([36.6, 36.8, 37.5])], times=[np.array([0.2, 0.9, 2.5])])
    >>> TimeFeatures().fit_transform(X)[0]
    array([[36.6,  0. ,  0. ],
           [36.8,  0.7,  0.7],
           [37.5,  1.6,  2.3]])
    """

    _parameter_constraints: dict = {"features": [list, tuple]}

    def __init__(self, features=("gap", "time")):
        self.features = features

    def _fit(self, sequences):
        check_choice("features", self.features, TIMES)

    def _transform(self, sequences):
        return self._with_times(sequences.values, {name: TIMES[name](sequences) for name in self.features})

    def _with_times(self, values, times):
        appended = [times[name][:, np.newaxis] for name in self.features]
        return side_by_side([values, *appended], values.dtype)

    def _stream(self, n_streams):
        return StepByStep(lambda values, elapsed, gap: self._with_times(values, {"time": elapsed, "gap": gap}))

    def _names_out(self, names):
        return np.array([*names, *self.features], dtype=object)
