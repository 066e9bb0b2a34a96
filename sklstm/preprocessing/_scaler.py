"""Features of sequences in comparable units."""

from numbers import Real

import numpy as np
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler
from sklearn.utils._param_validation import StrOptions

from ..real_numbers import Interval
from ..scaling import LEAST_SPREAD, check_range, reject_least_spread
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

# What scikit-learn's scalers take for no spread, whatever the unit.
LEAST_SPREADS = {
    "standard": LEAST_SPREAD,
    "robust": 10 * np.finfo(np.float64).eps,
    "minmax": 10 * np.finfo(np.float64).eps,
    "quantile": 0,
}

# What is so near to the least or largest value, QuantileTransformer takes for it, whatever the unit; and which share of
# the values that may happen to.
NEAR_A_LIMIT, MOST_NEAR_A_LIMIT = 1e-7, 0.01


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
    A feature without any value in training is taken for one that was 0 all the time.

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
            self.scaler_ = SCALERS[self.method](len(values)).set_output(transform="default").fit(values)
            lowest, highest = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        check_range(self.scaler_, "X")
        # Beside values as large as 1, such a spread is a rounding error.
        least = np.where(np.fmax(-lowest, highest) < 1, LEAST_SPREADS[self.method], 0)
        reject_least_spread(lowest, highest, least, "X")
        if self.method == "quantile":
            _reject_near_limits(values, lowest, highest)

    def _transform(self, sequences):
        return self._scaled(sequences.values, self.scaler_.transform)

    def _scaled(self, values, transform):
        # In single precision, values with a large mean would lose the digits that tell them apart.
        return self._clipped(transform(values.astype(np.float64))).astype(values.dtype, copy=False)

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
            Scaled sequences, as `transform` returns them. What was set to a limit comes back as that limit.

        Returns
        -------
        X : Sequences or ndarray of shape (n_sequences, n_timesteps)
            Sequences in the units of the training sequences; of a table, a table.
        """
        return self._apply(X, lambda sequences: self.scaler_.inverse_transform(sequences.values))


def _reject_near_limits(values, lowest, highest):
    with np.errstate(invalid="ignore"):  # of missing values
        is_near = (values < lowest + NEAR_A_LIMIT) | (values > highest - NEAR_A_LIMIT)
        is_near &= (values > lowest) & (values < highest)
    shares = is_near.mean(axis=0)
    if (shares > MOST_NEAR_A_LIMIT).any():
        column = np.argmax(shares)
        raise ValueError(
            f"Column {column} of X has {shares[column]:.0%} of its values within {NEAR_A_LIMIT:.0e} of the least or "
            'the largest one, which method="quantile" would take them for. Rescale it: multiply it by a large number.'
        )
