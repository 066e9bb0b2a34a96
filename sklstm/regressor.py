"""The regressor: numbers out of sequences."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .atomic import reads_at_once
from .base import BaseLSTM
from .docs import shared_documentation
from .linear import fit_linear_models, telling_steps
from .losses import REGRESSION_LOSSES, GaussianNLL, Huber, Quantile
from .metrics import sequence_scorer, weights_to_score
from .real_numbers import Interval, real_array
from .steps import reject, reject_ragged
from .threads import effective_n_threads

__all__ = ["LSTMRegressor"]


# skip_connection="auto" is on where a linear function of the last time step explains more than this share of the
# targets' variance, and where of the rest more than the other is left by nonlinear functions of it. If these know more,
# the layers have to see the values, and not their changes alone.
AUTO_SKIP_R2, AUTO_SKIP_LEFT = 0.5, 0.9


@shared_documentation
class LSTMRegressor(RegressorMixin, BaseLSTM):
    """Regression on sequences with a recurrent network: LSTM, GRU or simple.

    The network reads a sequence from its first time step to its last; a linear layer turns its last state, or all of
    them, into the outputs. It is trained by backpropagation through time over whole sequences.

    Parameters
    ----------
    {network}

    loss : str, default="squared_error"
        What training makes small, and what is thereby predicted:

        - "squared_error": the mean.
        - "absolute_error": the median, which outliers do not move.
        - "huber" [17]_: the mean, but that outliers count less: squared up to an error of `delta`, linear beyond.
        - "quantile" [18]_: the value below which the share `quantile` of the targets lies.
        - "poisson": the mean of counts, or of other targets that are never negative, by the Poisson deviance.
        - "gaussian_nll" [19]_: the mean and the standard deviation of a normal distribution, by its negative log
          likelihood; ``predict(X, return_std=True)`` returns both.

    quantile : float or list of float, default=0.5
        The quantile of ``loss="quantile"``, between 0 and 1, or several in rising order, whose predictions never cross.
        Those of a target that does not vary are about 0.01 apart, in units of the standardised targets, until training
        has brought them together.

    delta : float, default=1.35
        The error from which on ``loss="huber"`` is linear, in units of the standardised targets.

    {training}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    LSTMClassifier : Classification of sequences.
    sklstm.preprocessing.sliding_windows : Windows of long series, for forecasting.

    {notes}
    .. [17] Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35(1):73-101, 1964.
    .. [18] Koenker and Bassett, "Regression quantiles", Econometrica 46(1):33-50, 1978.
    .. [19] Nix and Weigend, "Estimating the mean and variance of the target probability distribution", ICNN 1994.

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

    _parameter_constraints: dict = {
        **BaseLSTM._parameter_constraints,
        "skip_connection": ["boolean", StrOptions({"auto"})],
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        cell="lstm",
        activation="tanh",
        recurrent_activation="logistic",
        bidirectional=False,
        pooling="last",
        return_sequences=False,
        skip_connection="auto",
        embedding_dim=None,
        missing="error",
        dropout=0.0,
        recurrent_dropout=0.0,
        loss="squared_error",
        quantile=0.5,
        delta=1.35,
        solver="adam",
        alpha=0.0001,
        l1_ratio=0.0,
        batch_size=32,
        learning_rate="adaptive",
        learning_rate_init=0.01,
        power_t=0.5,
        max_iter=200,
        max_fun=15000,
        average=True,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        checkpoint=None,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping="auto",
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        clip_norm=1.0,
        standardize=True,
        n_jobs=None,
        max_memory=None,
        dtype="float32",
    ):
        self._set_parameters(locals())

    @available_if(BaseLSTM._has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on more data, keeping the optimizer's state.

        The first call sets up the network and learns the scales of inputs and targets; later calls keep them.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that :func:`~sklstm.as_sequences` accepts.

        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs), or as in `fit` for every time step
            The targets.

        sample_weight : array-like of shape (n_sequences,), or as in `fit` for every time step, default=None
            Weights.

        Returns
        -------
        self : object
            The estimator, trained a little further.
        """
        return self._partial_fit(X, y, sample_weight)

    @reads_at_once
    def predict(self, X, return_std=False):
        """Predict the targets of sequences, or of their time steps.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        return_std : bool, default=False
            Whether to return the standard deviations too, which ``loss="gaussian_nll"`` learns.

        Returns
        -------
        y : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            The predictions, in the units of the targets; with a list of quantiles one axis more, of length n_quantiles.
            With ``return_sequences=True`` the same for every time step, in the form that X came in: an array
            (n_sequences, n_timesteps, ...), with NaN for padding, or a list of arrays (n_timesteps_i, ...). A
            sequence's prediction has the same bits whatever other sequences it is predicted with, in whatever order and
            on however many threads.

        y_std : as y
            Only if `return_std` is true.

        Raises
        ------
        ValueError
            If X does not fit the model, or `return_std` its loss.
        """
        out, sequences = self._outputs(X)
        if return_std and not isinstance(self._loss, GaussianNLL):
            raise ValueError('return_std=True needs a model that was fitted with loss="gaussian_nll".')
        y = self._in_form(X, sequences, self._predictions(out))
        if return_std:
            return y, self._in_form(X, sequences, self._squeezed(self._loss.predict_std(out)))
        return y

    def _predictions(self, out):
        return self._squeezed(self._loss.predict(out))

    def _squeezed(self, y):
        return y[:, 0] if self._one_dimensional_target else y

    @reads_at_once
    def score(self, X, y, sample_weight=None):
        """Coefficient of determination, R2, or with several quantiles the share of the pinball loss explained.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs), or as in `fit` for every time step
            The true targets.

        sample_weight : array-like of shape (n_sequences,), or as in `fit` for every time step, default=None
            Weights.

        Returns
        -------
        score : float
            1 for perfect predictions, 0 for those of a constant. With several outputs their mean. With a list of
            quantiles, the mean of :func:`~sklearn.metrics.d2_pinball_score` over them.
        """
        check_is_fitted(self)
        if self._is_of_quantiles():
            sequences = self._check_sequences(X, reset=False)
            check_consistent_length(sequences, y)
            data = self._data(X, sequences, y, sample_weight, reset=False, learn=False)
            out = self._network.predict(sequences, self._shift, self._scale, effective_n_threads(self.n_jobs))
            return self._validation_score(out, data.targets, data.weights)
        if self.return_sequences:
            return sequence_scorer("r2")(self, X, y, sample_weight=sample_weight)
        return super().score(X, real_array(y, "y"), weights_to_score(sample_weight))

    def _is_of_quantiles(self):
        return isinstance(self._loss, Quantile) and self._loss.is_list

    def _new_loss(self):
        with_parameters = {"huber": Huber(self.delta), "quantile": Quantile(self.quantile)}
        return with_parameters.get(self.loss) or REGRESSION_LOSSES[self.loss]()

    def _encode_targets(self, y, reset, place):
        try:
            y = real_array(y, "y")
        except ValueError:
            reject_ragged(y, "y must hold a number a sequence, or as many for each")
            raise
        if y.ndim > 2:
            raise ValueError(
                "y must have the shape (n_sequences,) or (n_sequences, n_outputs), or with return_sequences=True one "
                f"axis more, of time steps, but it holds an array of shape {y.shape[1:]} for each of them."
            )
        reject(np.isinf(y), "infinity", place, "leave such out")
        if not self.return_sequences:
            reject(np.isnan(y), "NaN", place, "leave such out")
        if self.loss == "poisson":
            reject(y < 0, "a negative value", place, 'loss="poisson" needs values of zero or more: choose another loss')
        y = check_array(
            y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self, ensure_all_finite="allow-nan"
        )
        targets = y.reshape(len(y), -1)
        if reset:
            self._one_dimensional_target = y.ndim == 1
            self._loss, self._loss_made_of = self._new_loss(), self._loss_parameters()
            self._n_targets = targets.shape[1]
            self.n_outputs_ = self._loss.n_network_outputs(self._n_targets)
            self.out_activation_ = self._loss.out_activation
        elif targets.shape[1] != self._n_targets:
            raise ValueError(f"y has {targets.shape[1]} outputs, but {self._n_targets} are expected, as in fit.")
        return targets

    def _loss_parameters(self):
        quantile = Quantile(self.quantile)
        return self.loss, self.delta, quantile.quantiles if quantile.is_list else quantile.quantiles[0]

    def _check_same_network(self, before, now):
        super()._check_same_network(before, now)
        if self._loss_parameters() != self._loss_made_of:
            raise ValueError(
                "loss, delta and quantile cannot change between calls that go on with a trained network. Set "
                "warm_start=False, or clone the estimator."
            )

    def _linear_models(self, data, rows):
        if not (self._reads_values() and (self.skip_connection == "auto" or self._may_start_linear())):
            return None
        sequences, places = data.sequences, data.places(rows)
        places = places[telling_steps(data.targets[places], data.weights[places])]
        steps = places if data.by_step else sequences.offsets[1:][places] - 1
        which = np.searchsorted(sequences.offsets, steps, side="right") - 1
        values = sequences.values[steps].astype(np.float64)
        with np.errstate(over="ignore"):
            values = np.clip((values - self._shift) * self._scale, -1e9, 1e9)
        return fit_linear_models(values, data.targets[places], data.weights[places], which)

    def _may_start_linear(self):
        """Whether the output layer can start as linear models: with one output a target, in its units."""
        return self.skip_connection and self.out_activation_ == "identity" and self.n_outputs_ == self._n_targets

    def _skips(self, linear_models):
        if self.skip_connection != "auto":
            return bool(self.skip_connection)
        varies = ~np.isnan(linear_models.explained)
        if not varies.any():
            return False
        linear = linear_models.explained[varies].mean()
        nonlinear = linear_models.explained_nonlinearly[varies].mean()
        return bool(linear > AUTO_SKIP_R2 and 1 - nonlinear > AUTO_SKIP_LEFT * (1 - linear))

    def _initialize_outputs(self, network, data, rows, linear_models):
        super()._initialize_outputs(network, data, rows, linear_models)
        network.part("output.W")[:, np.repeat(self._never_vary(data, rows), self._loss.n_each)] = 0
        if not (self.skip_connection_ and self._may_start_linear()):
            return
        n_top = network.architecture.n_top
        W, b = network.part("output.W"), network.part("output.b")
        for k in np.flatnonzero(linear_models.explained > 0):
            W[:n_top, k], W[n_top:, k], b[k] = 0, linear_models.coef[:, k], linear_models.intercept[k]

    @staticmethod
    def _never_vary(data, rows):
        """Which targets are known to begin with: weights drawn at random would add to them what is then to be lost."""
        places = data.places(rows)
        targets = np.where(data.weights[places, np.newaxis] > 0, data.targets[places], np.nan)
        return np.nanmin(targets, axis=0) == np.nanmax(targets, axis=0)

    def _validation_score(self, out, targets, weights):
        """R2, or D2 of several quantiles, over the targets that are known."""
        predictions = self._loss.predict(out)
        scores = []
        for k in range(targets.shape[1]):
            known = ~np.isnan(targets[:, k]) & (weights > 0)
            if known.sum() < 2:
                continue
            y, weight, predicted = targets[known, k], weights[known], predictions[known, k]
            if self._is_of_quantiles():
                scores += [
                    d2_pinball_score(y, predicted[:, j], sample_weight=weight, alpha=quantile)
                    for j, quantile in enumerate(self._loss.quantiles)
                ]
            else:
                scores.append(r2_score(y, predicted, sample_weight=weight))
        return float(np.mean(scores)) if scores else np.nan

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
