"""Notes when each stage of a run was at work, for the report's timeline and as Chrome trace events.

    Trace (an observer) --events--> report
                            `-----> out.json: opens in Perfetto (ui.perfetto.dev) and chrome://tracing

The tracks of a trace: runs of the graph, stages, the cache with the loading of libraries, and what runs concurrently
with these.

Source: Trace Event Format, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.engine.observers import Observer
from runner.files.replace import replace_text
from runner.graph.types import CONSTANTS
from runner.runtime.values import spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from runner.engine.pipeline import Result
    from runner.engine.run_state import RunState
    from runner.graph.types import Ref, StageSpec

RUN, STAGE, CONCURRENT, HIT, CACHE, LIBRARY = "run", "stage", "concurrent", "hit", "cache", "library"
BACKGROUND = "library, background"
_TRACKS = {RUN: 1, STAGE: 2, HIT: 2, CACHE: 3, LIBRARY: 3, CONCURRENT: 4, BACKGROUND: 5}
_TRACK_NAMES = {
    1: "runs",
    2: "stages",
    3: "cache and libraries",
    4: "concurrent stages",
    5: "libraries in the background",
}


@dataclass(frozen=True)
class Event:
    """Something that took time, or, as a hit, none.

    Attributes:
        name: the stage, or what was done.
        kind: one of those above.
        start: from the beginning of the trace [s].
        seconds: that it took.
        owner: `id` of the run's state; None for the loading of libraries.
    """

    name: str
    kind: str
    start: float
    seconds: float
    owner: int | None
    details: dict[str, Any] = field(default_factory=dict)


class Trace(Observer):
    """Notes when what happened.

    Attributes:
        events: in the order of their ends.
        runs: the runs that were asked to keep all ports, and what they gave.
    """

    def __init__(self) -> None:
        """Start the clock of the events."""
        self.events: list[Event] = []
        self.runs: list[tuple[RunState, Result]] = []
        self._zero = time.perf_counter()

    def input_checked(self, run: RunState, seconds: float) -> None:
        self._note("prepare", RUN, run, seconds, _outside(run))

    def stage_finished(
        self, run: RunState, spec: StageSpec, outputs: Mapping[str, Any] | None, seconds: float, *, concurrent: bool
    ) -> None:
        types = {port: spell(value) for port, value in (outputs or {}).items()}
        self._note(spec.name, CONCURRENT if concurrent else STAGE, run, seconds, {"device": spec.device, **types})

    def stage_hit(self, run: RunState, spec: StageSpec, key: str) -> None:
        self._note(spec.name, HIT, run, 0.0, {"key": key})

    def cache_read(self, run: RunState, ref: Ref, seconds: float) -> None:
        self._note(f"read {ref}", CACHE, run, seconds, {})

    def cache_written(self, run: RunState, spec: StageSpec, size: int, seconds: float) -> None:
        self._note(f"keep {spec.name}", CACHE, run, seconds, {"bytes": size})

    def libraries_loaded(self, stages: Sequence[str], seconds: float, *, background: bool) -> None:
        self._note("load libraries", BACKGROUND if background else LIBRARY, None, seconds, {"stages": list(stages)})

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:
        self._note("finish", RUN, run, seconds, _outside(run))
        if run.options.keep and result is not None:
            self.runs.append((run, result))

    def _note(self, name: str, kind: str, run: RunState | None, seconds: float, details: dict[str, Any]) -> None:
        start = time.perf_counter() - seconds - self._zero
        owner = None if run is None else id(run)
        self.events.append(Event(name, kind, start, seconds, owner, details))


def _outside(run: RunState) -> dict[str, Any]:
    """The inputs and parameters of a run that JSON can spell."""
    named = {str(ref): value for ref, value in run.given.items() if ref.stage != CONSTANTS}
    return {name: value for name, value in named.items() if isinstance(value, str | int | float | bool)}


def chrome_trace(events: Iterable[Event], name: str) -> dict[str, Any]:
    """The events as the JSON table that Perfetto reads; times are in microseconds."""
    process = os.getpid()
    tracks = [_named(process, track, "thread_name", text) for track, text in _TRACK_NAMES.items()]
    slices = [_slice(process, event) for event in sorted(events, key=lambda event: (event.start, -event.seconds))]
    return {"displayTimeUnit": "ms", "traceEvents": [_named(process, 0, "process_name", name), *tracks, *slices]}


def _named(process: int, track: int, what: str, text: str) -> dict[str, Any]:
    return {"ph": "M", "pid": process, "tid": track, "name": what, "args": {"name": text}}


def _slice(process: int, event: Event) -> dict[str, Any]:
    common = {
        "name": event.name, "cat": event.kind, "pid": process, "tid": _TRACKS[event.kind],
        "ts": round(event.start * 1e6, 3), "args": event.details,
    }  # fmt: skip
    if event.kind == HIT:
        return {**common, "ph": "i", "s": "t"}
    return {**common, "ph": "X", "dur": round(event.seconds * 1e6, 3)}


def write_trace(path: Path, events: Iterable[Event], name: str) -> None:
    """Write the trace to `path`, whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    replace_text(path, json.dumps(chrome_trace(events, name), ensure_ascii=False))
