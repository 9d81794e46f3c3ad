"""The public names, and what a program does with them on the graph that speaks."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import runner
from runner import Cache, Graph, LineError, Pipeline, RunError, Scope
from runner.engine.options import RunOptions
from tests.runner.timed_speech import LIMIT, TOKEN

NAMES = {
    *(
        "Cache",
        "Delivery",
        "Graph",
        "Observer",
        "Part",
        "Pipeline",
        "Plan",
        "Result",
        "RunOptions",
        "SAMPLE_RATE_HZ",
        "Scope",
    ),
    *("BuildError", "GraphError", "KokoroError", "LineError", "RunError", "SpecError", "WeightsError"),
    *("In", "Out", "Ref", "RunState", "StageError", "StageSpec", "stage", "warn"),
}


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `code`."""
    command = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_these_names_are_public_and_no_others() -> None:
    assert set(runner.__all__) == NAMES
    assert set(dir(runner)) >= NAMES
    assert {name: getattr(runner, name).__name__ for name in NAMES - {"SAMPLE_RATE_HZ"}} == {
        name: name for name in NAMES - {"SAMPLE_RATE_HZ"}
    }
    assert runner.SAMPLE_RATE_HZ == 24000
    with pytest.raises(AttributeError, match="kokoro_run has no public name 'Grpah'"):
        _ = getattr(runner, "Grpah")  # noqa: B009 - mypy knows that there is none


def test_importing_loads_no_module() -> None:
    assert loaded("import runner") - loaded("pass") == {"runner", "__future__"}


def test_the_door_to_a_plan_needs_no_compiler() -> None:
    code = "from runner import *; Graph.load(); Pipeline, Plan, Part"
    assert not loaded(code) & {"tvm", "tvm_ffi", "torch", "click", "rich"}


@pytest.fixture
def pipeline(timed_graph: Path, stage_cache: Path) -> Pipeline:
    return Pipeline(Graph.load(timed_graph), cache=Cache(stage_cache))


def test_a_graph_is_loaded_with_what_the_command_line_takes(timed_graph: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "fast.yaml"
    overlay.write_text("params: {speed: 2.0}\n")
    assert Graph.load(timed_graph, [overlay]).params["speed"] == 2.0
    graph = Graph.load(str(timed_graph), [str(overlay)], ["params.speed=3.0"])
    assert (type(graph), graph.params["speed"]) == (Graph, 3.0)
    assert type(graph.timed()) is Graph
    assert list(graph.timed().outputs) == ["audio", "durations"]


def test_the_default_cache_is_the_command_lines(stage_cache: Path) -> None:
    assert Cache().root == stage_cache


def test_a_plan_says_what_the_run_then_does(pipeline: Pipeline) -> None:
    for seed, expected in ((0, ["tokenize", "tones"]), (0, []), (1, ["tones"])):
        plan = pipeline.plan({"phonemes": "hɛ"}, RunOptions(params={"seed": seed}))
        result = pipeline.run({"phonemes": "hɛ"}, RunOptions(params={"seed": seed}))
        assert [name for name, stage in plan.stages.items() if stage.status == "run"] == expected
        assert list(result.timings) == expected


def test_a_run_gives_arrays_by_port_name(pipeline: Pipeline) -> None:
    assert list(pipeline.run({"phonemes": "hɛ"})) == ["audio"]
    assert pipeline.run({"phonemes": "hɛ"}, RunOptions(keep=True))["tones.durations"].tolist() == [[1, 1, 1, 1]]
    assert list(pipeline.run({"phonemes": "hɛ"}, RunOptions(scope=Scope(until="tones")))) == [
        "audio",
        "tones.audio",
        "tones.durations",
    ]


def test_a_stream_reads_a_line_when_it_is_asked_for_one(pipeline: Pipeline) -> None:
    read = []

    def lines() -> Iterator[str]:
        for count in itertools.count(1):
            read.append(count)
            yield "h" * count

    parts = pipeline.stream(lines())
    assert read == []
    assert [(part.origin, part.audio.size) for part in itertools.islice(parts, 2)] == [
        ("line 1", 3 * TOKEN),
        ("line 2", 4 * TOKEN),
    ]
    assert read == [1, 2]


def test_a_stream_gives_what_runs_give(pipeline: Pipeline) -> None:
    words = ["hɛ", "ɛh"]
    for text, part in zip(words, pipeline.stream(words, RunOptions({"speed": 2.0}, keep=True)), strict=True):
        alone = pipeline.run({"phonemes": text}, RunOptions(params={"speed": 2.0}, keep=True))
        assert part.result.keys() == alone.keys()
        np.testing.assert_array_equal(part.audio, alone["audio"])


def test_one_string_is_one_line(pipeline: Pipeline) -> None:
    (part,) = pipeline.stream("hɛ")
    assert part.audio.size == 4 * TOKEN


def test_a_long_line_comes_in_parts(pipeline: Pipeline) -> None:
    long = ". ".join(["h" * (LIMIT - 2)] * 3)
    assert [part.origin for part in pipeline.stream([long, "h"])] == ["line 1"] * 3 + ["line 2"]


@pytest.mark.parametrize("bad", ["", "hé", "h\ud800", "h" * (LIMIT + 1)])
def test_a_stream_ends_with_the_line_that_cannot_be_spoken(pipeline: Pipeline, bad: str) -> None:
    parts = pipeline.stream(["h", bad, "h"])
    assert next(parts).origin == "line 1"
    with pytest.raises(LineError) as error:
        next(parts)
    assert error.value.origin == "line 2"
    assert list(parts) == []


def test_what_holds_for_all_lines_is_checked_before_the_first(pipeline: Pipeline) -> None:
    with pytest.raises(RunError, match="a graph that tells times has an output 'durations'"):
        pipeline.stream(["h"], timed=True)


def test_libraries_made_elsewhere_are_not_built(pipeline: Pipeline) -> None:
    assert pipeline.stale() == {}
    pipeline.build(lambda stage, state, seconds: pytest.fail(f"{stage} {state} {seconds}"))
