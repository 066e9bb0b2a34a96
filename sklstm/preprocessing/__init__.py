"""From the data one has to the sequences a model wants."""

from ._tokenizer import SequenceTokenizer
from ._windows import sliding_windows

__all__ = ["SequenceTokenizer", "sliding_windows"]
