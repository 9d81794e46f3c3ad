"""The rivals by name, and what they have in common."""

from __future__ import annotations

PYTORCH, FOLDED, COMPILED = "PyTorch", "PyTorch, folded", "PyTorch, compiled"
PYTORCH_BF16 = "PyTorch, bf16"
ORT, ORT_WHOLE = "ONNX Runtime", "ONNX Runtime, whole"
ORT_INT8, ORT_WHOLE_INT8 = "ONNX Runtime, int8", "ONNX Runtime, whole, int8"

RIVALS = (PYTORCH, FOLDED, COMPILED, PYTORCH_BF16, ORT, ORT_WHOLE, ORT_INT8, ORT_WHOLE_INT8)
FEWER_BITS = (PYTORCH_BF16, ORT_INT8, ORT_WHOLE_INT8)  # no yardstick of a bar, and not held to float32's tolerance
SAME_PRECISION = (PYTORCH, FOLDED, COMPILED, ORT, ORT_WHOLE)  # float32
MAIN = (PYTORCH, ORT)  # the others are left out where one round takes long
