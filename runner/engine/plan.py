"""What a run would do, found without doing it: no array of a stage is read and no library loaded.

forward    inputs --> digests --> key --> kept? then the digests of its outputs are known, and so on down
backward   outputs --> their stages; above a stage that is kept, nothing is needed
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.cache.keys import input_identity
from runner.engine.executors import CompiledStage
from runner.engine.run_state import HIT, INJECTED, RUN, UNNEEDED, Copy
from runner.runtime import manifest, tvm_runtime
from runner.runtime.manifest import Manifest
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runner.engine.pipeline import Pipeline
    from runner.engine.run_state import Request
    from runner.engine.stage_cache import Found, Keeper
    from runner.graph.types import Graph, StageSpec

DEPENDS = "depends"

_AND = " and "  # between the stages that another depends on


@dataclass(frozen=True)
class StagePlan:
    """What would become of one stage.

    Attributes:
        status: HIT, what is kept is used; RUN; DEPENDS, on what a stage above will give; UNNEEDED; INJECTED.
        reason: of a RUN, what changed; of DEPENDS, on which stages; of UNNEEDED, why nobody asks.
        bytes: of its outputs; None where that is not known yet.
        copies: from host to device and back.
    """

    name: str
    status: str
    reason: str
    device: str
    bytes: int | None
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A run before it is run.

    Attributes:
        dims: the sizes that are known; of the others, those of `bounds` are the largest they may have.
        weights: bytes of the weights of stages that run, or may.
        arrays: bytes of arrays at hand at the worst moment, with unknown dims at their bounds.
    """

    stages: dict[str, StagePlan]
    dims: dict[str, int]
    bounds: dict[str, int]
    weights: int
    arrays: int


def plan(pipeline: Pipeline, request: Request, stale: Mapping[str, str] | None = None) -> Plan:
    """The plan of a request that has not begun.

    Args:
        stale: stages whose libraries would be built first, with the reason.

    Raises:
        RunError: the code of a stage cannot be read; a library that is not built yet is none of that.
    """
    walk = _Walk(pipeline, request, dict(stale or {}))
    walk.forward()
    statuses = walk.backward()
    sizes = walk.shapes()
    running = [spec for spec in pipeline.graph.stages.values() if statuses[spec.name][0] in (RUN, DEPENDS)]
    known, bounds = request.sizes.known(), {name: dim.max for name, dim in pipeline.graph.dims.items()}
    stages = {
        spec.name: StagePlan(
            spec.name,
            *statuses[spec.name],
            spec.device,
            _total(sizes.get(f"{spec.name}.{port}") for port in spec.outputs),
            tuple(_copies(spec, running, walk, sizes)) if spec in running else (),
        )
        for spec in pipeline.graph.stages.values()
    }
    weights = sum(walk.weights(spec) for spec in running)
    return Plan(stages, known, bounds, weights, _peak(request, running, walk.worst()))


