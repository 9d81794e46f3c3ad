"""The stages on OpenVINO, in float32: the graphs that ONNX Runtime has too.

The whole package as one graph it does not take: it converts neither SplitToSequence nor SequenceAt, which the export of
the alignment has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from benchmarks.ort import StageGraphs
from benchmarks.rivals import PORTS, Inputs

Array = NDArray[Any]


class OpenVino:
    """One compiled graph a stage; by itself OpenVINO would choose bfloat16 where that is faster."""

    def __init__(self, name: str, stages: StageGraphs, threads: int) -> None:
        self.name, self.stages = name, stages
        self.settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self.compiled: dict[str, Any] = {}

    def prepare(self, stage: str, inputs: Inputs) -> dict[str, Array]:
        if stage not in self.compiled:
            graph = self.stages.graph(stage, inputs)
            self.compiled[stage] = openvino.Core().compile_model(graph, "CPU", self.settings)
        known = {name for port in self.compiled[stage].inputs for name in port.names}
        return {port: np.ascontiguousarray(inputs[port]) for port in PORTS[stage][0] if port in known}

    def run(self, stage: str, inputs: dict[str, Array]) -> list[Array]:
        compiled = self.compiled[stage]
        results = compiled(inputs)
        return [np.array(results[port]) for port in compiled.outputs]
