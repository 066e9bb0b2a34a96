"""Sequences as a fitted estimator's network sees them."""

from copy import copy
from numbers import Integral

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from ..pipelines import prepared, take_apart
from ..preprocessing import SequenceTokenizer, ToSequences
from ..preprocessing._streams import does_nothing
from ..validation import as_sequences


def prepare(estimator, X):
    """The recurrent estimator, and X as it reaches that."""
    steps, model = take_apart(estimator)
    return model, prepared(steps, X)


def behind_layout(estimator, X):
    """The estimator without first steps that say how X is laid out, and X as sequences behind these."""
    if hasattr(estimator, "best_estimator_"):
        best, X = behind_layout(estimator.best_estimator_, X)
        if best is not estimator.best_estimator_:
            estimator = copy(estimator)  # it scores as the search does
            estimator.best_estimator_ = best
    while isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
        step = estimator.steps[0][1]
        if not (does_nothing(step) or isinstance(step, ToSequences)):
            break
        estimator, X = estimator[1:], X if does_nothing(step) else step.transform(X)
    return estimator, X


def chosen_rows(X, sequence):
    """The numbers, from 0 on, of the sequences that are chosen by a number, a slice or several numbers."""
    n_sequences = _n_sequences(X)
    if isinstance(sequence, Integral | str):
        return np.array([_row(sequence, n_sequences)])
    try:
        rows = np.arange(n_sequences)[sequence if isinstance(sequence, slice) else np.asarray(sequence)]
    except (IndexError, TypeError, ValueError):
        rows = np.empty(0)
    if rows.ndim != 1 or not len(rows):
        raise ValueError(f"sequence={sequence!r} must hold numbers of some of the {n_sequences} sequences of X.")
    return rows


def one_sequence(X, sequence):
    """The X of one sequence, in the form of X."""
    return _safe_indexing(X, [_row(sequence, _n_sequences(X))])


def _row(sequence, n_sequences):
    is_number = isinstance(sequence, Integral) and not isinstance(sequence, bool)
    if not is_number or not -n_sequences <= sequence < n_sequences:
        raise ValueError(f"sequence={sequence!r} must be the number of one of the {n_sequences} sequences of X.")
    return int(sequence) % n_sequences


def _n_sequences(X):
    if isinstance(X, str | bytes):
        raise ValueError("X is a single text, but must hold several: pass [X].")
    if isinstance(X, dict | set) or not getattr(X, "shape", hasattr(X, "__len__")):
        raise ValueError(f"X must be an array, a data frame, a list or Sequences, got {X!r}.")
    if not _num_samples(X):
        raise ValueError("X holds no sequences: at least one is needed.")
    return _num_samples(X)


def look_at(estimator, X, sequence):
    """The recurrent estimator, one of the sequences as it reaches that, and what is known of its steps and features.

    This last is a dict of "feature_names", "times" (n_timesteps,) and "tokens", the words of a network with an
    embedding; of times and tokens None where there are none.
    """
    steps, model = take_apart(estimator)
    one = as_sequences(prepared(steps, one_sequence(X, sequence)))
    about = {"feature_names": _names_of(model, one), "times": one.times, "tokens": None}
    if model._network.architecture.embedding_dim:
        numbers = one.values[:, 0].astype(np.int64)
        readable = steps and isinstance(steps[-1], SequenceTokenizer)
        about["tokens"] = steps[-1].inverse_transform([numbers])[0] if readable else numbers.astype(str)
    return model, one, about


def _names_of(model, sequences):
    names = sequences.feature_names
    if names is None and len(getattr(model, "feature_names_in_", ())) == sequences.n_features:
        names = model.feature_names_in_  # those of a table are its columns', which are time steps
    return names_of(names, sequences.n_features)


def names_of(feature_names, n_features):
    """The names of features, or those that scikit-learn gives to features without."""
    return np.array([f"x{k}" for k in range(n_features)] if feature_names is None else feature_names, dtype=object)
