"""Models for other programs: ONNX, C, and the weights of other libraries."""
