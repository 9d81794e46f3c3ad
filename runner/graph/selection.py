"""Selects the part of a graph that a run covers, and the stages that run whether or not the cache has their results.

field     stages of the run                   forced to run
until     the stage and those it depends on   none; the ports of the stage are the outputs
start     those of the outputs                the stage, and all that depend on it
only      the stage and those it depends on   the stage; no other may run: the cache has them, or the caller gives them
refresh   those of the outputs                the stages; those that depend on them only if an output has changed
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.errors import RunError, suggest
from runner.graph.types import Ref

if TYPE_CHECKING:
    from runner.graph.types import Graph, StageSpec


@dataclass(frozen=True)
class Scope:
    """A part of a graph, by the names of stages; the default is all of it.

    Attributes:
        until: the last stage.
        start: the first stage that is forced to run.
        only: the stage that runs alone.
        refresh: any number of stages that are forced to run.
    """

    until: str | None = None
    start: str | None = None
    only: str | None = None
    refresh: frozenset[str] = field(default_factory=frozenset)

    def check(self, graph: Graph) -> None:
        """Check that the graph has the stages, and that they go together.

        Raises:
            RunError: a stage is unknown, `only` is given with `until` or `start`, or the outputs do not depend on
                `start`.
        """
        for name in (self.until, self.start, self.only, *sorted(self.refresh)):
            if name is not None and name not in graph.stages:
                raise RunError(f"no stage is called '{name}'{suggest(name, graph.stages)}")
        if self.only is not None and (self.until or self.start):
            raise RunError("`only` cannot be combined with `start` or `until`; give it alone")
        covered = {spec.name for spec in find_needed(graph, self._ends(graph), ())}
        if self.start is not None and self.start not in covered:
            end = f"stage '{self.until}' does" if self.until else "the graph's outputs do"
            raise RunError(f"cannot start at stage '{self.start}': {end} not depend on it")

    def outputs(self, graph: Graph) -> dict[str, Ref]:
        """Find the outputs of a run: outputs of the graph by name, ports of the last stage as 'stage.port'."""
        last = self.until or self.only
        if last is None:
            return dict(graph.outputs)
        named = {name: ref for name, ref in graph.outputs.items() if ref.stage == last}
        return {**named, **{f"{last}.{ref.port}": ref for ref in self._ends(graph)}}

    def find_forced(self, graph: Graph) -> frozenset[str]:
        """Find the stages that run even if the cache has their results."""
        found = {*self.refresh, *([self.only] if self.only else [])}
        if self.start is not None:
            found |= {self.start}
            for spec in graph.stages.values():
                found |= {spec.name} if any(wire.ref.stage in found for wire in spec.inputs.values()) else set()
        return frozenset(found)

    def _ends(self, graph: Graph) -> list[Ref]:
        last = self.until or self.only
        return list(graph.outputs.values()) if last is None else ports(graph.stages[last])


def ports(spec: StageSpec) -> list[Ref]:
    """List the outputs of a stage as references."""
    return [Ref(spec.name, port) for port in spec.outputs]


def find_needed(graph: Graph, ends: Iterable[Ref], given: Collection[Ref]) -> list[StageSpec]:
    """Find the stages that `ends` depend on, in the graph's order. The ports in `given` need no stage."""
    found: set[str] = set()
    pending = list(ends)
    while pending:
        ref = pending.pop()
        if ref not in given and ref.stage in graph.stages and ref.stage not in found:
            found.add(ref.stage)
            pending += [wire.ref for wire in graph.stages[ref.stage].inputs.values()]
    return [spec for spec in graph.stages.values() if spec.name in found]


def find_sinks(graph: Graph) -> list[Ref]:
    """Find the outputs of the stages that no other stage depends on."""
    taken = {wire.ref.stage for spec in graph.stages.values() for wire in spec.inputs.values()}
    return [ref for spec in graph.stages.values() if spec.name not in taken for ref in ports(spec)]
