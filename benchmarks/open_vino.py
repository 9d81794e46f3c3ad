"""The whole package on OpenVINO: the float32 graph that ONNX Runtime has too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from tests.reference import voice_row

Array = NDArray[Any]


class OpenVino:
    """An utterance in one piece, in float32 on every CPU: by itself it would choose bfloat16 where that is faster."""

    def __init__(self, name: str, graph: Path, threads: int) -> None:
        self.name = name
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self.compiled = openvino.Core().compile_model(graph, "CPU", settings)

    def speak(self, input_ids: Array, pack: Array, speed: float) -> Array:
        """float32 [1, samples] of int64 [1, text] input ids in the voice pack [N, 2*style]."""
        style = voice_row(pack, input_ids.shape[1]).astype(np.float32)
        inputs = {"input_ids": input_ids, "style": style, "speed": np.array([speed], np.float32)}
        audio: Array = self.compiled(inputs)["audio"]
        return audio.reshape(1, -1)
