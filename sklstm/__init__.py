"""Recurrent networks for scikit-learn users, without a deep-learning framework."""

from .classifier import LSTMClassifier
from .export import to_onnx
from .regressor import LSTMRegressor
from .sequences import Sequences
from .validation import as_sequences

__all__ = ["LSTMClassifier", "LSTMRegressor", "Sequences", "as_sequences", "to_onnx"]
__version__ = "0.1.0"
