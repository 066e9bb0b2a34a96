"""The regressor: numbers out of sequences."""

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if

from ._core import losses
from .base import BaseLSTM, fit_scaler
from .docs import shared_documentation
from .sequences import real_array

__all__ = ["LSTMRegressor"]


@shared_documentation
class LSTMRegressor(RegressorMixin, BaseLSTM):
    """Regression on sequences with a long short-term memory network.

    The network reads a sequence from its first time step to its last; a linear layer turns its last state into the
    outputs. It is trained on the squared error by backpropagation through time over whole sequences.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    LSTMClassifier : Classification of sequences.
    sklstm.preprocessing.sliding_windows : Windows of long series, for forecasting.

    {notes}

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 2)) for n in rng.integers(5, 15, size=200)]  # different lengths
    >>> y = [x[:, 0].mean() for x in X]
    >>> model = LSTMRegressor(hidden_layer_sizes=16, max_iter=60, random_state=0).fit(X[:150], y[:150])
    >>> model.score(X[150:], y[150:]) > 0.9
    True
    """

    @available_if(BaseLSTM._has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on more data, keeping the optimizer's state.

        The first call sets up the network and learns the scales of inputs and targets; later calls keep them.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that :func:`~sklstm.as_sequences` accepts.

        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences.

        Returns
        -------
        self : object
            The estimator, trained a little further.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Predict the targets of sequences.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            The predictions, in the units of the targets. A sequence's prediction has the same bits whatever other
            sequences it is predicted with, in whatever order and on however many threads.
        """
        y = self._outputs(X) * self._target_scale + self._target_shift
        return y.ravel() if self._one_dimensional_target else y

    @property
    def _loss(self):
        return losses.squared_error

    def _encode_targets(self, y, reset):
        y = real_array(y, "y")
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self)
        if y.ndim > 2:
            raise ValueError(f"y must have the shape (n_sequences,) or (n_sequences, n_outputs), got {y.shape}.")
        targets = y.reshape(len(y), -1)
        if reset:
            self._one_dimensional_target = y.ndim == 1
            self.n_outputs_ = targets.shape[1]
            self.out_activation_ = "identity"
        elif targets.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {targets.shape[1]} outputs, but {self.n_outputs_} are expected, as in fit.")
        return targets

    def _standardise(self, sequences, targets, weights, rows):
        super()._standardise(sequences, targets, weights, rows)
        self._target_shift, self._target_scale = np.zeros(self.n_outputs_), np.ones(self.n_outputs_)
        if self.standardize:
            scaler = fit_scaler("y", [(targets[rows], weights[rows])])
            self._target_shift, self._target_scale = scaler.mean_, scaler.scale_

    def _network_targets(self, targets):
        return (targets - self._target_shift) / self._target_scale

    def _validation_score(self, out, targets, weights):
        return r2_score(targets, out, sample_weight=weights) if len(out) > 1 else np.nan

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
