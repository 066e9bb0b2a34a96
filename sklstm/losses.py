"""Losses: what the network's outputs mean, and how far they are from the targets.

A loss says how many outputs the network needs, brings targets to the network's units and outputs back to the targets',
and says where the output layer's bias starts. Shapes: targets (n, n_targets), weights (n,), out (n, n_network_outputs).
A target that is NaN is missing, which classifiers' labels never are.
"""

from numbers import Real

import numpy as np
from scipy.special import expit

from ._core import losses as core
from .network import TYPE_NAMES
from .scaling import fit_scaler

# Least gap between two quantiles at the start, in network units: a small gap's derivative is about the gap itself, so
# that one of 0, as between equal targets, could never open.
LEAST_GAP = 0.01

# In the network's units: the network's type has to hold squares of targets and outputs, and sums of them.
LARGEST_TARGETS = {"float32": 1e15, "float64": 1e150}


class _Loss:
    """A compiled loss, called with the values of its parameters after its other arguments."""

    _core = None
    _core_parameters = ()
    link = None  # from outputs to predictions: one of the core's LINKS
    n_each = 1  # outputs of the network for each target
    has_units = True  # whether targets are scaled

    def predict(self, out):
        """What the outputs (n, n_network_outputs) predict, (n, .), in double precision; a stream has the same bits."""
        return core.predict[TYPE_NAMES[out.dtype]](
            core.LINKS[self.link], self.n_each, np.ascontiguousarray(out), self._scale, self._shift
        )

    def __call__(self, out, target, weight, dout):
        """Mean loss over the rows; writes its derivatives by `out` into `dout`."""
        return self._core[TYPE_NAMES[out.dtype]](out, target, weight, dout, *self._core_parameters)


class _RegressionLoss(_Loss):
    """A loss of targets that are standardised, and that have one output of the network each."""

    out_activation = "identity"
    link = "identity"

    def n_network_outputs(self, n_targets):
        """How many outputs the network needs for so many targets."""
        return n_targets * self.n_each

    def scale_targets(self, targets, weights, standardize, dtype="float32"):
        """Learn how targets are brought to the units of a network of this type and back."""
        observed = (~np.isnan(targets) & (weights[:, np.newaxis] > 0)).any(axis=0)
        if not observed.all():
            raise ValueError(
                f"Column {np.argmin(observed)} of y has only missing values (NaN) in what is trained on, where the "
                "weight is not zero: leave the column out, or hold out less."
            )
        self._shift, self._scale = np.zeros(targets.shape[1]), np.ones(targets.shape[1])
        if standardize:
            self._shift, self._scale = self._learn_scale(targets, weights)
        else:
            self._reject_unreachable(targets, weights, dtype)

    @staticmethod
    def _reject_unreachable(targets, weights, dtype):
        beyond = too_large(targets, weights, dtype)
        if beyond.any():
            raise ValueError(
                f"Column {np.argmax(beyond)} of y has values beyond {LARGEST_TARGETS[dtype]:.0e}, too large for a "
                f"network of {dtype} to answer with standardize=False: set it to True, or rescale them."
            )

    def _learn_scale(self, targets, weights):
        scaler = fit_scaler("y", [(targets, weights)])
        return scaler.mean_, scaler.scale_

    def encode(self, targets):
        """Targets in the network's units."""
        with np.errstate(over="ignore"):  # of those to be watched, which may be far from all that was learnt from
            return np.ascontiguousarray((targets - self._shift) / self._scale)

    def explained(self, out, target):
        """Predictions of one target, by its index among them, and their derivatives by the outputs."""
        derivatives = np.zeros(out.shape)
        derivatives[:, target[0] * self.n_each] = self._scale[target[0]]
        return self.predict(out)[:, *target], derivatives


class SquaredError(_RegressionLoss):
    """Half the squared error; predicts means."""

    _core = staticmethod(core.squared_error)

    def initial_bias(self, encoded, weights):
        """The mean of each target."""
        return _weighted_mean(encoded, weights)


