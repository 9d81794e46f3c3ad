"""Which part of a graph a run covers, and which of its stages run whatever the cache holds.

--until S     S and what it needs            S's ports are the outputs
--from S      all that is needed             S and what depends on it run again
--only S      S and what it needs            S runs again, and nothing else: the rest is kept, or given
--refresh S   all that is needed             S runs again; what depends on it, only if it gives something else
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
        start: `--from`.
        refresh: any number of stages.
    """

    until: str | None = None
    start: str | None = None
    only: str | None = None
    refresh: frozenset[str] = field(default_factory=frozenset)

    def check(self, graph: Graph) -> None:
        """Refuse what the graph does not have.

        Raises:
            RunError: no such stage; or `only` beside `until` or `start`, or `start` that `until` does not need.
        """
        for name in (self.until, self.start, self.only, *sorted(self.refresh)):
            if name is not None and name not in graph.stages:
                raise RunError(f"no stage is called '{name}'{suggest(name, graph.stages)}")
        if self.only is not None and (self.until or self.start):
            raise RunError("`only` is `start` and `until` in one: give it alone")
        if self.start is not None and self.start not in {spec.name for spec in needed(graph, self._ends(graph), ())}:
            end = f"'{self.until}' does" if self.until else "the graph's outputs do"
            raise RunError(f"start at {self.start}: {end} not depend on that stage")

    def outputs(self, graph: Graph) -> dict[str, Ref]:
        """What a run of this part gives: outputs of the graph by name, ports of its last stage as 'stage.port'."""
        last = self.until or self.only
        if last is None:
            return dict(graph.outputs)
        named = {name: ref for name, ref in graph.outputs.items() if ref.stage == last}
        return {**named, **{f"{last}.{ref.port}": ref for ref in self._ends(graph)}}

    def again(self, graph: Graph) -> frozenset[str]:
        """The stages that run even if their results are kept."""
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
    """The outputs of a stage, as references."""
    return [Ref(spec.name, port) for port in spec.outputs]


def needed(graph: Graph, ends: Iterable[Ref], given: Collection[Ref]) -> list[StageSpec]:
    """The stages that `ends` depend on, in the graph's order; nothing above a port in `given`."""
    found: set[str] = set()
    pending = list(ends)
    while pending:
        ref = pending.pop()
        if ref not in given and ref.stage in graph.stages and ref.stage not in found:
            found.add(ref.stage)
            pending += [wire.ref for wire in graph.stages[ref.stage].inputs.values()]
    return [spec for spec in graph.stages.values() if spec.name in found]


def sinks(graph: Graph) -> list[Ref]:
    """The ports of the stages that no other stage takes from."""
    taken = {wire.ref.stage for spec in graph.stages.values() for wire in spec.inputs.values()}
    return [ref for spec in graph.stages.values() if spec.name not in taken for ref in ports(spec)]