class _Walk:
    """The digests of a graph, as far as they are known before anything runs."""

    def __init__(self, pipeline: Pipeline, request: Request, stale: dict[str, str]) -> None:
        self.pipeline, self.request, self.stale = pipeline, request, stale
        self.digests = dict(request.digests)
        self.found: dict[str, Found] = {}
        self.waits: dict[str, list[str]] = {}  # stage -> the stages whose results its key waits for

    @property
    def graph(self) -> Graph:
        return self.pipeline.graph

    def forward(self) -> None:
        """Find each stage's key, and what is kept for it."""
        keeper = self.pipeline.keeper
        for spec in self.request.needed:
            if keeper is None or spec.name in self.stale:
                continue
            missing = [wire.ref.stage for wire in spec.inputs.values() if not self._is_known(str(wire.ref))]
            if missing:
                self.waits[spec.name] = list(dict.fromkeys(missing))
                continue
            found = self.found[spec.name] = keeper.find(spec, self.digests, self.request.given)
            digests = {port: input_identity(found.key, port) for port in spec.outputs} if not spec.cache else {}
            if found.entry is not None and not self.request.must_run(spec):
                digests = {port: output.digest for port, output in found.entry.outputs.items()}
                for port, output in found.entry.outputs.items():
                    self.request.sizes.see(f"{spec.name}.{port}", spec.outputs[port], output.dtype, output.shape)
            self.digests |= {
                ref: digest
                for port, digest in digests.items()
                if (ref := f"{spec.name}.{port}") not in self.request.override
            }

    def _is_known(self, ref: str) -> bool:
        return ref in self.digests or ref.startswith("params.")

    def backward(self) -> dict[str, tuple[str, str]]:
        """Status and reason of each stage."""
        asked = {str(ref) for ref in self.request.outputs.values()}
        if self.request.keep:
            asked |= {f"{spec.name}.{port}" for spec in self.request.needed for port in spec.outputs}
        # what a stage asks for that runs only if a result above it is new, with what it waits for
        perhaps: dict[str, list[str]] = {}
        statuses: dict[str, tuple[str, str]] = {}
        needed = {spec.name for spec in self.request.needed}
        for spec in reversed(self.graph.stages.values()):
            if self.request.stages[spec.name].status == INJECTED:
                statuses[spec.name] = (INJECTED, "its outputs are given")
            elif spec.name not in needed:
                statuses[spec.name] = (UNNEEDED, "no output asked for depends on it")
            else:
                sure = [port for port in spec.outputs if f"{spec.name}.{port}" in asked]
                unsure = {port: perhaps[ref] for port in spec.outputs if (ref := f"{spec.name}.{port}") in perhaps}
                statuses[spec.name] = self._status(spec, sure, unsure)
            inputs = {str(wire.ref) for wire in spec.inputs.values()} - self.request.given.keys()
            status, reason = statuses[spec.name]
            if status == RUN:
                asked |= inputs
            elif status == DEPENDS:
                for ref in inputs:
                    perhaps.setdefault(ref, []).extend(reason.split(_AND))
        return {name: statuses[name] for name in self.graph.stages}

    def _status(self, spec: StageSpec, asked: list[str], perhaps: Mapping[str, list[str]]) -> tuple[str, str]:
        """Of a stage that is needed, if what was `asked` of it is; `perhaps` is asked by stages that may run."""
        if spec.name in self.stale:
            return RUN, f"its library is built first: {self.stale[spec.name]}"
        keeper = self.pipeline.keeper
        if keeper is None:
            return RUN, "there is no cache"
        if self.request.must_run(spec):
            return RUN, "asked for"
        if spec.name in self.waits:
            return self._waiting(spec, keeper)
        found = self.found[spec.name]
        if found.entry is None and (spec.cache or asked):
            return RUN, keeper.why(spec, found)
        absent = [p for p in spec.outputs if found.entry is None or not keeper.cache.present(found.entry, p)]
        gone = [port for port in asked if port in absent]
        if gone:
            return RUN, f"evicted: {', '.join(gone)}"
        waited = dict.fromkeys(stage for port, stages in perhaps.items() if port in absent for stage in stages)
        if waited:
            return DEPENDS, _AND.join(waited)
        if not asked and not perhaps:
            return UNNEEDED, "what it gives is known, and nothing that runs takes it"
        return HIT, ""

    def _waiting(self, spec: StageSpec, keeper: Keeper) -> tuple[str, str]:
        """Of a stage whose key is not known before a stage above has run."""
        if next(keeper.cache.entries(spec.name), None) is None:
            return RUN, "nothing is kept for this stage"
        return DEPENDS, _AND.join(self.waits[spec.name])

    def shapes(self) -> dict[str, int]:
        """Bytes of the outputs whose size is known."""
        return self._bytes(self.request.sizes.known())

    def worst(self) -> dict[str, int]:
        """Bytes of every output, unknown dims at their bounds."""
        return self._bytes({**{name: dim.max for name, dim in self.graph.dims.items()}, **self.request.sizes.known()})

    def _bytes(self, sizes: Mapping[str, int]) -> dict[str, int]:
        every = {
            f"{spec.name}.{port}": _size(type_, sizes)
            for spec in self.graph.stages.values()
            for port, type_ in spec.outputs.items()
            if isinstance(type_, TensorType)
        }
        return {ref: size for ref, size in every.items() if size is not None}

    def comes_back(self, spec: StageSpec, port: str, running: Iterable[StageSpec]) -> bool:
        """Whether what the stage gives goes to the host: for the cache, the caller, a Python stage, another device."""
        ref, here = f"{spec.name}.{port}", self.pipeline.borders.place(spec)
        if (self.pipeline.keeper is not None and spec.cache) or self.request.keep:
            return True
        takers = (stage for stage in running if ref in {str(wire.ref) for wire in stage.inputs.values()})
        asked = ref in {str(wanted) for wanted in self.request.outputs.values()}
        return asked or any(self.pipeline.borders.place(stage) != here for stage in takers)

    def weights(self, spec: StageSpec) -> int:
        """Bytes of the stage's weights; 0 of a library that is not built yet."""
        if spec.name in self.stale:
            return 0
        stage = self.pipeline.stage(spec.name)
        path = manifest.manifest_path(stage.path) if isinstance(stage, CompiledStage) else None
        return Manifest.read(path).weights.size if path is not None and path.is_file() else 0


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


def _copies(spec: StageSpec, running: list[StageSpec], walk: _Walk, sizes: Mapping[str, int]) -> Iterable[Copy]:
    """The copies of a stage that runs: to its device, but for what lies there, and of what it gives, back."""
    here = walk.pipeline.borders.place(spec)
    makers = {stage.name: walk.pipeline.borders.place(stage) for stage in running}
    if here != tvm_runtime.HOST:
        for wire in spec.inputs.values():
            if makers.get(wire.ref.stage, tvm_runtime.HOST) != here or str(wire.ref) in walk.request.given:
                yield Copy(str(wire.ref), "host", spec.device, _input_bytes(wire.type, str(wire.ref), sizes))
        yield Copy(spec.name, "host", spec.device, walk.weights(spec) or None)
        for port in spec.outputs:
            if walk.comes_back(spec, port, running):
                yield Copy(f"{spec.name}.{port}", spec.device, "host", sizes.get(f"{spec.name}.{port}"))


def _input_bytes(type_: object, ref: str, sizes: Mapping[str, int]) -> int | None:
    if isinstance(type_, TensorType) and not type_.dims:
        return _item_bytes(type_.dtype)
    return sizes.get(ref)


def _peak(request: Request, running: list[StageSpec], sizes: Mapping[str, int]) -> int:
    """Bytes of arrays at hand at the worst moment: what a stage takes and gives, and what later ones wait for."""
    outputs = {str(ref) for ref in request.outputs.values()}
    peak, held = 0, set[str]()
    for at, spec in enumerate(running):
        held |= {str(wire.ref) for wire in spec.inputs.values()} | {f"{spec.name}.{port}" for port in spec.outputs}
        peak = max(peak, sum(sizes.get(ref, 0) for ref in held))
        wanted = outputs | {str(wire.ref) for later in running[at + 1 :] for wire in later.inputs.values()}
        held &= wanted
    return peak
