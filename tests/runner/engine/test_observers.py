"""Observers: each event of a run is told once, in the order in which things happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.cache.cache import Cache
from runner.engine.observers import Observer
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline, Result
from runner.engine.run_state import RunState
from runner.engine.run_template import RunTemplate
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.types import Ref, StageSpec

WORD = "hɛ"
MISSES = [
    ("started", "tokenize", False),
    ("finished", "tokenize", ("input_ids", "length", "text_mask", "attention_mask"), False),
    ("written", "tokenize", 4 * 8 + 8 + 4 + 4 * 8),
    ("checked",),
    ("started", "scaled", False),
    ("finished", "scaled", ("y", "n"), False),
    ("written", "scaled", 4 * 4 + 8 * 4),
    ("ended", True),
]
HITS = [("hit", "tokenize"), ("hit", "scaled"), ("checked",), ("read", "scaled.y"), ("ended", True)]


class Log(Observer):
    """Notes every event."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.seconds: list[float] = []

    def _note(self, seconds: float, *event: Any) -> None:
        self.events.append(event)
        self.seconds.append(seconds)

    def input_checked(self, run: RunState, seconds: float) -> None:
        self._note(seconds, "checked")

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:
        self._note(0, "started", spec.name, concurrent)

    def stage_finished(
        self, run: RunState, spec: StageSpec, outputs: Mapping[str, Any] | None, seconds: float, *, concurrent: bool
    ) -> None:
        self._note(seconds, "finished", spec.name, outputs and tuple(outputs), concurrent)

    def stage_hit(self, run: RunState, spec: StageSpec, key: str) -> None:
        assert key.startswith(f"{spec.name}/")
        self._note(0, "hit", spec.name)

    def cache_read(self, run: RunState, ref: Ref, seconds: float) -> None:
        self._note(seconds, "read", str(ref))

    def cache_written(self, run: RunState, spec: StageSpec, size: int, seconds: float) -> None:
        self._note(seconds, "written", spec.name, size)

    def libraries_loaded(self, stages: Sequence[str], seconds: float, *, background: bool) -> None:
        self._note(seconds, "loaded", *stages, background)

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:
        self._note(seconds, "ended", result is not None)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def pipeline(toy_graph: Path, toy_root: Path, stage_cache: Path, log: Log) -> Pipeline:
    made = Pipeline(load_graph(str(toy_graph)), toy_root, cache=Cache(stage_cache))
    made.observers.append(log)
    return made


def test_every_event_of_a_run_is_told_once_and_in_order(pipeline: Pipeline, log: Log) -> None:
    pipeline.run({"phonemes": WORD})
    assert log.events == MISSES
    assert all(seconds >= 0 for seconds in log.seconds)
    log.events.clear()
    pipeline.run({"phonemes": WORD})
    assert log.events == HITS


def test_a_check_is_no_event(pipeline: Pipeline, log: Log) -> None:
    RunTemplate(pipeline, {}, ["phonemes"], RunOptions()).check({"phonemes": WORD})
    assert log.events == []


def test_a_failure_is_told_as_such(pipeline: Pipeline, log: Log) -> None:
    with pytest.raises(RunError):
        pipeline.prepare({"phonemes": "%"})
    assert log.events == [("started", "tokenize", False), ("finished", "tokenize", None, False), ("checked",)]


def test_a_stage_that_is_not_kept_is_not_told_to_be_written(
    toy_graph: Path, toy_root: Path, stage_cache: Path, log: Log
) -> None:
    graph = load_graph(str(toy_graph), sets=["stages.tokenize.cache=false"])
    pipeline = Pipeline(graph, toy_root, cache=Cache(stage_cache))
    pipeline.observers.append(log)
    pipeline.prepare({"phonemes": WORD})
    assert [event[0] for event in log.events] == ["started", "finished", "checked"]


def test_libraries_that_are_loaded_are_told(pipeline: Pipeline, log: Log) -> None:
    pipeline.load()
    assert log.events == [("loaded", "scaled", False)]


def test_a_warning_has_the_label_of_its_run(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    options = RunOptions({"skip_unknown": True}, label="50%s.txt:7")  # what a file is called is no format
    pipeline.finish(pipeline.prepare({"phonemes": "h%"}, options))
    assert caplog.messages == ["50%s.txt:7: tokenize: dropped 1 unknown symbol: '%' U+0025"]
    pipeline.prepare({"phonemes": "ɛ%"}, options, warn=False)
    assert len(caplog.messages) == 1
