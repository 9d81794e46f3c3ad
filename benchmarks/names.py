"""The rivals by name, and what they have in common."""

from __future__ import annotations

from benchmarks import machine

PYTORCH, COMPILED, PYTORCH_BF16 = "PyTorch", "PyTorch, compiled", "PyTorch, bf16"
ORT, ORT_WHOLE, ORT_INT8 = "ONNX Runtime", "ONNX Runtime, whole", "ONNX Runtime, int8 as published"
OPENVINO = "OpenVINO"

STAGE_BY_STAGE = (PYTORCH, COMPILED, PYTORCH_BF16, ORT, OPENVINO)
END_TO_END = (PYTORCH, COMPILED, PYTORCH_BF16, ORT_WHOLE, ORT_INT8, OPENVINO)
FEWER_BITS = (PYTORCH_BF16, ORT_INT8)  # no yardstick of a bar, and not held to float32's tolerance
SAME_PRECISION = (PYTORCH, COMPILED, ORT, ORT_WHOLE, OPENVINO)  # float32
MAIN = (PYTORCH, ORT_WHOLE)  # the others are left out where one round takes long
NEEDS = {PYTORCH_BF16: "avx512_bf16"}  # a feature of the processor, without which it would be emulated


def obstacle(name: str) -> str | None:
    """Why a rival cannot be measured here; None if it can."""
    feature = NEEDS.get(name)
    return f"this processor has no {feature}" if feature is not None and feature not in machine.features() else None
