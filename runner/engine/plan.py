"""Plans a run without doing any of it: no array of a stage is read and no library is loaded.

`decisions` says what becomes of each stage; a plan adds the sizes, copies and memory that this takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.engine.decisions import see_sizes
from runner.engine.run_state import Copy, Status
from runner.graph.selection import ports
from runner.graph.types import Ref
from runner.runtime import tvm_runtime
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from runner.engine.decisions import Decider, Reason
    from runner.engine.executors import Executor
    from runner.engine.run_state import RunState
    from runner.engine.transfers import Transfers
    from runner.graph.types import Graph, StageSpec


@dataclass(frozen=True)
class StagePlan:
    """What would become of one stage.

    Attributes:
        status: HIT, RUN, DEPENDS, UNNEEDED or INJECTED.
        bytes: of its outputs; None where that is not known yet.
        copies: from host to device and back.
        absence: says that this machine lacks the device, and which devices it has; '' if it has the device, or the
            stage does not run.
    """

    name: str
    status: Status
    reason: Reason
    device: str
    bytes: int | None
    copies: tuple[Copy, ...] = ()
    absence: str = ""


@dataclass(frozen=True)
class Plan:
    """A run before it is run.

    Attributes:
        dims: the sizes that are known; of the others, those of `bounds` are the largest they may have.
        weights: bytes of the weights of stages that run, or may.
        arrays: largest number of bytes of arrays in memory at one time, with unknown dims at their bounds.
    """

    stages: dict[str, StagePlan]
    dims: dict[str, int]
    bounds: dict[str, int]
    weights: int
    arrays: int


class Planner:
    """Plans the runs of one graph."""

    def __init__(
        self, graph: Graph, executors: Mapping[str, Executor], decider: Decider, transfers: Transfers, *, caches: bool
    ) -> None:
        """Take the parts of a pipeline; `caches` says whether what runs is kept."""
        self._graph, self._executors, self._decider = graph, executors, decider
        self._transfers, self._caches = transfers, caches

    def plan(self, run: RunState, stale: Mapping[str, str] | None = None) -> Plan:
        """Plan a run that has not begun.

        Args:
            stale: stages whose libraries would be built first, with the reason.

        Raises:
            RunError: the code of a stage cannot be read; a library that is not built yet is none of that.
        """
        stale = stale or {}
        decisions = self._decider.decide(run, stale, explain=True)
        for name, decision in decisions.items():
            see_sizes(run, self._graph.stages[name], decision)
        known, bounds = run.sizes.known(), {name: dim.max for name, dim in self._graph.dims.items()}
        sizes, largest = self._bytes(known), self._bytes({**bounds, **known})
        works = (Status.RUN, Status.DEPENDS)
        running = [spec for spec in self._graph.stages.values() if decisions[spec.name].status in works]
        weights = {spec.name: self._weights(spec, stale) for spec in running}
        stages = {
            spec.name: StagePlan(
                spec.name,
                decisions[spec.name].status,
                decisions[spec.name].reason,
                spec.device,
                _total(sizes.get(ref) for ref in ports(spec)),
                tuple(self._copies(run, spec, running, weights, sizes)) if spec in running else (),
                self._transfers.why_absent(spec) if spec in running else "",
            )
            for spec in self._graph.stages.values()
        }
        return Plan(stages, known, bounds, sum(weights.values()), _peak(run, running, largest))

    def _bytes(self, sizes: Mapping[str, int]) -> dict[Ref, int]:
        """Bytes of the outputs whose dims are all in `sizes`."""
        types = ((ref, spec.outputs[ref.port]) for spec in self._graph.stages.values() for ref in ports(spec))
        every = {ref: _size(type_, sizes) for ref, type_ in types if isinstance(type_, TensorType)}
        return {ref: size for ref, size in every.items() if size is not None}

    def _weights(self, spec: StageSpec, stale: Mapping[str, str]) -> int:
        """Bytes of the stage's weights; 0 for a library that is not built yet."""
        return 0 if spec.name in stale else self._executors[spec.name].weight_bytes()

    def _copies(
        self,
        run: RunState,
        spec: StageSpec,
        running: list[StageSpec],
        weights: Mapping[str, int],
        sizes: Mapping[Ref, int],
    ) -> Iterator[Copy]:
        """The copies of a stage that runs: of its inputs to its device, and of its outputs back."""
        here = self._transfers.place(spec)
        if here == tvm_runtime.HOST:
            return
        producers = {stage.name: self._transfers.place(stage) for stage in running}
        for wire in spec.inputs.values():
            if producers.get(wire.ref.stage, tvm_runtime.HOST) != here or wire.ref in run.given:
                yield Copy(str(wire.ref), "host", spec.device, _input_bytes(wire.type, wire.ref, sizes))
        yield Copy(spec.name, "host", spec.device, weights[spec.name] or None)
        for ref in ports(spec):
            if self._comes_back(run, spec, ref, running):
                yield Copy(str(ref), spec.device, "host", sizes.get(ref))

    def _comes_back(self, run: RunState, spec: StageSpec, ref: Ref, running: Iterable[StageSpec]) -> bool:
        """Whether an output goes to the host: for the cache, the caller, a Python stage, another device."""
        if (self._caches and spec.cache) or run.options.keep or ref in run.outputs.values():
            return True
        takers = (stage for stage in running if ref in {wire.ref for wire in stage.inputs.values()})
        return any(self._transfers.place(stage) != self._transfers.place(spec) for stage in takers)


def _size(type_: TensorType, sizes: Mapping[str, int]) -> int | None:
    """Bytes of a tensor; None where one of its dims is not known."""
    if any(dim.name is not None and dim.name not in sizes for dim in type_.dims):
        return None
    count = math.prod(dim.factor * (1 if dim.name is None else sizes[dim.name]) for dim in type_.dims)
    return count * _item_bytes(type_.dtype)


def _item_bytes(dtype: str) -> int:
    digits = "".join(char for char in dtype if char.isdigit())
    return int(digits) // 8 if digits else 1


def _total(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else sum(size for size in known if size is not None)


def _input_bytes(type_: object, ref: Ref, sizes: Mapping[Ref, int]) -> int | None:
    if isinstance(type_, TensorType) and not type_.dims:
        return _item_bytes(type_.dtype)
    return sizes.get(ref)


def _peak(run: RunState, running: list[StageSpec], sizes: Mapping[Ref, int]) -> int:
    """Largest number of bytes of arrays in memory: a stage's inputs and outputs, and the inputs of later stages."""
    outputs = set(run.outputs.values())
    peak, held = 0, set[Ref]()
    for at, spec in enumerate(running):
        held |= {wire.ref for wire in spec.inputs.values()} | set(ports(spec))
        peak = max(peak, sum(sizes.get(ref, 0) for ref in held))
        held &= outputs | {wire.ref for later in running[at + 1 :] for wire in later.inputs.values()}
    return peak
