"""Holds the state of one run: the status of each stage, the values at hand, the digests that are known."""

from __future__ import annotations

import copy
import dataclasses
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.engine.stage_cache import outside_digest
from runner.graph.selection import find_needed, find_sinks, ports
from runner.graph.types import GRAPH_INPUTS, PARAMETERS, Ref
from runner.runtime.values import Sizes
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from runner.cache.cache import Entry
    from runner.engine.decisions import Reason
    from runner.engine.options import RunOptions
    from runner.engine.stage_cache import Lookup
    from runner.graph.types import Graph, StageSpec

_LOG = logging.getLogger("kokoro_run")


class Status(StrEnum):
    """What becomes of a stage in a run.

        PENDING --+--> HIT                        the cache has its results
                  |
                  +--> RUN <-----------------+    it runs
                  |                          |
                  +--> DEPENDS --------------+--> HIT
                  |    its key is not known before a stage above it has run
                  |
                  +--> DEFERRED -------------+--> UNNEEDED
                  |    `cache: false`: it runs if a stage that runs takes its outputs
                  |
                  +--> UNNEEDED                   no output asked for depends on it
                  `--> INJECTED                   the caller gave all of its outputs

    The states on the right are final.
    """

    PENDING = "pending"
    HIT = "hit"
    RUN = "run"
    DEPENDS = "depends"
    DEFERRED = "deferred"
    UNNEEDED = "not needed"
    INJECTED = "injected"


class Copy(NamedTuple):
    """An array that goes from one device to another.

    Attributes:
        port: 'stage.port' whose value it is; 'stage' alone for the stage's weights, which go there once.
        source, target: `host`, or a device as the graph spells it.
        bytes: None where the size is not known before a stage above has run.
    """

    port: str
    source: str
    target: str
    bytes: int | None


@dataclass
class StageRun:
    """What became of one stage in a run.

    Attributes:
        key: of its results; None without a cache.
        seconds: that it took; 0 if it did not run.
        entry: the cache's record of its results; None without a cache, or with `cache: false`.
        reason: why it has its status; None before anything was decided.
    """

    status: Status
    key: str | None = None
    seconds: float = 0.0
    entry: Entry | None = None
    reason: Reason | None = None


class StartedStage(NamedTuple):
    """A stage that runs concurrently with another: its lookup, and the outputs and seconds to come."""

    lookup: Lookup | None
    outcome: Future[tuple[dict[str, Any], float]]


