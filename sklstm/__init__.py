"""Recurrent networks for scikit-learn users, without a deep-learning framework."""

__version__ = "0.1.0"

from .classifier import LSTMClassifier
from .regressor import LSTMRegressor
from .saving import load, save
from .sequences import Sequences
from .validation import as_sequences

__all__ = ["LSTMClassifier", "LSTMRegressor", "Sequences", "as_sequences", "load", "save"]
