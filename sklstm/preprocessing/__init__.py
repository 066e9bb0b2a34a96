"""From the data one has to the sequences a model wants."""

from ._features import SequenceFeatures
from ._frames import add_static, frame_to_sequences
from ._imputer import SequenceImputer
from ._layouts import ToSequences
from ._scaler import SequenceScaler
from ._times import SequenceResampler, TimeFeatures
from ._to_frame import sequences_to_frame
from ._tokenizer import SequenceTokenizer
from ._union import SequenceSelector, SequenceUnion
from ._windows import sliding_windows

__all__ = [
    "SequenceFeatures",
    "SequenceImputer",
    "SequenceResampler",
    "SequenceScaler",
    "SequenceSelector",
    "SequenceTokenizer",
    "SequenceUnion",
    "TimeFeatures",
    "ToSequences",
    "add_static",
    "frame_to_sequences",
    "sequences_to_frame",
    "sliding_windows",
]