class RunState:
    """One run of a graph, or of a part of it.

    Attributes:
        options: of the run.
        warns: whether warnings about the run are logged.
        cached: whether the cache is read and written.
        override: arrays in place of stages' outputs.
        given: values from outside: graph inputs, parameters, and `override`.
        values: arrays at hand, of stages' outputs.
        digests: of `given`, and of the outputs of stages that have run; empty without a cache.
        sizes: the dims that these values have bound.
        outputs: what the run gives, by name.
        needed: the stages that the outputs depend on, in the graph's order.
        stages: what became of each stage of the graph.
        copies: the arrays that went from device to device, in order; weights are not among them.
        retained: ports whose values stay at hand until the run has ended.
        started: stages that run concurrently with another, by name.
        lookups: the latest lookup of each stage, with the inputs' digests that it was made from.
    """

    def __init__(self, graph: Graph, outside: dict[Ref, Any], options: RunOptions, *, cached: bool) -> None:
        """Begin nothing yet; `options` have been found to fit `graph`.

        Raises:
            RunError: an array of `override` is not what its port takes.
        """
        self.options, self.warns, self.cached = options, True, cached
        self.override: dict[Ref, Any] = {Ref.parse(text): value for text, value in options.override.items()}
        self.given = {**outside, **self.override}
        self.values: dict[Ref, Any] = {}
        self.sizes = Sizes(graph.dims)
        self.outputs = options.scope.outputs(graph)
        ends = [*self.outputs.values(), *(find_sinks(graph) if options.keep and self.outputs == graph.outputs else [])]
        self.needed = find_needed(graph, ends, self.override)
        self.stages = {name: StageRun(self._initial(spec)) for name, spec in graph.stages.items()}
        self.copies: list[Copy] = []
        self.retained = set(options.retain)
        self.started: dict[str, StartedStage] = {}
        self.lookups: dict[str, tuple[tuple[str, ...], Lookup]] = {}
        self._forced = options.scope.find_forced(graph)
        for name, type_ in graph.inputs.items():
            value = outside.get(Ref(GRAPH_INPUTS, name))
            if isinstance(type_, TensorType) and hasattr(value, "shape"):
                self.sizes.take(f"{GRAPH_INPUTS}.{name}", type_, value)
        for ref, value in self.override.items():
            self.sizes.take(str(ref), graph.stages[ref.stage].outputs[ref.port], value)
        # The value of a parameter or a constant stands for itself.
        known = self.given.items() if self.cached else ()
        self.digests = {ref: outside_digest(ref, value) for ref, value in known if not ref.is_setting}

    def repeat(self, outside: Mapping[Ref, Any], label: str) -> RunState:
        """Make the state of a run that differs from this one, which has not begun, in its label and in `outside`."""
        run = copy.copy(self)
        run.given, run.values, run.sizes = {**self.given, **outside}, {}, self.sizes.copy()
        run.override = {ref: run.given[ref] for ref in self.override}
        override = {str(ref): value for ref, value in run.override.items()}
        run.options = dataclasses.replace(self.options, label=label, override=override)
        run.stages = {name: StageRun(stage.status) for name, stage in self.stages.items()}
        run.copies, run.retained, run.started, run.lookups = [], set(self.retained), {}, {}
        known = {ref: outside_digest(ref, value) for ref, value in outside.items()} if self.cached else {}
        run.digests = {**self.digests, **known}
        return run

    def _initial(self, spec: StageSpec) -> Status:
        if all(ref in self.override for ref in ports(spec)):
            return Status.INJECTED
        return Status.PENDING if spec in self.needed else Status.UNNEEDED

    @property
    def inputs(self) -> dict[str, Any]:
        """The values of the graph's inputs, by name."""
        return {ref.port: value for ref, value in self.given.items() if ref.stage == GRAPH_INPUTS}

    @property
    def params(self) -> dict[str, Any]:
        """The values of the graph's parameters, by name."""
        return {ref.port: value for ref, value in self.given.items() if ref.stage == PARAMETERS}

    @property
    def timings(self) -> dict[str, float]:
        """Stage -> wall time [s], of the stages that ran."""
        return {name: run.seconds for name, run in self.stages.items() if run.status is Status.RUN}

    def has_run(self, spec: StageSpec) -> bool:
        """Whether the stage has run in this run."""
        return self.stages[spec.name].status is Status.RUN

    def is_forced(self, spec: StageSpec) -> bool:
        """Whether the caller wants the stage to run although its results are in the cache."""
        return spec.name in self._forced

    def may_run(self, spec: StageSpec) -> bool:
        """Whether the caller lets the stage run."""
        return self.options.scope.only in (None, spec.name)

    def is_at_hand(self, ref: Ref) -> bool:
        """Whether the value at `ref` is in memory."""
        return ref in self.given or ref in self.values

    def list_kept(self, graph: Graph) -> list[Ref]:
        """List the ports that a run with `keep` gives: those of stages that were needed, and those that were given."""
        if not self.options.keep:
            return []
        every = (ref for spec in graph.stages.values() for ref in ports(spec))
        needed_stages = {spec.name for spec in self.needed}
        return [ref for ref in every if ref.stage in needed_stages or ref in self.override]

    def await_started(self) -> None:
        """Wait for concurrent stages whose results nobody has taken, such as those beside a stage that failed."""
        for started in self.started.values():
            if not started.outcome.cancel():
                started.outcome.exception()

    def release(self, waiting: Iterable[StageSpec]) -> None:
        """Drop the arrays that neither the stages in `waiting`, which may still run, nor an output needs."""
        if self.options.keep:
            return
        wanted = {wire.ref for spec in waiting for wire in spec.inputs.values()}
        wanted |= {*self.outputs.values(), *self.retained}
        self.values = {ref: value for ref, value in self.values.items() if ref in wanted}

    def warn(self, message: str) -> None:
        """Log a warning about this run, if it `warns`."""
        if self.warns:
            log_warning(self.options.label, message)


def log_warning(label: str, message: str) -> None:
    """Log a warning about the run that `label` names; '' for one without a name."""
    _LOG.warning("%s", f"{label}: {message}" if label else message)
