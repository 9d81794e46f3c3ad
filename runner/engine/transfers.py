"""Copies arrays between the devices of stages, and checks that this machine has the devices.

array on the host --stage on a device takes it--> copied there, for each stage
array on a device --stage on that device takes it----> as it is
                  --Python stage, other device, cache or caller takes it--> on the host, copied once
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runner.engine.run_state import Copy
from runner.errors import RunError
from runner.runtime import devices, tvm_runtime
from runner.runtime.values import Remote, check_finite
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runner.engine.executors import Executor
    from runner.engine.run_state import RunState
    from runner.graph.types import Graph, InputSpec, Ref, StageSpec


class Transfers:
    """Moves values between the devices of a graph's stages, and notes each copy in the run that it is for."""

    def __init__(self, graph: Graph, executors: Mapping[str, Executor]) -> None:
        self._graph, self._executors = graph, executors

    def place(self, spec: StageSpec) -> tvm_runtime.Device:
        """Where the stage runs, whether or not this machine has that device."""
        return self._executors[spec.name].device

    def is_remote(self, spec: StageSpec) -> bool:
        """Whether the stage runs on another device than the host."""
        return self.place(spec) != tvm_runtime.HOST

    def check_devices(self, specs: Iterable[StageSpec]) -> None:
        """Check that this machine has the devices of some stages.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        for spec in specs:
            reason = self.why_absent(spec)
            if reason:
                raise RunError(f"stage '{spec.name}': {reason}")

    def why_absent(self, spec: StageSpec) -> str:
        """Say that this machine lacks the device of a stage, and which devices it has; '' if it has the device."""
        if self.may_be_absent(spec):
            try:
                devices.find(spec)
            except RunError as error:
                return str(error)
        return ""

    def may_be_absent(self, spec: StageSpec) -> bool:
        """Whether the stage needs more than the CPU of any machine: a GPU, or one kind of processor and system."""
        return self.is_remote(spec) or "mtriple" in spec.kind.target

    def to_host(self, run: RunState, ref: Ref, value: Any) -> Any:
        """The value at `ref`, on the host.

        Raises:
            RunError: it came from a device, and holds NaN or infinity.
        """
        if isinstance(value, Remote) and not value.fetched:
            run.copies.append(Copy(str(ref), self._graph.stages[ref.stage].device, "host", value.nbytes))
        return fetch(ref, value)

    def to_stage(self, run: RunState, spec: StageSpec, wire: InputSpec, value: Any) -> Any:
        """The value that a stage takes, from its own device if it is there, else from the host."""
        target = self.place(spec)
        if isinstance(value, Remote) and value.device == target:
            return value
        value = self.to_host(run, wire.ref, value)
        if target != tvm_runtime.HOST:
            size = value.nbytes if isinstance(value, np.ndarray) else _scalar_bytes(wire)
            run.copies.append(Copy(str(wire.ref), "host", spec.device, size))
        return value


def fetch(ref: Ref, value: Any) -> Any:
    """A value on the host; one that comes from a device is checked to be finite, anything else stays as it is.

    Raises:
        RunError: it holds NaN or infinity.
    """
    if not isinstance(value, Remote):
        return value
    is_new, array = not value.fetched, value.array
    if is_new:
        check_finite(str(ref), array)
    return array


def _scalar_bytes(wire: InputSpec) -> int | None:
    return np.dtype(wire.type.dtype).itemsize if isinstance(wire.type, TensorType) else None
