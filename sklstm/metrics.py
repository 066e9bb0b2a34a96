"""scikit-learn's metrics for models that answer at each time step."""

import copy

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils import get_tags
from sklearn.utils.validation import _check_response_method

from .real_numbers import real_array
from .sequences import Sequences
from .steps import missing
from .validation import as_sequences

__all__ = ["sequence_scorer"]

OF_WEIGHTS = "a weight, or an array of weights, for each sequence of X"


def sequence_scorer(scoring):
    """Make a scorer of scikit-learn's score models with a target a time step.

    The scorer counts the time steps of all sequences alike. It leaves out those whose target is missing (NaN or None),
    those of weight zero, and padding.

    Parameters
    ----------
    scoring : str or scorer
        The name of one of scikit-learn's scorers, or what :func:`~sklearn.metrics.make_scorer` returns. With metadata
        routing, the result requests what this scorer does; ``.set_score_request(sample_weight=True)`` has it weigh.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)``, to be passed as ``scoring`` to
        :class:`~sklearn.model_selection.GridSearchCV` and the like. `y` is an array of shape (n_sequences, n_timesteps)
        or (n_sequences, n_timesteps, n_outputs), or a list of one such array a sequence; `sample_weight` has the shape
        (n_sequences,) or that of `y` without outputs. Where the outputs of a regression miss different targets, their
        scores, each over its own time steps, are averaged.

    Notes
    -----
    Where `y` holds lists of labels, or None among labels, pass a splitter such as
    :class:`~sklearn.model_selection.KFold` as ``cv``: for a number scikit-learn looks for classes to stratify by, and
    raises an error.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklstm.metrics import sequence_scorer
    >>> scorer = sequence_scorer("neg_mean_absolute_error")
    >>> X, y = np.zeros((2, 3)), np.array([[1.0, 2.0, np.nan], [3.0, 2.0, 2.0]])
    >>> model = DummyRegressor(strategy="constant", constant=[2.0, 2.0, 2.0]).fit(X, np.zeros((2, 3)))
    >>> print(scorer(model, X, y))
    -0.4
    """
    scorer = copy.deepcopy(get_scorer(scoring))  # which may be told what to request
    if not hasattr(scorer, "_response_method"):
        raise ValueError(
            f"scoring must be the name of a scorer or what sklearn.metrics.make_scorer returns, got {scoring!r}."
        )
    return _SequenceScorer(scorer)


class _SequenceScorer:
    def __init__(self, scorer):
        self.scorer = scorer

    def __repr__(self):
        return f"sequence_scorer({self.scorer!r})"

    def _accept_sample_weight(self):
        # Without metadata routing, searches and scorers of several metrics ask it.
        return self.scorer._accept_sample_weight()

    def get_metadata_routing(self):
        request = self.scorer.get_metadata_routing()
        request.owner = request.score.owner = self  # by which errors call it
        return request

    def set_score_request(self, **requests):
        """Say which metadata the scorer wants, such as ``sample_weight=True``; returns the scorer."""
        self.scorer.set_score_request(**requests)
        return self

    def __call__(self, estimator, X, y, sample_weight=None):
        method = _check_response_method(estimator, self.scorer._response_method)
        response = method(X)
        lengths = _lengths(X, response)
        answers = _table(response, lengths, f"{method.__name__}(X)")
        width = None if _is_list(response) else response.shape[1]
        targets = _table(y, lengths, "y", width)
        counts = ~missing(targets)
        weights = None
        if sample_weight is not None:
            weights = _step_weights(sample_weight, lengths, width)
            counts[weights == 0] = False

        def score(rows, outputs=...):
            answered = _Answered(estimator, method.__name__, _plain(answers[rows, outputs]))
            kwargs = {} if weights is None else {"sample_weight": weights[rows]}
            return self.scorer(answered, X, _plain(targets[rows, outputs]), **kwargs)

        if not counts.any():
            raise ValueError("There is nothing to score: no time step has both a target in y and a weight.")
        if counts.ndim == 1:
            return score(counts)
        if (counts.any(axis=1) == counts.all(axis=1)).all():
            return score(counts.all(axis=1))
        return np.mean([score(counts[:, output], output) for output in np.flatnonzero(counts.any(axis=0))])


class _Answered:
    """A stand-in for an estimator whose method has answered."""

    def __init__(self, estimator, method, answers):
        def answer(X):
            return answers

        answer.__name__ = method  # scikit-learn tells probabilities from classes by it
        setattr(self, method, answer)
        self._estimator = estimator

    @property
    def classes_(self):
        return self._estimator.classes_

    def __sklearn_tags__(self):
        return get_tags(self._estimator)


def _lengths(X, response):
    """Time steps of each sequence, padding left out."""
    if _is_list(response):
        return [len(part) for part in response]
    if np.ndim(X) == 3 and np.shape(X)[1] == response.shape[1]:
        return as_sequences(X).lengths
    return [response.shape[1]] * len(response)


def _is_list(response):
    return isinstance(response, list | tuple) or response.ndim == 1


def _table(values, lengths, name, width=None):
    """All time steps of all sequences, one below the other; those beyond a length are padding, if up to `width`."""
    values = _array_unless_list(values, name, "an array for each sequence of X")
    if len(values) != len(lengths):
        raise ValueError(f"{name} has {len(values)} sequences, but X has {len(lengths)}.")
    is_padded = isinstance(values, np.ndarray) and values.ndim > 1
    parts = []
    for i, (part, length) in enumerate(zip(values, lengths, strict=True)):
        part = part if isinstance(part, np.ndarray) else np.asarray(part, dtype=object)  # else NaN would become "nan"
        if part.ndim == 0:
            raise ValueError(f"{name} must have a value at each time step, but for sequence {i} it is {part}.")
        if len(part) != length and len(part) != width and not (is_padded and len(part) > length):
            raise ValueError(f"{name} has {len(part)} time steps for sequence {i}, but X has {length}.")
        parts.append(part[:length])
    return np.concatenate(parts)


def weights_to_score(sample_weight):
    """Weights of sequences or of time steps as numbers, none of them negative or NaN; or None."""
    if sample_weight is None:
        return None
    weights = real_array(sample_weight, "sample_weight")
    if weights.ndim == 0:
        raise ValueError(f"sample_weight must hold {OF_WEIGHTS}, got {sample_weight!r}.")
    if not (weights >= 0).all():
        raise ValueError("sample_weight must hold weights of 0 or more, but some are negative or NaN.")
    return weights


def _step_weights(sample_weight, lengths, width):
    sample_weight = _array_unless_list(sample_weight, "sample_weight", OF_WEIGHTS)
    if len(sample_weight) != len(lengths):
        raise ValueError(f"sample_weight has {len(sample_weight)} elements, but X has {len(lengths)} sequences.")
    of_steps = np.ndim(sample_weight[0]) > 0
    weights = _table(sample_weight, lengths, "sample_weight", width) if of_steps else sample_weight
    weights = weights_to_score(weights)
    if weights.ndim > 1:
        raise ValueError(f"sample_weight must hold one weight a time step, but has {weights.shape[1:]} of them.")
    return weights if of_steps else np.repeat(weights, lengths)


def _array_unless_list(values, name, what):
    values = list(values) if isinstance(values, Sequences) else values
    if isinstance(values, list | tuple):
        return values
    values = np.asarray(values)
    if values.ndim == 0:
        raise ValueError(f"{name} must hold {what}, got {values!r}.")
    return values


def _plain(values):
    """Labels or numbers that came as objects, in an array of their own type."""
    return np.array(values.tolist()) if values.dtype == object else values
