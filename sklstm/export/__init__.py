"""Models for other programs: ONNX, C, and the weights of other libraries."""

from ._onnx import register_skl2onnx, to_onnx

__all__ = ["register_skl2onnx", "to_onnx"]
