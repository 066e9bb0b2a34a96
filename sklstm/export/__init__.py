"""Models for other programs: ONNX, C, and the weights of other libraries."""

from ._c import to_c

__all__ = ["to_c"]
