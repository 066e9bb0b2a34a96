"""Missing values filled, and what is known of them kept."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..real_numbers import Interval
from ..scaling import reject_overflow
from ..sequences import step_times
from ..validation import as_sequences
from ._base import SequenceTransformer, side_by_side


def last_seen(sequences):
    """The row of the table of all time steps where each value was last seen, its own included; -1 before the first."""
    seen = ~np.isnan(sequences.values)
    steps = np.arange(len(seen))[:, np.newaxis]
    rows = np.maximum.accumulate(np.where(seen, steps, -1), axis=0)
    rows[rows < np.repeat(sequences.offsets[:-1], sequences.lengths)[:, np.newaxis]] = -1
    return rows


def next_seen(sequences):
    """The row where each value is seen next, its own included; the number of all rows after the last."""
    seen = ~np.isnan(sequences.values)
    n_steps = len(seen)
    rows = np.minimum.accumulate(np.where(seen, np.arange(n_steps)[:, np.newaxis], n_steps)[::-1], axis=0)[::-1]
    return np.where(rows < np.repeat(sequences.offsets[1:], sequences.lengths)[:, np.newaxis], rows, n_steps)


def _has_indicator(self):
    if not self.add_indicator:
        raise AttributeError("inverse_transform needs add_indicator=True: without it nothing says what was missing.")
    return True


class SequenceImputer(SequenceTransformer):
    """Fill gaps (NaN) in sequences, and say where they were and how old what is known is.

    Parameters
    ----------
    strategy : {"forward", "mean", "linear", "constant"}, default="forward"
        What a gap is filled with:

        - "forward": the last value before it in the same sequence;
        - "linear": the straight line, over time, between the values before and after it, and the nearest one at either
          end. It looks ahead: not for forecasts that are to be made while a sequence goes on;
        - "mean": the mean of all training time steps;
        - "constant": `fill_value`.

        Where there is no value to take (before the first one, or in a sequence without any) it is `fill_value`.

    fill_value : float or None, default=None
        What is filled in where the strategy has nothing. None means the mean of the training time steps, and 0 for
        ``strategy="constant"`` and for a feature that was never seen in training.

    add_indicator : bool, default=False
        Whether to append, for each feature of which values are missing in training, one that is 1 where it was missing
        and else 0.

    add_elapsed : bool, default=False
        Whether to append, for each feature of which values are missing in training, how long ago it was last seen, 0
        where it is seen now; before it is first seen, how long ago the sequence began. In the units of the sequences'
        times, hours for datetimes; in time steps where they have none.

    elapsed_scale : float or None, default=None
        If a number, what `add_elapsed` appends is ``1 - exp(-elapsed / elapsed_scale)``, and 1 before a feature is
        first seen: it grows while what is known becomes old, and no further once it is. Networks mostly learn more from
        that, since days and weeks do not drown the hours. None leaves the times as they are.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        The means.

    features_with_missing_ : ndarray of int
        The features of which values are missing in training.

    n_features_in_ : int
        Number of features of a time step; of a table, its number of columns.

    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the features, where the training sequences have them.

    See Also
    --------
    sklearn.impute.SimpleImputer : The same for tables, which know no time.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import SequenceImputer
    >>> X = [np.array([1.0, np.nan, np.nan, 4.0]), np.array([np.nan, 7.0])]
    >>> filled = SequenceImputer(add_indicator=True, add_elapsed=True).fit_transform(X)
    >>> filled[0]
    array([[1., 0., 0.],
           [1., 1., 1.],
           [1., 1., 2.],
           [4., 0., 0.]])
    >>> filled[1]
    array([[4., 1., 0.],
           [7., 0., 0.]])
    """

    _parameter_constraints: dict = {
        "strategy": [StrOptions({"forward", "mean", "linear", "constant"})],
        "fill_value": [Interval(Real, None, None, closed="neither"), None],
        "add_indicator": ["boolean"],
        "add_elapsed": ["boolean"],
        "elapsed_scale": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self, strategy="forward", *, fill_value=None, add_indicator=False, add_elapsed=False, elapsed_scale=None
    ):
        self.strategy = strategy
        self.fill_value = fill_value
        self.add_indicator = add_indicator
        self.add_elapsed = add_elapsed
        self.elapsed_scale = elapsed_scale

    def _fit(self, sequences):
        missing = np.isnan(sequences.values)
        n_seen = (~missing).sum(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            totals = np.where(missing, 0, sequences.values).sum(axis=0, dtype=np.float64)
        reject_overflow(totals[np.newaxis], True, "their sum")
        self.mean_ = totals / np.maximum(n_seen, 1)
        self.features_with_missing_ = np.flatnonzero(missing.any(axis=0))

    def _transform(self, sequences):
        values, last = sequences.values, last_seen(sequences)
        known = self._between(sequences) if self.strategy == "linear" else self._at(values, last)
        clock = step_times(sequences)[:, np.newaxis]
        return self._completed(values, known, clock, np.where(last >= 0, clock[last, 0], np.nan))

    def _completed(self, values, known, clock, seen_at):
        """Values with gaps filled and what is appended, from what is known in place of each and when it was seen."""
        missing, gaps, fill = np.isnan(values), self.features_with_missing_, self._fill()
        known = np.where(np.isnan(known), fill, known) if self.strategy in ("forward", "linear") else fill
        parts = [np.where(missing, known, values)]
        if self.add_indicator:
            parts.append(missing[:, gaps])
        if self.add_elapsed:
            parts.append(self._elapsed(clock, seen_at[:, gaps]))
        return side_by_side(parts, values.dtype)

    def _fill(self):
        """A number a feature, where nothing is known of its sequence, or with "mean" and "constant" nothing asked."""
        if self.strategy == "mean" or (self.strategy != "constant" and self.fill_value is None):
            return self.mean_
        return np.full(self._n_features, float(self.fill_value or 0))

    def _elapsed(self, clock, seen_at):
        if self.elapsed_scale is None:
            return np.where(np.isnan(seen_at), clock, clock - seen_at)
        with np.errstate(over="ignore"):  # of what is infinitely old, nothing is left
            return np.where(np.isnan(seen_at), 1, 1 - np.exp((seen_at - clock) / self.elapsed_scale))

    @staticmethod
    def _at(values, rows):
        """The values in these rows; NaN for rows that there are not."""
        inside = (rows >= 0) & (rows < len(values))
        return np.where(inside, np.take_along_axis(values, np.where(inside, rows, 0), axis=0), np.nan)

    def _between(self, sequences):
        """What the straight line through the values before and after gives."""
        clock = np.broadcast_to(step_times(sequences)[:, np.newaxis], sequences.values.shape)
        (before, start), (after, end) = (
            (self._at(sequences.values.astype(np.float64), rows), self._at(clock, rows))
            for rows in (last_seen(sequences), next_seen(sequences))
        )
        before, after = np.where(np.isnan(before), after, before), np.where(np.isnan(after), before, after)
        span = end - start  # NaN at either end, 0 between steps at the same time
        share = np.divide(clock - start, span, out=np.zeros_like(span), where=span > 0)
        with np.errstate(over="ignore", invalid="ignore"):
            known = before + share * (after - before)
        reject_overflow(known, ~np.isnan(before), "the difference between two of them")
        return known

    def _stream(self, n_streams):
        if self.strategy == "linear":
            raise ValueError(
                'SequenceImputer(strategy="linear") draws a line to a value that a stream does not have yet: choose '
                '"forward", in fit too.'
            )
        return _LastSeen(self, n_streams)

    def _names_out(self, names):
        appended = [
            f"{prefix}_{names[k]}"
            for prefix, wanted in [("missing", self.add_indicator), ("elapsed", self.add_elapsed)]
            if wanted
            for k in self.features_with_missing_
        ]
        return np.array([*names, *appended], dtype=object)

    @available_if(_has_indicator)
    def inverse_transform(self, X):
        """Make gaps again where the indicators say that there were any, and leave out what was appended.

        Parameters
        ----------
        X : Sequences
            Sequences as `transform` returns them.

        Returns
        -------
        X : Sequences or ndarray of shape (n_sequences, n_timesteps)
            Sequences of the features that `transform` took; of a table, a table.
        """
        check_is_fitted(self)
        sequences = as_sequences(X)
        n_features, missing, names = self._n_features, self.features_with_missing_, sequences.feature_names
        n_columns = n_features + len(missing) * (1 + self.add_elapsed)
        if sequences.n_features != n_columns:
            raise ValueError(f"X has {sequences.n_features} features, but transform returns {n_columns}.")
        if names is not None and list(names) != list(self._names_out(names[:n_features])):
            raise ValueError(f"The features of X are not in the order in which transform returns them: {list(names)}.")
        values = sequences.values[:, :n_features].copy()
        indicators = sequences.values[:, n_features : n_features + len(missing)]
        values[:, missing] = np.where(indicators > 0.5, np.nan, values[:, missing])
        return self._in_form(X, sequences, values, None if names is None else names[:n_features])


class _LastSeen:
    """The stream of a `SequenceImputer`, which remembers the last value of each feature and when it was seen."""

    def __init__(self, imputer, n_streams):
        self._imputer = imputer
        self._known, self._seen_at = np.full((2, n_streams, imputer._n_features), np.nan)
        self.remembered = {"known": self._known, "seen_at": self._seen_at}

    def step(self, values, elapsed, gap):
        """Values with gaps filled."""
        seen, clock = ~np.isnan(values), elapsed[:, np.newaxis]
        np.copyto(self._known, values, where=seen)
        np.copyto(self._seen_at, clock, where=seen)
        return self._imputer._completed(values, self._known, clock, self._seen_at)
