"""What a prediction comes from, by the network's own derivatives."""

import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, assert_all_finite
from sklearn.utils._param_validation import HasMethods, validate_params

from ..minibatch import Minibatch
from ..real_numbers import WHOLE, Interval
from ..sequences import real_array
from ..steps import StepForm
from ..threads import effective_n_threads
from ._apart import prepare

# Time steps that go through the network at a time, of sequences on the way from the baseline: bounds the memory.
STEPS_AT_A_TIME = 1 << 14

# Points on that way: doubled from the least until the attributions are complete.
LEAST_POINTS, MOST_POINTS = 32, 2048

ROUNDING = 1e-9  # of predictions, as they are computed here


@validate_params(
    {
        "estimator": [HasMethods(["fit", "predict"])],
        "X": "no_validation",
        "target": "no_validation",
        "step": [WHOLE, None],
        "baseline": ["array-like", Integral, None],
        "tol": [Interval(Real, 0, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def integrated_gradients(estimator, X, *, target=None, step=None, baseline=None, tol=1e-3):
    """Attribute predictions to the values of each feature at each time step.

    The derivatives of a prediction by the inputs are averaged over a straight line from a baseline to the sequence, and
    multiplied by the difference of the two [1]_. What all values get sums to the difference of the two predictions.

    Parameters
    ----------
    estimator : estimator object
        A fitted `LSTMRegressor` or `LSTMClassifier`, or a pipeline or search that ends in one: then the attributions
        are to the features as the last step gets them.

    X : array, data frame, list or Sequences
        Sequences in any form that the estimator accepts.

    target : int, tuple of int or label, default=None
        Which prediction is explained. Of a regressor, the number of the output, or of the quantile, or of both, where
        there are several. Of a classifier, the class or label whose score (`decision_function`) is explained; by
        default the second class of two, or the class that is predicted for the sequence.

    step : int, default=None
        With ``return_sequences=True``, the time step whose prediction is explained, counted from the end if negative;
        by default the last.

    baseline : array-like of shape (n_features,) or int, default=None
        What the values are compared with. By default the mean of the training data, as the estimator standardised them,
        or zeros with ``standardize=False``. Of tokens, a token's number; by default a token that training had none of.

    tol : float, default=1e-3
        How far the sum of a sequence's attributions may be from the difference of its two predictions, relative to the
        sum of their absolute values. Derivatives are computed at as many points of the line as that takes, up to 2048.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with

        attributions : ndarray of shape (n_sequences, n_timesteps, n_features) or list of ndarray
            In the form that `X` came in, in the units of the prediction. Missing values get 0, each token one number.
        predictions, baseline_predictions : ndarray of shape (n_sequences,)
            Of the sequences, and of sequences of the baseline.

    Raises
    ------
    ValueError
        If `target`, `step` or `baseline` are not what the estimator predicts or takes.

    Warns
    -----
    ConvergenceWarning
        If 2048 points do not suffice; it says how far the sum is off.

    See Also
    --------
    SaliencyDisplay : Draws them.
    permutation_importance : What features count for over many sequences.

    References
    ----------
    .. [1] Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.datasets import make_adding_problem
    >>> from sklstm.inspection import integrated_gradients
    >>> X, y = make_adding_problem(500, 10, random_state=0)
    >>> model = LSTMRegressor(16, max_iter=20, random_state=0).fit(X, y)
    >>> result = integrated_gradients(model, X[:3])
    >>> result.attributions.shape
    (3, 10, 2)
    >>> sums = result.attributions.sum(axis=(1, 2))
    >>> np.allclose(sums, result.predictions - result.baseline_predictions, atol=0.01)
    True
    """
    model, X = prepare(estimator, X)
    sequences = model._check_sequences(X, reset=False)
    by_step = model._network.architecture.return_sequences
    if step is not None and not by_step:
        raise ValueError("step is for estimators that were fitted with return_sequences=True.")
    network, values, scaling = _in_double_precision(model, sequences)
    start, n_threads = _baseline(model, baseline), effective_n_threads(model.n_jobs)
    attributions, ends = [], []
    for row, length in enumerate(sequences.lengths):
        at = _place(step, length, row) if by_step else None
        line = _Line(network, scaling, values[row : row + 1], start, n_threads, step=at)
        index, sign = _index(model, target, line.outputs()[1])
        predictions, attributed, gap = line.integrate(partial(model._loss.explained, target=index), tol)
        if gap > tol:
            warnings.warn(
                f"The attributions of sequence {row} sum to the difference of the predictions but for a share of "
                f"{gap:.1g}: raise tol to accept that, or choose another baseline.",
                ConvergenceWarning,
                stacklevel=3,
            )
        ends.append(sign * predictions)
        attributions.append(sign * attributed)
    attributions = np.concatenate(attributions)
    if attributions.shape[1] != sequences.n_features:  # those of an embedding: a token is all of it
        attributions = attributions.sum(axis=1, keepdims=True)
    baseline_predictions, predictions = np.transpose(ends)
    return Bunch(
        attributions=StepForm(X, sequences).restore(attributions),
        predictions=predictions,
        baseline_predictions=baseline_predictions,
    )


class _Line:
    """The straight line from a baseline to a sequence, as a network sees it.

    Parameters
    ----------
    network : Network
    scaling : pair of ndarray
        Shift and scale of the inputs.
    sequence : Sequences
        One.
    start : ndarray of shape (n_features,)
        The baseline, at each time step.
    n_threads : int
    step : int or None
        The time step whose outputs are looked at, if there are outputs at each.
    """

    def __init__(self, network, scaling, sequence, start, n_threads, step):
        self._step = step
        self._network, self._scaling, self._sequence, self._n_threads = network, scaling, sequence, n_threads
        self._start, self._way = start, sequence.values - start

    def outputs(self):
        """The network's outputs for the baseline and for the sequence."""
        return self._network.predict(self._at([0.0, 1.0]), *self._scaling, self._n_threads)[self._rows(2)]

    def integrate(self, explained, tol):
        """Predictions at both ends, what each value adds on the way, and which share of it is amiss.

        `explained` makes predictions of outputs, and derivatives by them.
        """
        predictions, _ = explained(self.outputs())
        n_points, gap = LEAST_POINTS, np.inf
        while gap > tol and n_points <= MOST_POINTS:
            attributions = np.where(np.isnan(self._way), 0, self._way * self._mean_derivatives(explained, n_points))
            amiss = abs(attributions.sum() - (predictions[1] - predictions[0]))
            # Of a prediction that depends on nothing, rounding is no share.
            gap = amiss / (np.abs(attributions).sum() + ROUNDING * np.abs(predictions).max()) if amiss else 0.0
            n_points *= 2
        return predictions, attributions, gap

    def _mean_derivatives(self, explained, n_points):
        """By Gauss and Legendre's rule."""
        points, weights = np.polynomial.legendre.leggauss(n_points)
        mean = np.zeros_like(self._way)
        at_a_time = max(STEPS_AT_A_TIME // len(self._way), 1)
        for first in range(0, n_points, at_a_time):
            part = slice(first, first + at_a_time)
            # From the interval of the rule, -1 to 1, to that of the line, 0 to 1.
            mean += np.tensordot(weights[part] / 2, self._derivatives(explained, (points[part] + 1) / 2), axes=1)
        return mean

    def _derivatives(self, explained, points):
        minibatch = Minibatch(self._network, self._at(points), *self._scaling, self._n_threads, input_gradient=True)
        _, out = minibatch.forward(np.arange(len(points)))
        rows, dout = self._rows(len(points)), np.zeros_like(out)
        dout[rows] = explained(out[rows])[1]
        return minibatch.by_values(minibatch.backward(dout))

    def _at(self, points):
        values = self._start + np.multiply.outer(points, self._way)
        return self._sequence[[0] * len(points)].with_values(values.reshape(-1, values.shape[2]))

    def _rows(self, n):
        return np.arange(n) if self._step is None else np.arange(n) * len(self._way) + self._step


def _in_double_precision(model, sequences):
    """The network, and the sequences and scaling of its inputs; of tokens, as a network without them sees them."""
    network = model._network
    if not network.architecture.embedding_dim:
        return network.derived(dtype="float64"), sequences, (model._shift, model._scale)
    W = network.part("embedding.W").astype(np.float64)
    network = network.derived(dtype="float64", n_features=W.shape[1], n_tokens=0, embedding_dim=None)
    # Tokens that training had none of share the last row.
    tokens = np.minimum(sequences.values[:, 0], len(W) - 1).astype(int)
    return network, sequences.with_values(W[tokens]), (np.zeros(W.shape[1]), np.ones(W.shape[1]))


def _baseline(model, baseline):
    """Values of the baseline, the same at each time step."""
    architecture = model._network.architecture
    if architecture.embedding_dim:
        if not (baseline is None or isinstance(baseline, Integral)):
            raise ValueError(f"baseline must be the number of a token, got {baseline!r}.")
        unknown = architecture.n_tokens
        token = unknown if baseline is None else min(baseline, unknown)
        if token < 0:
            raise ValueError(f"baseline must be the number of a token, from 0 on, got {baseline}.")
        return model._network.part("embedding.W")[token].astype(np.float64)
    n_features = architecture.n_features
    if baseline is None:
        return model._shift[-n_features:]
    baseline = np.atleast_1d(real_array(baseline, "baseline")).astype(np.float64)
    assert_all_finite(baseline, input_name="baseline")
    if baseline.shape != (n_features,):
        raise ValueError(f"baseline must hold a value for each of the {n_features} features, got {baseline.shape}.")
    return baseline


def _place(step, length, row):
    """The time step of a sequence whose prediction is explained."""
    step = -1 if step is None else step
    if not -length <= step < length:
        raise ValueError(f"step={step}, but sequence {row} of X has {length} time steps.")
    return step % length


def _index(model, target, out):
    """The index of the explained prediction, and -1 if it is the score of the first of two classes, else 1."""
    if is_classifier(model):
        return _index_of_class(model, target, out)
    predictions = model._loss.predict(out[np.newaxis])[0]
    numbers = np.arange(predictions.size).reshape(predictions.shape)
    if model._one_dimensional_target:
        numbers = numbers[0]
    parts = target if isinstance(target, tuple) else (target,)
    try:
        # NumPy would take True for a mask, and lists for several.
        is_place = all(isinstance(part, Integral) and not isinstance(part, bool) for part in parts)
        chosen = numbers if target is None else numbers[parts] if is_place else ()
    except IndexError:
        chosen = ()
    if np.size(chosen) != 1:
        raise ValueError(
            f"target={target!r} does not say which of the predictions, of shape {numbers.shape}, is explained."
        )
    return np.unravel_index(np.ravel(chosen)[0], predictions.shape), 1


def _index_of_class(model, target, out):
    if target is None:
        if model._multilabel:
            raise ValueError(f"target must say which of the labels {model.classes_.tolist()} is explained.")
        return (0 if len(out) == 1 else int(out.argmax()),), 1
    is_label = not isinstance(target, list | tuple) and np.ndim(target) == 0
    found = np.flatnonzero(model.classes_ == target) if is_label else ()
    if not len(found):
        raise ValueError(f"target={target!r} is not among the classes {model.classes_.tolist()}.")
    if len(out) == 1 and not model._multilabel:
        return (0,), 1 if found[0] else -1
    return (int(found[0]),), 1
