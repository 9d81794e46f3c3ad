"""One run under way: which stages it still needs, what they gave, what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.engine.stage_cache import outside_digest
from runner.graph.selection import Scope, needed, ports, sinks
from runner.runtime.values import Sizes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from concurrent.futures import Future

    from runner.cache.cache import Entry
    from runner.engine.stage_cache import Found
    from runner.graph.types import Graph, StageSpec
    from runner.runtime.values import Array

HIT, RUN, UNNEEDED, INJECTED = "hit", "run", "not needed", "injected"


@dataclass(frozen=True)
class Copy:
    """An array that goes from one device to another.

    Attributes:
        port: 'stage.port' whose value it is; 'stage' alone for the stage's weights, which go there once.
        source, target: `host`, or a device as the graph calls it.
        bytes: None where its size is not known before the stage above has run.
    """

    port: str
    source: str
    target: str
    bytes: int | None


@dataclass
class StageRun:
    """What became of one stage in a run.

    Attributes:
        status: HIT, its results were kept; RUN; UNNEEDED; INJECTED, all of its outputs were given by the caller.
        key: of its results; None without a cache.
        seconds: that it took, 0 if it did not run.
        entry: what is known of its results; None without a cache, or with `cache: false`.
    """

    status: str = UNNEEDED
    key: str | None = None
    seconds: float = 0.0
    entry: Entry | None = None


class Begun(NamedTuple):
    """A stage that runs before its turn, beside another: where the cache keeps what it gives; that, and its seconds."""

    found: Found | None
    outcome: Future[tuple[dict[str, Any], float]]


class Request:
    """One run of a graph, or of a part of it.

    Attributes:
        given: values from outside: graph inputs, parameters, and arrays in place of stages' outputs.
        values: 'stage.port' -> array, of the ports that are at hand.
        digests: of all ports of which one is known; with a cache alone.
        sizes: the dims that these values have bound.
        outputs: what the run gives, by name.
        pending: the stages whose results are not known yet, in order.
        stages: what became of each stage.
        cached: whether what is kept may be used, and what runs is kept.
        copies: the arrays that went from device to device, in order; weights are not among them.
        begun: by stage, those that run beside another.
        retained: ports ('stage.port') whose arrays are not dropped when nothing needs them any more.
    """

    def __init__(
        self,
        graph: Graph,
        given: dict[str, Any],
        override: Mapping[str, Array],
        scope: Scope,
        *,
        keep: bool,
        retained: Collection[str] = (),
    ) -> None:
        self.given, self.override, self.scope, self.keep = {**given, **override}, override, scope, keep
        self.retained = frozenset(retained)
        self.values: dict[str, Any] = {}
        self.sizes = Sizes(graph.dims)
        self.outputs = scope.outputs(graph)
        whole = keep and scope.outputs(graph) == graph.outputs
        ends = [*self.outputs.values(), *(sinks(graph) if whole else [])]
        self.needed = needed(graph, ends, override)
        self.pending = list(self.needed)
        self.stages = {name: StageRun(self._initial(spec)) for name, spec in graph.stages.items()}
        self.digests: dict[str, str] = {}
        self.cached = True
        self.copies: list[Copy] = []
        self.begun: dict[str, Begun] = {}
        self._again = scope.again(graph)
        self._take_override(graph)

    @property
    def timings(self) -> dict[str, float]:
        """Stage -> wall time [s], of those that ran."""
        return {name: run.seconds for name, run in self.stages.items() if run.status == RUN}

    def must_run(self, spec: StageSpec) -> bool:
        """Whether the caller wants the stage to run, kept or not."""
        return spec.name in self._again

    def may_run(self, spec: StageSpec) -> bool:
        """Whether the caller lets the stage run."""
        return self.scope.only in (None, spec.name)

    def has(self, ref: str) -> bool:
        """Whether the value at `ref` is at hand, or known by its digest."""
        return ref in self.given or ref in self.values or ref in self.digests

    def await_begun(self) -> None:
        """Wait for stages whose turn did not come, since another failed."""
        for begun in self.begun.values():
            if not begun.outcome.cancel():
                begun.outcome.exception()

    def digest_given(self) -> None:
        """Take the digests of what came from outside; a parameter's value stands for itself."""
        for ref, value in self.given.items():
            if not ref.startswith("params."):
                self.digests[ref] = outside_digest(value)

    def release(self) -> None:
        """Drop the arrays that neither a stage that may still run nor the outputs need."""
        if self.keep:
            return
        waiting = [*self.pending, *(spec for spec in self.needed if self._is_deferred(spec))]
        wanted = {str(wire.ref) for spec in waiting for wire in spec.inputs.values()}
        wanted |= {str(ref) for ref in self.outputs.values()} | self.retained
        self.values = {ref: value for ref, value in self.values.items() if ref in wanted}

    def _is_deferred(self, spec: StageSpec) -> bool:
        """Whether the stage has a key, but has neither run nor anything that is kept for it."""
        run = self.stages[spec.name]
        return run.status == UNNEEDED and run.key is not None

    def _initial(self, spec: StageSpec) -> str:
        return INJECTED if all(str(ref) in self.override for ref in ports(spec)) else UNNEEDED

    def _take_override(self, graph: Graph) -> None:
        for ref, value in self.override.items():
            stage, _, port = ref.partition(".")
            self.sizes.take(ref, graph.stages[stage].outputs[port], value)
