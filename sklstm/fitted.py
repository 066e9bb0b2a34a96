"""What can be asked of a fitted estimator, whatever its targets mean."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .atomic import OF_A_FIT, changing, reads_at_once
from .steps import StepForm
from .streaming import Stream
from .threads import effective_n_threads
from .weights import weights_of, with_weights


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
    @reads_at_once
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

    @reads_at_once
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

    @reads_at_once
    def save(self, path):
        """Save the fitted model to a file that runs nothing when it is loaded, and that later versions read.

        :func:`sklstm.load` loads it. Of a pipeline, :func:`sklstm.save` saves all steps.

        Parameters
        ----------
        path : str or Path
            The file. One that is there is replaced once the new one is complete, for which its folder must be writable
            too; ``.sklstm`` is a good ending.

        Raises
        ------
        ValueError
            If the model holds what such a file cannot, such as callbacks.

        TypeError
            If `path` is not a path, but for example an open file.

        OSError
            If the file cannot be written, or is no regular file, but for example a pipe. One that was there is then
            still there.

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
        from .saving.models import save  # which imports the estimators

        save(self, path)

    @reads_at_once
    def get_weights(self):
        """All numbers that predictions are made with, by name.

        Returns
        -------
        weights : dict of str to ndarray
            Copies. :doc:`/user_guide/weights` has the names, shapes and gate orders of all; of an LSTM, a GRU or a
            simple network of one layer with H units, F features and O outputs there are

            - "input.shift", "input.scale" (F,): the layer reads (x - shift) * scale;
            - "layer_0.W_x" (F, 4 H), "layer_0.W_h" (H, 4 H), "layer_0.b" (4 H,): the gates i, f, g, o side by side, or
              with 3 H and H in place of 4 H those of a GRU, which has "layer_0.b_q" (H,) beside them, and the one of a
              simple network;
            - "output.W" (H, O), "output.b" (O,);
            - of a regression "target.shift", "target.scale" (n_targets,): a prediction is an output * scale + shift.

            Shifts and scales are in double precision, the others in `dtype`.

        See Also
        --------
        set_weights : Replace them.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 3)), np.arange(20)
        >>> model = LSTMRegressor(8, max_iter=1, skip_connection=False).fit(X, y)
        >>> {name: array.shape for name, array in model.get_weights().items()}
        {'input.shift': (3,), 'input.scale': (3,),
         'layer_0.W_x': (3, 32), 'layer_0.W_h': (8, 32), 'layer_0.b': (32,),
         'output.W': (8, 1), 'output.b': (1,), 'target.shift': (1,), 'target.scale': (1,)}
        """
        check_is_fitted(self)
        return weights_of(self)

    def set_weights(self, weights):
        """Replace all numbers that predictions are made with.

        What else was learnt stays: classes, the record of training, the state of the random generator. `partial_fit`
        and, with ``warm_start=True``, `fit` go on from the new weights; moments that the optimizer kept from one
        `partial_fit` to the next belonged to the old ones, and are dropped. Copies and streams that were made before
        keep the old weights. Another thread that predicts with the same estimator meanwhile gets what the old weights
        predict, or what the new ones do. A `fit` or `partial_fit` that has begun before and ends later replaces these
        weights by its own.

        Parameters
        ----------
        weights : dict of str to array
            All that :meth:`get_weights` returns, of any real type; what is not as precise as that is rounded. To
            replace some only, pass ``{**model.get_weights(), **some}``.

        Returns
        -------
        self : object
            The estimator with these weights.

        Raises
        ------
        TypeError
            If `weights` is not a dict.

        ValueError
            If a name is missing or unknown, or an array has another shape, is not of real numbers, or holds one that is
            not finite in the type it goes to; or if a scale is not positive. The model then stays as it was.

        See Also
        --------
        get_weights : What they are.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 3)), np.arange(20)
        >>> one, other = (LSTMRegressor(8, max_iter=1, random_state=k).fit(X, y) for k in range(2))
        >>> bool((one.set_weights(other.get_weights()).predict(X) == other.predict(X)).all())
        True
        """
        check_is_fitted(self)
        with changing(self) as (model, take_over):
            vars(model).update(with_weights(model, weights))
            take_over()
        return self

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name not in OF_A_FIT}

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_network")
