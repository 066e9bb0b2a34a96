"""What a stored file says of what transformers have learnt, ours and those of scikit-learn that ours keep.

For each class: its attributes, and what each may be. Such a check takes what the file says, its name, a `Reader` and
the transformer with its parameters, and returns the attribute.
"""

import numpy as np
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

from ..preprocessing import (
    SequenceFeatures,
    SequenceImputer,
    SequenceResampler,
    SequenceScaler,
    SequenceSelector,
    SequenceTokenizer,
    TimeFeatures,
    ToSequences,
)
from ..preprocessing._statistics import STATISTICS
from .values import choice, integer

SCALERS = (StandardScaler, RobustScaler, MinMaxScaler, QuantileTransformer)


def numbers(said, name, reader, transformer):
    """A number a feature, or None if a parameter did without."""
    if said is None:
        return None
    return _floats(said, name, reader, (_n_features(transformer),))


def feature_indices(said, name, reader, transformer):
    """Numbers of features."""
    indices = reader.value(said, name)
    if not (isinstance(indices, np.ndarray) and indices.ndim == 1 and indices.dtype.kind == "i"):
        raise ValueError(f"{name} must be numbers of features")
    if len(indices) and not 0 <= indices.min() <= indices.max() < _n_features(transformer):
        raise ValueError(f"{name} holds a number of a feature that there is not")
    return indices


def counts(said, name, reader, transformer):
    """A number, or one a feature."""
    count = reader.value(said, name)
    if np.asarray(count).dtype.kind not in "iuf" or np.shape(count) not in ((), (_n_features(transformer),)):
        raise ValueError(f"{name} must be a number, or one a feature")
    return count


def count(said, name, reader, transformer):
    """A whole number from 1."""
    return integer(said, name, 1)


def quantiles(said, name, reader, transformer):
    """Quantiles of each feature."""
    return _floats(said, name, reader, (transformer.n_quantiles_, _n_features(transformer)))


def references(said, name, reader, transformer):
    """The ranks of the quantiles."""
    return _floats(said, name, reader, (transformer.n_quantiles_,))


def statistics(said, name, reader, transformer):
    """The name of a statistic a feature."""
    names = reader.value(said, name)
    if not isinstance(names, np.ndarray) or names.shape != (_n_features(transformer),):
        raise ValueError(f"{name} must be a name a feature")
    for each in names:
        choice(each, name, STATISTICS)
    return names


LEARNT = {
    SequenceFeatures: {},
    SequenceImputer: {"mean_": numbers, "features_with_missing_": feature_indices},
    SequenceResampler: {"_statistics": statistics},
    SequenceScaler: {"scaler_": None},  # a transformer in its turn
    SequenceSelector: {"features_": feature_indices},
    SequenceTokenizer: {"vocabulary_": None},
    TimeFeatures: {},
    ToSequences: {},
    MinMaxScaler: {
        "scale_": numbers, "min_": numbers, "data_min_": numbers, "data_max_": numbers, "data_range_": numbers,
        "n_samples_seen_": counts,
    },
    QuantileTransformer: {"n_quantiles_": count, "quantiles_": quantiles, "references_": references},
    RobustScaler: {"center_": numbers, "scale_": numbers},
    StandardScaler: {"scale_": numbers, "mean_": numbers, "var_": numbers, "n_samples_seen_": counts},
}  # fmt: skip


def _n_features(transformer):
    return getattr(transformer, "_n_features", transformer.n_features_in_)


def _floats(said, name, reader, shape):
    array = reader.value(said, name)
    if not (isinstance(array, np.ndarray) and array.dtype in (np.float32, np.float64) and array.shape == shape):
        raise ValueError(f"{name} must be an array of floats of shape {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return array
