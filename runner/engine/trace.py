"""When each stage of a run was at work, for the report's timeline and as Chrome trace events.

    Traced(Pipeline) --events--> report
                        `------> out.json: opens in Perfetto (ui.perfetto.dev) and chrome://tracing

The tracks of a trace: utterances, stages, the cache with the loading of libraries, and what runs beside these.

Source: Trace Event Format, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.engine.pipeline import Pipeline
from runner.files.replace import replace_text
from runner.runtime.values import spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from runner.engine.executors import CompiledStage
    from runner.engine.pipeline import Result
    from runner.engine.run_state import Request, StageRun
    from runner.engine.stage_cache import Found
    from runner.graph.types import StageSpec
    from runner.runtime.values import Array, Sizes

UTTERANCE, STAGE, BESIDE, HIT, CACHE, LIBRARY = "utterance", "stage", "beside", "hit", "cache", "library"
BEHIND = "library, behind"
_TRACKS = {UTTERANCE: 1, STAGE: 2, HIT: 2, CACHE: 3, LIBRARY: 3, BESIDE: 4, BEHIND: 5}
_TRACK_NAMES = {
    1: "utterances",
    2: "stages",
    3: "cache and libraries",
    4: "stages beside them",
    5: "libraries behind them",
}


@dataclass(frozen=True)
class Event:
    """Something that took time, or, as a hit, none.

    Attributes:
        name: the stage, or what was done.
        kind: one of those above; BESIDE, a stage that runs while another does; BEHIND, libraries likewise.
        start, seconds: from the pipeline's beginning [s].
        owner: `id` of the request that it was for; None of what was only checked, and of the loading of libraries.
    """

    name: str
    kind: str
    start: float
    seconds: float
    owner: int | None
    details: dict[str, Any] = field(default_factory=dict)


class Traced(Pipeline):
    """A pipeline that notes when what happened.

    Attributes:
        events: in the order of their ends.
        spoken: the runs that were asked to keep all ports, and what they gave.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.events: list[Event] = []
        self.spoken: list[tuple[Request, Result]] = []
        self._zero = time.perf_counter()
        self._owner: int | None = None
        self._thread = threading.get_ident()

    def load(self, stages: Iterable[str] | None = None, *, wait: bool = True) -> None:
        names = list(self.graph.stages if stages is None else stages)
        with self._noted("load libraries", LIBRARY, {"stages": names}):
            super().load(names, wait=wait)

    def _load_behind(self, stages: Sequence[CompiledStage]) -> None:
        with self._noted("load libraries", BEHIND, {"stages": [stage.path.stem for stage in stages]}):
            super()._load_behind(stages)

    def finish(self, request: Request, *, last: bool = False) -> Result:
        with self.lock, self._owned(request), self._noted("finish", UTTERANCE, _asked(request)):
            result = super().finish(request, last=last)
        if request.keep:
            self.spoken.append((request, result))
        return result

    def _begin(self, request: Request) -> Request:
        name = "prepare" if request.cached else "check"
        with self.lock, self._owned(request), self._noted(name, UTTERANCE, _asked(request)):
            return super()._begin(request)

    def _call(
        self, spec: StageSpec, inputs: Mapping[str, Any], sizes: Sizes, threads: int | None = None
    ) -> dict[str, Array]:
        details: dict[str, Any] = {"device": spec.device}
        with self._noted(spec.name, STAGE if threading.get_ident() == self._thread else BESIDE, details):
            outputs = super()._call(spec, inputs, sizes, threads)
            details |= {port: spell(value) for port, value in outputs.items()}
        return outputs

    def _take_kept(self, request: Request, spec: StageSpec, found: Found) -> bool:
        taken = super()._take_kept(request, spec, found)
        if taken:
            self._note(spec.name, HIT, time.perf_counter(), {"key": found.key})
        return taken

    def _kept(self, request: Request, ref: str) -> Array | None:
        with self._noted(f"read {ref}", CACHE, {}):
            return super()._kept(request, ref)

    def _keep(self, run: StageRun, spec: StageSpec, found: Found, outputs: Mapping[str, Array]) -> dict[str, str]:
        with self._noted(f"keep {spec.name}", CACHE, {"bytes": sum(value.nbytes for value in outputs.values())}):
            return super()._keep(run, spec, found, outputs)

    @contextlib.contextmanager
    def _owned(self, request: Request) -> Iterator[None]:
        before, self._owner = self._owner, id(request) if request.cached else None
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._owner = before

    @contextlib.contextmanager
    def _noted(self, name: str, kind: str, details: dict[str, Any]) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._note(name, kind, start, details)

    def _note(self, name: str, kind: str, start: float, details: dict[str, Any]) -> None:
        seconds = 0.0 if kind == HIT else time.perf_counter() - start
        self.events.append(Event(name, kind, start - self._zero, seconds, self._owner, details))


def _asked(request: Request) -> dict[str, Any]:
    return {ref: value for ref, value in request.given.items() if isinstance(value, str | int | float | bool)}


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