class AbsoluteError(_RegressionLoss):
    """The absolute error; predicts medians."""

    _core = staticmethod(core.absolute_error)

    def initial_bias(self, encoded, weights):
        """The median of each target."""
        return _weighted_quantiles(encoded, weights, 0.5)


class Huber(_RegressionLoss):
    """Squared up to an error of `delta`, in units of the standardised targets, and linear beyond."""

    _core = staticmethod(core.huber)

    def __init__(self, delta=1.35):
        self._core_parameters = (delta,)

    def initial_bias(self, encoded, weights):
        """One of Huber's steps from the median of each target: near enough to the minimum to start from."""
        (delta,) = self._core_parameters
        median = _weighted_quantiles(encoded, weights, 0.5)
        return median + _weighted_mean(np.clip(encoded - median, -delta, delta), weights)


class Quantile(_RegressionLoss):
    """Pinball loss; predicts one quantile, or several that never cross."""

    link = "quantiles"
    _core = staticmethod(core.quantile)

    def __init__(self, quantile=0.5):
        try:
            quantiles = np.atleast_1d(quantile)
        except ValueError:
            quantiles = np.empty(0)
        numbers = all(isinstance(q, Real) for q in quantiles.tolist())
        if quantiles.ndim != 1 or not (numbers and quantiles.size and (np.diff([0, *quantiles, 1]) > 0).all()):
            raise ValueError(
                "quantile must be a number between 0 and 1, both excluded, or a list of such numbers in rising order, "
                f"got {quantile!r}."
            )
        self.quantiles, self.is_list = quantiles.tolist(), np.ndim(quantile) == 1
        self._core_parameters = (quantiles.astype(np.float64),)
        self.n_each = len(quantiles)

    def initial_bias(self, encoded, weights):
        """The quantiles of each target: the first, and what softplus turns into the gaps to the next."""
        quantiles = _weighted_quantiles(encoded, weights, self._core_parameters[0])
        gaps = np.maximum(np.diff(quantiles, axis=0), LEAST_GAP)
        inverse = gaps + np.log(-np.expm1(-gaps))
        return np.concatenate([quantiles[:1], inverse]).T.ravel()

    def predict(self, out):
        """Quantiles (n, n_targets) or, of several, (n, n_targets, n_quantiles), in the units of the targets."""
        quantiles = super().predict(out)
        return quantiles.reshape(len(out), -1, self.n_each) if self.is_list else quantiles

    def explained(self, out, target):
        """Of several quantiles, each is the one before and the softplus of an output."""
        predictions, derivatives = super().explained(out, target)
        if self.is_list:
            first = target[0] * self.n_each
            gaps = slice(first + 1, first + target[1] + 1)
            derivatives[:, gaps] = expit(out[:, gaps]) * self._scale[target[0]]
        return predictions, derivatives


class Poisson(_RegressionLoss):
    """Poisson deviance of counts, or other targets that are never negative; the outputs are logarithms."""

    out_activation = "exp"
    link = "exponential"
    _core = staticmethod(core.poisson)

    def scale_targets(self, targets, weights, standardize, dtype="float32"):
        """Learn the mean of each target, which becomes 1."""
        super().scale_targets(targets, weights, standardize, dtype)
        none = ~((targets > 0) & (weights[:, np.newaxis] > 0)).any(axis=0)
        if none.any():
            raise ValueError(
                f'Column {np.argmax(none)} of y is zero everywhere, and loss="poisson" would predict the logarithm of '
                "zero: leave the column out, or choose another loss."
            )

    def _learn_scale(self, targets, weights):
        mean = fit_scaler("y", [(targets, weights)]).mean_
        return np.zeros_like(mean), mean

    def initial_bias(self, encoded, weights):
        """The logarithm of each target's mean."""
        return np.log(_weighted_mean(encoded, weights))

    def explained(self, out, target):
        """The derivative of a mean by its logarithm is the mean itself."""
        predictions, derivatives = super().explained(out, target)
        derivatives[:, target[0]] = predictions
        return predictions, derivatives


