"""From the data one has to the sequences a model wants."""

from ._features import SequenceFeatures
from ._imputer import SequenceImputer
from ._layouts import ToSequences
from ._scaler import SequenceScaler
from ._times import SequenceResampler, TimeFeatures
from ._tokenizer import SequenceTokenizer
from ._union import FeatureSelector, SequenceUnion
from ._windows import sliding_windows

__all__ = [
    "FeatureSelector",
    "SequenceFeatures",
    "SequenceImputer",
    "SequenceResampler",
    "SequenceScaler",
    "SequenceTokenizer",
    "SequenceUnion",
    "TimeFeatures",
    "ToSequences",
    "sliding_windows",
]
