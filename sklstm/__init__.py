"""Recurrent networks for scikit-learn users, without a deep-learning framework."""

__version__ = "0.1.0"

from .classifier import LSTMClassifier
from .export import to_c, to_onnx
from .pipelines import stream
from .regressor import LSTMRegressor
from .saving.models import load, save
from .sequences import Sequences
from .streaming import Stream
from .validation import as_sequences

__all__ = [
    "LSTMClassifier",
    "LSTMRegressor",
    "Sequences",
    "Stream",
    "as_sequences",
    "load",
    "save",
    "stream",
    "to_c",
    "to_onnx",
]
