"""Borders between devices: what crosses them, when, and whether there is anything beyond.

array on the host --stage on a device takes it--> copy there, for each stage
array on a device --stage beside it takes it----> as it is
                  --Python stage, other device, cache or caller takes it--> on the host, copied once
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runner.engine.executors import CompiledStage
from runner.engine.run_state import Copy
from runner.errors import RunError
from runner.runtime import devices, tvm_runtime
from runner.runtime.values import Remote, check_finite
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runner.engine.executors import PythonStage
    from runner.engine.run_state import Request
    from runner.graph.types import Graph, InputSpec, StageSpec


class Borders:
    """The devices of a graph's stages; what crosses between them is noted in the request that it is for."""

    def __init__(self, graph: Graph, stages: Mapping[str, PythonStage | CompiledStage]) -> None:
        self._graph, self._stages = graph, stages

    def place(self, spec: StageSpec) -> tvm_runtime.Device:
        """Where the stage runs, whether or not this machine has that device."""
        stage = self._stages[spec.name]
        return stage.device if isinstance(stage, CompiledStage) else tvm_runtime.HOST

    def is_away(self, spec: StageSpec) -> bool:
        """Whether the stage runs elsewhere than on the host."""
        return self.place(spec) != tvm_runtime.HOST

    def check_devices(self, specs: Iterable[StageSpec]) -> None:
        """Find out whether this machine has the devices of some stages.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        for spec in specs:
            if self.is_away(spec):
                try:
                    devices.find(spec.device)
                except RunError as error:
                    raise RunError(f"stage '{spec.name}': {error}") from None

    def to_host(self, request: Request, ref: str, value: Any) -> Any:
        """The value at `ref`, on the host.

        Raises:
            RunError: it has come from a device, and holds NaN or infinity.
        """
        if isinstance(value, Remote) and not value.fetched:
            spelled = self._graph.stages[ref.partition(".")[0]].device
            request.copies.append(Copy(ref, spelled, "host", value.nbytes))
        return fetched(ref, value)

    def to_stage(self, request: Request, spec: StageSpec, wire: InputSpec, value: Any) -> Any:
        """The value that a stage takes, as it takes it: from its own device, else from the host."""
        ref, there = str(wire.ref), self.place(spec)
        if isinstance(value, Remote) and value.device == there:
            return value
        value = self.to_host(request, ref, value)
        if there != tvm_runtime.HOST:
            size = value.nbytes if isinstance(value, np.ndarray) else _scalar_bytes(wire)
            request.copies.append(Copy(ref, "host", spec.device, size))
        return value


def fetched(ref: str, value: Any) -> Any:
    """What lies on a device, on the host and held to be finite; anything else as it is."""
    if not isinstance(value, Remote):
        return value
    fresh, array = not value.fetched, value.array
    if fresh:
        check_finite(ref, array)
    return array


def _scalar_bytes(wire: InputSpec) -> int | None:
    return np.dtype(wire.type.dtype).itemsize if isinstance(wire.type, TensorType) else None
