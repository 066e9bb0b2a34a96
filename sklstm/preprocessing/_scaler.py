"""Features of sequences in comparable units."""

from numbers import Real

import numpy as np
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler
from sklearn.utils._param_validation import StrOptions

from ..real_numbers import Interval
from ..scaling import LEAST_SPREAD, check_range, reject_least_spread, reject_overflow
from ._base import SequenceTransformer
from ._streams import StepByStep

MOST_QUANTILES = 1000

# Quantiles of all time steps: those of a random sample would depend on a seed.
SCALERS = {
    "standard": lambda n_steps: StandardScaler(),
    "robust": lambda n_steps: RobustScaler(),
    "minmax": lambda n_steps: MinMaxScaler(),
    "quantile": lambda n_steps: QuantileTransformer(
        n_quantiles=min(MOST_QUANTILES, n_steps), output_distribution="normal", subsample=None
    ),
}

# Of the spread that a method divides by. For "robust" and "minmax" scikit-learn takes less for none, whatever the unit.
# For "quantile" it takes what is within 1e-7 of the least or the largest value for that one: a thousandth of this.
LEAST_SPREADS = {
    "standard": LEAST_SPREAD,
    "robust": 10 * np.finfo(np.float64).eps,
    "minmax": 10 * np.finfo(np.float64).eps,
    "quantile": 1e-4,
}


class SequenceScaler(SequenceTransformer):
    """Scale each feature of sequences by what all time steps of the training sequences are like.

    Every time step counts once, however long its sequence is. Missing values (NaN) are left out and stay missing.

    The estimators standardise their inputs themselves. What this is for: features with heavy tails, whose few extreme
    values would leave the rest of them next to nothing (``method="quantile"``), and limits for values that are far
    from all that was seen in training (`clip`).

    Parameters
    ----------
    method : {"standard", "robust", "minmax", "quantile"}, default="standard"
        - "standard": mean 0 and variance 1;
        - "robust": median 0 and interquartile range 1;
        - "minmax": from 0 to 1;
        - "quantile": normally distributed, by rank among up to 1,000 quantiles.

        See :class:`~sklearn.preprocessing.StandardScaler`, :class:`~sklearn.preprocessing.RobustScaler`,
        :class:`~sklearn.preprocessing.MinMaxScaler` and :class:`~sklearn.preprocessing.QuantileTransformer`, which do
        the work.

    clip : float or None, default=None
        Scaled values beyond this, in either direction, are set to it. None sets no limit.

    Attributes
    ----------
    scaler_ : object
        The fitted scikit-learn transformer of the table of all time steps.

    n_features_in_ : int
        Number of features of a time step; of a table, its number of columns.

    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the features, where the training sequences have them.

    Notes
    -----
    A feature without any value in training is taken for one that was 0 all the time, and one that varies by rounding
    errors alone for one that never varies.

    With ``method="quantile"``, values within 1e-7 of the least or the largest one of training, in the unit that they
    come in, are taken for it, as by :class:`~sklearn.preprocessing.QuantileTransformer`: the tails of probabilities
    near 0 or 1, p-values or values over many orders of magnitude become ties. A feature of a small unit, all of whose
    values lie within 1e-4, is refused; take the logarithm where the small values matter.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import SequenceScaler
    >>> scaler = SequenceScaler(method="minmax").fit([np.array([1.0, np.nan, 3.0]), np.array([5.0])])
    >>> scaler.transform([np.array([2.0, 4.0])])[0]
    array([[0.25],
           [0.75]])
    """

    _parameter_constraints: dict = {
        "method": [StrOptions(set(SCALERS))],
        "clip": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(self, method="standard", *, clip=None):
        self.method = method
        self.clip = clip

    def _fit(self, sequences):
        values = sequences.values
        unseen = np.isnan(values).all(axis=0)
        if unseen.any():
            values = np.where(unseen, 0, values)
        with np.errstate(all="ignore"):
            if self.method == "robust":
                lowest, highest = np.nanpercentile(values, [25, 75], axis=0)
            else:
                lowest, highest = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
            constant = reject_least_spread(lowest, highest, LEAST_SPREADS[self.method], "X")
            if constant.any():
                values = np.where(constant, highest.astype(values.dtype), values)
            self.scaler_ = SCALERS[self.method](len(values)).set_output(transform="default").fit(values)
        check_range(self.scaler_, "X")

    def _transform(self, sequences):
        return self._scaled(sequences.values, self.scaler_.transform)

    def _scaled(self, values, transform):
        # In single precision, values with a large mean would lose the digits that tell them apart.
        with np.errstate(over="ignore"):
            scaled = self._clipped(transform(values.astype(np.float64))).astype(values.dtype, copy=False)
        reject_overflow(scaled, False, "their scaled value")
        return scaled

    def _clipped(self, scaled):
        return scaled if self.clip is None else np.clip(scaled, -self.clip, self.clip)

    def _stream(self, n_streams):
        transform = self.scaler_.transform if self.method == "quantile" else self._linear
        return StepByStep(lambda values, elapsed, gap: self._scaled(values, transform))

    def _operations(self):
        """What scikit-learn's scaler does to values, as functions of two numbers and the second one of each feature."""
        scaler = self.scaler_
        return {
            "standard": lambda: ((np.subtract, scaler.mean_), (np.true_divide, scaler.scale_)),
            "robust": lambda: ((np.subtract, scaler.center_), (np.true_divide, scaler.scale_)),
            "minmax": lambda: ((np.multiply, scaler.scale_), (np.add, scaler.min_)),
        }[self.method]()

    def _linear(self, values):
        """The same bits as the scaler's, whose checks of a single row would take fifty times as long."""
        for function, operand in self._operations():
            values = function(values, operand)
        return values

    def inverse_transform(self, X):
        """Bring scaled sequences back to their units.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Scaled sequences, as `transform` returns them. What was set to a limit comes back as that limit, and what
            became a tie as the value that it was taken for.

        Returns
        -------
        X : Sequences or ndarray of shape (n_sequences, n_timesteps)
            Sequences in the units of the training sequences; of a table, a table.
        """
        return self._apply(X, self._in_units)

    def _in_units(self, sequences):
        with np.errstate(over="ignore"):
            values = self.scaler_.inverse_transform(sequences.values)
        reject_overflow(values, False, "their value in the units of training")
        return values
