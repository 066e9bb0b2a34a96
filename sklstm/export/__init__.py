"""Models for other programs: ONNX, C, and the weights of other libraries."""

from ._c import to_c
from ._keras import from_keras, to_keras
from ._onnx import register_skl2onnx, to_onnx
from ._pytorch import from_pytorch, to_pytorch

__all__ = ["from_keras", "from_pytorch", "register_skl2onnx", "to_c", "to_keras", "to_onnx", "to_pytorch"]