class GaussianNLL(_RegressionLoss):
    """Negative log likelihood of a normal distribution; predicts its mean and its standard deviation."""

    n_each = 2
    _core = staticmethod(core.gaussian_nll)

    def initial_bias(self, encoded, weights):
        """The mean and the log variance of each target."""
        limit = core.MAX_LOG_VARIANCE
        mean = _weighted_mean(encoded, weights)
        with np.errstate(divide="ignore"):
            log_variance = np.log(_weighted_mean((encoded - mean) ** 2, weights))
        # Near the limit, and beyond it, there is no derivative left to come back by.
        log_variance = np.clip(log_variance, -limit / 2, limit / 2)
        return np.column_stack([mean, limit * np.arctanh(log_variance / limit)]).ravel()

    def predict_std(self, out):
        """Standard deviations, in the units of the targets."""
        limit = core.MAX_LOG_VARIANCE
        bounded = np.tanh(out[:, 1::2].astype(np.float64, order="C") / limit)
        return np.exp(limit / 2 * bounded) * self._scale


class _ClassifierLoss(_Loss):
    """A loss of labels, which go to the network as they are: numbers of classes, or 0 and 1."""

    has_units = False
    _scale, _shift = np.ones(1), np.zeros(1)

    def n_network_outputs(self, n_targets):
        """How many outputs the network needs for so many columns of labels."""
        return n_targets

    def scale_targets(self, targets, weights, standardize, dtype="float32"):
        """Nothing to learn."""

    def encode(self, targets):
        """The labels in double precision."""
        return np.ascontiguousarray(targets, dtype=np.float64)

    def initial_bias(self, encoded, weights):
        """Zero: all classes alike."""
        return np.zeros(self.n_network_outputs(encoded.shape[1]))

    def explained(self, out, target):
        """Scores of one class or label, and their derivatives by the outputs."""
        derivatives = np.zeros(out.shape)
        derivatives[:, target[0]] = 1
        return out[:, target[0]], derivatives


class BinaryLogLoss(_ClassifierLoss):
    """Log loss of one column of 0 and 1, or of several that are independent; scores are the log odds of 1."""

    out_activation = "logistic"
    link = "two_classes"
    _core = staticmethod(core.binary_log_loss)

    def __init__(self, multilabel=False):
        if multilabel:
            self.link = "labels"


class MultinomialLogLoss(_ClassifierLoss):
    """Log loss of a softmax over the classes; labels are their numbers."""

    out_activation = "softmax"
    link = "softmax"
    _core = staticmethod(core.multinomial_log_loss)

    def __init__(self, n_classes):
        self.n_classes = n_classes

    def n_network_outputs(self, n_targets):
        """One for each class of the one column of labels."""
        return self.n_classes


REGRESSION_LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
    "gaussian_nll": GaussianNLL,
}


def too_large(targets, weights, dtype):
    """Which targets, those with a weight, are too large in the network's units for a loss of this type."""
    return (np.abs(targets[weights > 0]) > LARGEST_TARGETS[dtype]).any(axis=0)


def _weighted_mean(values, weights):
    """Of each column, without what is missing."""
    known = ~np.isnan(values)
    weights = known * weights[:, np.newaxis]
    return np.sum(weights * np.where(known, values, 0), axis=0) / weights.sum(axis=0)


def _weighted_quantiles(values, weights, quantiles):
    """Of each column, without what is missing: the least value that has so much of the weight at or below it."""
    columns = []
    for column in values.T:
        known = ~np.isnan(column)
        columns.append(np.quantile(column[known], quantiles, weights=weights[known], method="inverted_cdf"))
    return np.stack(columns, axis=-1)
