"""Chrome trace events: what Perfetto asks of them, and that they tell what happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.engine.trace import (
    BACKGROUND,
    CACHE,
    CONCURRENT,
    HIT,
    LIBRARY,
    RUN,
    STAGE,
    Event,
    Trace,
    chrome_trace,
    write_trace,
)
from runner.errors import RunError
from runner.graph.load import load_graph

COMMON = {"name": str, "ph": str, "pid": int, "tid": int}
OF_PHASE: dict[str, dict[str, Any]] = {
    "M": {**COMMON, "args": dict},
    "X": {**COMMON, "cat": str, "ts": float, "dur": float, "args": dict},
    "i": {**COMMON, "cat": str, "ts": float, "s": str, "args": dict},
}


@pytest.fixture
def pipeline(toy_graph: Path, toy_root: Path, tmp_path: Path) -> Pipeline:
    made = Pipeline(load_graph(str(toy_graph)), toy_root, cache=Cache(tmp_path / "kept"))
    made.observers.append(Trace())
    return made


def events(pipeline: Pipeline) -> list[Event]:
    (trace,) = pipeline.observers
    assert isinstance(trace, Trace)
    return trace.events


def slices(pipeline: Pipeline, phase: str) -> list[dict[str, Any]]:
    return [event for event in chrome_trace(events(pipeline), "toy")["traceEvents"] if event["ph"] == phase]


def test_events_have_the_fields_of_their_phase(pipeline: Pipeline) -> None:
    for _ in range(2):
        pipeline.run({"phonemes": "hɛ"})
    trace = json.loads(json.dumps(chrome_trace(events(pipeline), "toy"), allow_nan=False))
    assert trace.keys() == {"traceEvents", "displayTimeUnit"}
    for event in trace["traceEvents"]:
        fields = OF_PHASE[event["ph"]]
        assert event.keys() == fields.keys()
        for name, kind in fields.items():
            assert isinstance(event[name], kind), (name, event)
    assert {event["ph"] for event in trace["traceEvents"]} == OF_PHASE.keys()


def test_slices_of_a_track_lie_side_by_side_or_within_one_another(pipeline: Pipeline) -> None:
    pipeline.run({"phonemes": "hɛ"})
    for track in (1, 2, 3):
        open_until: list[float] = []
        for event in (event for event in slices(pipeline, "X") if event["tid"] == track):
            while open_until and open_until[-1] <= event["ts"] + 1e-3:
                open_until.pop()
            end = event["ts"] + event["dur"]
            assert not open_until or end <= open_until[-1] + 1e-3, event
            open_until.append(end)


def test_stages_are_slices_and_hits_are_instants(pipeline: Pipeline) -> None:
    pipeline.run({"phonemes": "hɛ"})
    ran = [event for event in slices(pipeline, "X") if event["cat"] == "stage"]
    assert [event["name"] for event in ran] == ["tokenize", "scaled"]
    assert ran[1]["args"] == {"device": "cpu:0", "y": "float32[1, 4]", "n": "float32[1, 8]"}
    assert ran[0]["ts"] + ran[0]["dur"] <= ran[1]["ts"]
    pipeline.run({"phonemes": "hɛ"})
    assert [event["name"] for event in slices(pipeline, "i")] == ["tokenize", "scaled"]


def test_times_are_those_of_the_run(pipeline: Pipeline) -> None:
    result = pipeline.run({"phonemes": "hɛ"})
    for event in (event for event in slices(pipeline, "X") if event["cat"] == "stage"):
        assert event["dur"] == pytest.approx(result.timings[event["name"]] * 1e6, abs=2000)


def test_trace_is_not_written_to_a_folder(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        write_trace(tmp_path, events(pipeline), "toy")


def test_a_run_without_a_cache_is_prepared_and_finished(toy_graph: Path, toy_root: Path) -> None:
    pipeline = Pipeline(load_graph(str(toy_graph)), toy_root)
    pipeline.observers.append(Trace())
    pipeline.run({"phonemes": "hɛ"})
    assert [(e.name, e.owner is None) for e in events(pipeline) if e.kind == RUN] == [
        ("prepare", False),
        ("finish", False),
    ]


def test_each_kind_of_event_has_its_track() -> None:
    events = [Event("it", kind, 0.0, 0.5, None) for kind in (RUN, STAGE, HIT, CACHE, LIBRARY, CONCURRENT, BACKGROUND)]
    trace = chrome_trace(events, "toy")["traceEvents"]
    names = {event["tid"]: event["args"]["name"] for event in trace if event["name"] == "thread_name"}
    assert {event["cat"]: names[event["tid"]] for event in trace if "cat" in event} == {
        RUN: "runs",
        STAGE: "stages",
        HIT: "stages",
        CACHE: "cache and libraries",
        LIBRARY: "cache and libraries",
        CONCURRENT: "concurrent stages",
        BACKGROUND: "libraries in the background",
    }


def test_of_events_that_begin_together_the_longest_is_first() -> None:
    events = [Event(name, STAGE, 1.0, seconds, None) for name, seconds in (("b", 0.2), ("a", 0.5), ("c", 0.1))]
    trace = chrome_trace(events, "toy")["traceEvents"]
    assert [(e["name"], e["ts"], e["dur"]) for e in trace if e["ph"] == "X"] == [
        ("a", 1e6, 5e5),
        ("b", 1e6, 2e5),
        ("c", 1e6, 1e5),
    ]


def test_what_the_cache_does_is_told(pipeline: Pipeline) -> None:
    pipeline.run({"phonemes": "hɛ"})
    pipeline.run({"phonemes": "hɛ"})
    assert [(event["name"], event["args"]) for event in slices(pipeline, "X") if event["cat"] == CACHE] == [
        ("keep tokenize", {"bytes": 4 * 8 + 8 + 4 + 4 * 8}),
        ("keep scaled", {"bytes": 4 * 4 + 8 * 4}),
        ("read scaled.y", {}),
    ]


def test_runs_that_keep_all_ports_are_noted_with_their_results(pipeline: Pipeline) -> None:
    pipeline.run({"phonemes": "hɛ"})
    result = pipeline.run({"phonemes": "hɛ"}, RunOptions(keep=True))
    (trace,) = pipeline.observers
    assert isinstance(trace, Trace)
    assert [(run.options.keep, kept) for run, kept in trace.runs] == [(True, result)]


def test_events_start_from_the_beginning_of_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter", iter([100.0, 350.0, 360.0]).__next__)
    trace = Trace()
    for background in (False, True):
        trace.libraries_loaded(["scaled"], 20.0, background=background)
    assert [(event.kind, event.start, event.seconds) for event in trace.events] == [
        (LIBRARY, 230.0, 20.0),
        (BACKGROUND, 240.0, 20.0),
    ]
