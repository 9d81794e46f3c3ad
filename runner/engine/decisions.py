"""Decides what becomes of each stage of a run, from what is known now.

    forward    inputs --> digests --> key --> hit? then the digests of the outputs are known, and so on down
    backward   outputs --> their stages; above a stage that is a hit, nothing is needed

Deciding reads no array, loads no library and changes nothing; lookups are remembered in the run. `plan` shows the
decisions, `execution` carries them out, and decides again when a stage has run and more digests are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from runner.engine.run_state import Status
from runner.engine.stage_cache import key_digests
from runner.graph.selection import ports
from runner.runtime.values import STR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.engine.run_state import RunState
    from runner.engine.stage_cache import Lookup, StageCache
    from runner.graph.types import Graph, Ref, StageSpec


class Cause(StrEnum):
    """Why a stage has its status; the text is that of a plan."""

    NO_CACHE = "there is no cache"
    FORCED = "asked for"
    STALE = "its library is built first"
    MISS = "its results are not in the cache"
    UNCACHED = "its results are not kept (cache: false)"
    EVICTED = "evicted"
    NEVER_RAN = "nothing is kept for this stage"
    WAITS = "depends on stages above"
    IN_CACHE = "its results are in the cache"
    INJECTED = "its outputs are given"
    NOT_ASKED = "no output asked for depends on it"
    NOT_TAKEN = "what it gives is known, and nothing that runs takes it"
    HAS_RUN = "it has run, or was started"


@dataclass(frozen=True)
class Reason:
    """Why a stage has its status.

    Attributes:
        stages: of WAITS, the stages that it waits for.
        ports: of EVICTED, those whose arrays are gone.
        detail: of STALE and MISS, what changed.
    """

    cause: Cause
    stages: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    detail: str = ""

    def __str__(self) -> str:
        match self.cause:
            case Cause.WAITS:
                return " and ".join(self.stages)
            case Cause.EVICTED:
                return f"{self.cause}: {', '.join(self.ports)}"
            case Cause.STALE:
                return f"{self.cause}: {self.detail}"
            case Cause.MISS if self.detail:
                return self.detail
            case Cause.IN_CACHE:
                return ""
        return str(self.cause.value)


Outline = tuple[tuple[str, tuple[bool, ...] | None], ...]
"""The stages whose keys are known, each with the outputs that the cache has; None for a stage without an entry."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a stage, as far as that is known.

    Attributes:
        lookup: of the stage; None without a cache, or while its inputs are not known.
    """

    status: Status
    reason: Reason
    lookup: Lookup | None = None


class Decider:
    """Decides for the stages of one graph."""

    def __init__(self, graph: Graph, stage_cache: StageCache | None) -> None:
        self._graph, self._stage_cache = graph, stage_cache

    def decide(
        self, run: RunState, stale: Mapping[str, str] | None = None, *, explain: bool = False
    ) -> dict[str, Decision]:
        """Decide what becomes of each stage of the graph, from what is known now.

        Args:
            stale: stages whose libraries would be built first, with the reason.
            explain: find out how the key of a miss differs from those in the cache, which reads the cache.

        Raises:
            RunError: the code of a stage cannot be read.
        """
        cache = self._stage_cache if run.cached else None
        keys = _Keys(run, cache, stale or {})
        keys.find()
        return _Demand(self._graph, run, cache, keys, explain=explain).decide()

    def outline(self, run: RunState, stale: Mapping[str, str] | None = None) -> Outline:
        """Give all that the statuses of a run depend on: runs of one template with equal outlines get equal ones.

        Raises:
            RunError: the code of a stage cannot be read.
        """
        cache = self._stage_cache if run.cached else None
        if cache is None:
            return ()
        keys = _Keys(run, cache, stale or {})
        keys.find()
        return tuple((name, cache.present(lookup)) for name, lookup in keys.lookups.items())

    def lookup(self, run: RunState, spec: StageSpec) -> Lookup | None:
        """The lookup of one stage; None while the digest of an input is not known, or without a cache."""
        keys = _Keys(run, self._stage_cache if run.cached else None, {})
        keys.find()
        return keys.lookups.get(spec.name)


def see_sizes(run: RunState, spec: StageSpec, decision: Decision) -> None:
    """Bind the dims that the cache's record of a stage's outputs shows."""
    entry = None if decision.lookup is None else decision.lookup.entry
    if entry is not None and not run.is_forced(spec) and not run.has_run(spec):
        for port, output in entry.outputs.items():
            if spec.outputs[port] != STR:
                run.sizes.see(f"{spec.name}.{port}", spec.outputs[port], output.dtype, output.shape)


class _Keys:
    """The forward pass: digests and lookups, as far as they are known before anything more runs.

    Attributes:
        lookups: of the stages whose inputs are known.
        waits: stage -> the stages whose outputs it waits for, of those whose inputs are not known.
    """

    def __init__(self, run: RunState, cache: StageCache | None, stale: Mapping[str, str]) -> None:
        self._run, self._cache, self.stale = run, cache, stale
        self._digests = dict(run.digests)
        self.lookups: dict[str, Lookup] = {}
        self.waits: dict[str, tuple[str, ...]] = {}

    def find(self) -> None:
        if self._cache is None:
            return
        for spec in self._run.needed:
            if not self._run.has_run(spec) and spec.name not in self.stale:
                self._find(spec, self._cache)

    def _find(self, spec: StageSpec, cache: StageCache) -> None:
        refs = [wire.ref for wire in spec.inputs.values() if not wire.ref.is_setting]
        unknown = tuple(dict.fromkeys(ref.stage for ref in refs if ref not in self._digests))
        if unknown:
            self.waits[spec.name] = unknown
            return
        lookup = self.lookups[spec.name] = cache.find(self._run, spec, self._digests)
        digests: Mapping[str, str] = {}
        if lookup.entry is not None and not self._run.is_forced(spec):
            digests = {port: output.digest for port, output in lookup.entry.outputs.items()}
        elif not spec.cache:
            digests = key_digests(spec, lookup)
        for ref in ports(spec):
            if ref not in self._run.override and ref.port in digests:
                self._digests[ref] = digests[ref.port]


class _Demand:
    """The backward pass: which stages have to give something, and which of those run for it."""

    def __init__(self, graph: Graph, run: RunState, cache: StageCache | None, keys: _Keys, *, explain: bool) -> None:
        self._graph, self._run, self._cache, self._keys, self._explain = graph, run, cache, keys, explain
        self._asked = set(run.outputs.values())
        if run.options.keep:
            self._asked |= {ref for spec in run.needed for ref in ports(spec)}
        self._asked -= run.given.keys()
        # inputs of a stage that runs only if a result above it is new -> the stages that it waits for
        self._perhaps: dict[Ref, list[str]] = {}

    def decide(self) -> dict[str, Decision]:
        decisions = {spec.name: self._decide(spec) for spec in reversed(self._graph.stages.values())}
        return {name: decisions[name] for name in self._graph.stages}

    def _decide(self, spec: StageSpec) -> Decision:
        status, reason = self._status(spec)
        inputs = {wire.ref for wire in spec.inputs.values()} - self._run.given.keys()
        if status is Status.RUN and not self._run.has_run(spec):
            self._asked |= inputs
        elif status is Status.DEPENDS:
            for ref in inputs:
                self._perhaps.setdefault(ref, []).extend(reason.stages)
        return Decision(status, reason, self._keys.lookups.get(spec.name))

    def _status(self, spec: StageSpec) -> tuple[Status, Reason]:
        if self._run.stages[spec.name].status is Status.INJECTED:
            return Status.INJECTED, Reason(Cause.INJECTED)
        if spec not in self._run.needed:
            return Status.UNNEEDED, Reason(Cause.NOT_ASKED)
        if self._run.has_run(spec) or spec.name in self._run.started:
            return Status.RUN, Reason(Cause.HAS_RUN)
        if spec.name in self._keys.stale:
            return Status.RUN, Reason(Cause.STALE, detail=self._keys.stale[spec.name])
        if self._cache is None:
            return Status.RUN, Reason(Cause.NO_CACHE)
        if self._run.is_forced(spec):
            return Status.RUN, Reason(Cause.FORCED)
        if spec.name in self._keys.waits:
            return self._waiting(spec, self._cache)
        return self._known(spec, self._cache, self._keys.lookups[spec.name])

    def _waiting(self, spec: StageSpec, cache: StageCache) -> tuple[Status, Reason]:
        """Decide on a stage whose key is not known before a stage above it has run."""
        if self._explain and spec.cache and not cache.has_entries(spec):
            return Status.RUN, Reason(Cause.NEVER_RAN)
        if self._explain and not spec.cache and self._asked.intersection(ports(spec)):
            return Status.RUN, Reason(Cause.UNCACHED)
        return Status.DEPENDS, Reason(Cause.WAITS, stages=self._keys.waits[spec.name])

    def _known(self, spec: StageSpec, cache: StageCache, lookup: Lookup) -> tuple[Status, Reason]:
        """Decide on a stage whose key is known."""
        asked = [ref for ref in ports(spec) if ref in self._asked]
        perhaps = {ref: self._perhaps[ref] for ref in ports(spec) if ref in self._perhaps}
        entry = lookup.entry
        if entry is None and spec.cache:
            detail = cache.why_missed(spec, lookup) if self._explain else ""
            return Status.RUN, Reason(Cause.MISS, detail=detail)
        wanted = [ref for ref in (*asked, *perhaps) if not self._run.is_at_hand(ref)]
        absent = [ref for ref in wanted if entry is None or not cache.cache.present(entry, ref.port)]
        gone = tuple(ref.port for ref in asked if ref in absent)
        if gone:
            cause = Cause.UNCACHED if entry is None else Cause.EVICTED
            return Status.RUN, Reason(cause, ports=gone)
        waits = dict.fromkeys(stage for ref, stages in perhaps.items() if ref in absent for stage in stages)
        if waits:
            return Status.DEPENDS, Reason(Cause.WAITS, stages=tuple(waits))
        if not asked and not perhaps:
            status = Status.UNNEEDED if entry is not None else Status.DEFERRED
            return status if not self._explain else Status.UNNEEDED, Reason(Cause.NOT_TAKEN)
        return Status.HIT, Reason(Cause.IN_CACHE)
