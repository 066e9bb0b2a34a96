"""From the data one has to the sequences a model wants."""

from ._frames import add_static, frame_to_sequences, sequences_to_frame
from ._tokenizer import SequenceTokenizer
from ._windows import sliding_windows

__all__ = ["SequenceTokenizer", "add_static", "frame_to_sequences", "sequences_to_frame", "sliding_windows"]
