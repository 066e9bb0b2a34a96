"""What can be asked of a fitted estimator, whatever its targets mean."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .steps import StepForm
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

    def save(self, path):
        """Save the fitted model to a file that runs nothing when it is loaded, and that later versions read.

        :func:`sklstm.load` loads it. Of a pipeline, :func:`sklstm.save` saves all steps.

        Parameters
        ----------
        path : str or Path
            The file. One that is there is replaced once the new one is complete; ``.sklstm`` is a good ending.

        Raises
        ------
        ValueError
            If the model holds what such a file cannot, such as callbacks.

        OSError
            If the file cannot be written. One that was there is then still there.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import sklstm
        >>> X = np.random.default_rng(0).normal(size=(60, 5, 2))
        >>> model = sklstm.LSTMRegressor(4, max_iter=30, tol=1e-2, random_state=0).fit(X, X[:, -1, 0])
        >>> path = Path(tempfile.mkdtemp()) / "model.sklstm"
        >>> model.save(path)
        >>> bool((sklstm.load(path).predict(X) == model.predict(X)).all())
        True
        """
        from .saving import save  # which imports the estimators

        save(self, path)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_network")
