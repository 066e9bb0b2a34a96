"""What can be asked of a fitted estimator, whatever its targets mean."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .steps import StepForm
from .streaming import Stream
from .threads import effective_n_threads


class FittedNetworkMixin:
    """A fitted network's outputs in the form of what came in."""

    def _outputs(self, X):
        """The network's outputs for X, (n_sequences, n_outputs) or (total time steps, n_outputs), and their form."""
        if not hasattr(self, "_network"):
            check_is_fitted(self)  # its error; asking it each time would take a tenth of a small prediction
        sequences = self._check_sequences(X, reset=False)
        out = self._network.predict(sequences, self._shift, self._scale, effective_n_threads(self.n_jobs))
        return out, sequences

    def _in_form(self, X, sequences, predictions):
        """Predictions of time steps in the form that X came in; those of sequences as they are."""
        if not self._network.architecture.return_sequences:
            return predictions
        return StepForm(X, sequences).restore(predictions)

    def _has_attention(self):
        if (self._network.architecture if hasattr(self, "_network") else self).pooling != "attention":
            raise AttributeError('attention_weights needs pooling="attention".')
        return True

    @available_if(_has_attention)
    def attention_weights(self, X):
        """How much each time step counts in the weighted mean that the output layer sees.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        weights : ndarray of shape (n_sequences, n_timesteps) or list of ndarray of shape (n_timesteps_i,)
            In the form that X came in, an array with NaN for padding, or a list. Those of a sequence sum to 1.
        """
        check_is_fitted(self)
        sequences = self._check_sequences(X, reset=False)
        weights = self._network.attention_weights(sequences, self._shift, self._scale, effective_n_threads(self.n_jobs))
        return StepForm(X, sequences).restore(weights.ravel().astype(np.float64))

    def stream(self, n_streams=1):
        """Make a stream of this model: it takes one time step at a time, and predicts after each.

        Parameters
        ----------
        n_streams : int, default=1
            Sequences that are stepped together.

        Returns
        -------
        stream : Stream
            A stream that has seen nothing yet; see its `step`.

        Raises
        ------
        ValueError
            If the model reads sequences from their end (``bidirectional=True``).

        See Also
        --------
        sklstm.stream : Also takes pipelines.

        Examples
        --------
        >>> from sklstm import LSTMRegressor
        >>> from sklstm.datasets import make_adding_problem
        >>> X, y = make_adding_problem(200, n_timesteps=20, random_state=0)
        >>> model = LSTMRegressor(8, max_iter=5, random_state=0).fit(X, y)
        >>> stream = model.stream()
        >>> for x in X[0]:
        ...     y_so_far = stream.step(x)
        >>> bool(y_so_far == model.predict(X[:1])[0])
        True
        """
        check_is_fitted(self)
        return Stream([], self, n_streams)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_network")
