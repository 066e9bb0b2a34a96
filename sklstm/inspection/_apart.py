"""A fitted estimator taken apart, and one sequence as its network sees it."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_is_fitted

from ..base import BaseLSTM
from ..preprocessing import SequenceTokenizer
from ..sequences import Sequences
from ..validation import as_sequences


@dataclass
class SequenceView:
    """One sequence behind all transformers.

    `X` holds it alone, for the network; `tokens` are the words of a network with an embedding, else None.
    """

    X: Sequences
    feature_names: np.ndarray
    tokens: np.ndarray | None

    @property
    def values(self):
        """The time steps, (n_timesteps, n_features)."""
        return self.X[0]

    @property
    def times(self):
        """When they were taken, (n_timesteps,), or None."""
        return self.X.times


def take_apart(estimator):
    """The fitted steps that prepare X, in a list, and the recurrent estimator that reads it."""
    steps, whole = [], estimator
    while not isinstance(estimator, BaseLSTM):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            steps += [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
            estimator = estimator.steps[-1][1]
        else:
            raise ValueError(
                "estimator must be an LSTMRegressor or an LSTMClassifier, or a Pipeline or a fitted search that ends "
                f"in one, got {whole!r}."
            )
    check_is_fitted(estimator)
    return steps, estimator


def prepare(estimator, X):
    """The recurrent estimator, and X as it reaches that."""
    steps, model = take_apart(estimator)
    for step in steps:
        X = step.transform(X)
    return model, X


def one_sequence(X, sequence):
    """The X of one sequence, in the form of X."""
    n_sequences = _num_samples(X)
    if not isinstance(sequence, Integral) or not -n_sequences <= sequence < n_sequences:
        raise ValueError(f"sequence={sequence!r} must be the number of one of the {n_sequences} sequences of X.")
    return _safe_indexing(X, [int(sequence) % n_sequences])


def look_at(estimator, X, sequence):
    """The recurrent estimator, and one of the sequences as it reaches that."""
    steps, _ = take_apart(estimator)
    model, X = prepare(estimator, one_sequence(X, sequence))
    X = as_sequences(X)
    names = _names_of(model, X)
    if model.embedding_dim is None:
        return model, SequenceView(X, names, tokens=None)
    numbers = X.values[:, 0].astype(np.int64)
    readable = steps and isinstance(steps[-1], SequenceTokenizer)
    tokens = steps[-1].inverse_transform([numbers])[0] if readable else numbers.astype(str)
    return model, SequenceView(X, names, tokens)


def _names_of(model, X):
    if X.feature_names is not None:
        return X.feature_names
    names = getattr(model, "feature_names_in_", ())
    if len(names) == X.n_features:  # those of a table are its columns', which are time steps
        return names
    return np.array([f"x{k}" for k in range(X.n_features)], dtype=object)
