"""A run that is advanced to one value, and finished later: nothing runs twice, and the result is the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from runner.api import Pipeline
from runner.cache.cache import Cache
from runner.engine.observers import Observer
from runner.engine.options import RunOptions
from runner.engine.pipeline import Result
from runner.engine.run_state import RunState
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.selection import Scope
from runner.graph.types import Ref, StageSpec

Tiny = Callable[..., Pipeline]
WORDS = {"phonemes": "hɛlˈoʊ"}
DURATIONS = Ref("align", "durations")
FRONT = ["tokenize", "voice", "bert", "duration", "text_encoder", "align"]
BACK = ["f0n", "decoder", "trim"]


class Log(Observer):
    """Notes which stages begin, which are hits, and how runs end."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.hits: list[str] = []
        self.ended: list[bool] = []

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:  # noqa: ARG002
        self.ran.append(spec.name)

    def stage_hit(self, run: RunState, spec: StageSpec, key: str) -> None:  # noqa: ARG002
        self.hits.append(spec.name)

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:  # noqa: ARG002
        self.ended.append(result is not None)


@pytest.fixture(params=["cache", "no cache"])
def pipeline(request: pytest.FixtureRequest, tiny_model: Path, tiny_root: Path, stage_cache: Path) -> Pipeline:
    """The tiny model, with and without a cache."""
    cache = Cache(stage_cache) if request.param == "cache" else None
    return Pipeline(load_graph("default", [str(tiny_model)]), tiny_root, threads=1, cache=cache)


def watch(pipeline: Pipeline) -> Log:
    log = Log()
    pipeline.observers.append(log)
    return log


def test_only_the_stages_of_the_value_run_and_the_others_later(pipeline: Pipeline) -> None:
    log = watch(pipeline)
    run = pipeline.prepare(WORDS)
    durations = pipeline.advance(run, DURATIONS)
    assert log.ran == FRONT
    assert log.ended == []
    result = pipeline.finish(run)
    assert log.ran == [*FRONT, *BACK]
    assert log.ended == [True]
    assert result["audio"].size == 600 * durations.sum()
    assert list(result.timings) == [*FRONT, *BACK]


def test_the_result_is_that_of_a_run_at_one_go(pipeline: Pipeline, tiny_model: Path, tiny_root: Path) -> None:
    plain = Pipeline(load_graph("default", [str(tiny_model)]), tiny_root, threads=1).run(WORDS, RunOptions(keep=True))
    run = pipeline.prepare(WORDS, RunOptions(keep=True))
    np.testing.assert_array_equal(pipeline.advance(run, DURATIONS), plain["align.durations"])
    result = pipeline.finish(run)
    assert result.keys() == plain.keys()
    for port, value in result.items():
        np.testing.assert_array_equal(value, plain[port], err_msg=port)


def test_a_run_may_be_advanced_step_by_step(pipeline: Pipeline) -> None:
    log = watch(pipeline)
    run = pipeline.prepare(WORDS)
    pipeline.advance(run, Ref("duration", "logits"))
    assert log.ran == ["tokenize", "voice", "bert", "duration"]
    first = pipeline.advance(run, DURATIONS)
    second = pipeline.advance(run, DURATIONS)
    np.testing.assert_array_equal(first, second)
    assert sorted(log.ran) == sorted(FRONT)
    pipeline.finish(run)
    assert sorted(log.ran) == sorted([*FRONT, *BACK])


def test_what_the_cache_has_does_not_run(tiny: Tiny) -> None:
    tiny().run(WORDS)
    pipeline = tiny("params.seed=1")
    log = watch(pipeline)
    run = pipeline.prepare(WORDS)
    assert pipeline.advance(run, DURATIONS).shape == (1, 8)
    assert log.ran == []
    pipeline.finish(run)
    assert log.ran == ["decoder", "trim"]


def test_a_value_that_only_the_cache_has_is_read(tiny: Tiny) -> None:
    tiny().run(WORDS)
    pipeline = tiny()
    run = pipeline.prepare(WORDS)
    assert pipeline.advance(run, DURATIONS).shape == (1, 8)
    assert pipeline.finish(run).timings == {}


def test_a_stage_that_is_not_kept_runs_once(tiny: Tiny) -> None:
    tiny("stages.align.cache=false").run(WORDS)
    pipeline = tiny("stages.align.cache=false")
    log = watch(pipeline)
    run = pipeline.prepare(WORDS)
    assert pipeline.advance(run, DURATIONS).shape == (1, 8)
    pipeline.finish(run)
    assert log.ran == ["align"]


def test_a_given_value_needs_no_stage(pipeline: Pipeline) -> None:
    durations = np.ones((1, 8), np.int64)
    log = watch(pipeline)
    run = pipeline.prepare(WORDS, RunOptions(override={str(DURATIONS): durations}))
    before = list(log.ran)
    assert pipeline.advance(run, DURATIONS) is durations
    assert log.ran == before == ["tokenize", "voice"]


def test_a_value_that_no_output_depends_on_is_refused(pipeline: Pipeline) -> None:
    run = pipeline.prepare(WORDS, RunOptions(scope=Scope(until="duration")))
    with pytest.raises(RunError, match=r"^align.durations: no output that was asked for depends on it$"):
        pipeline.advance(run, DURATIONS)


def test_a_run_that_fails_on_the_way_has_ended(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RunError("out of order")

    align = pipeline.executors["align"]
    monkeypatch.setattr(align, "_call", fail, raising=True)
    log = watch(pipeline)
    run = pipeline.prepare(WORDS)
    with pytest.raises(RunError, match="out of order"):
        pipeline.advance(run, DURATIONS)
    assert log.ended == [False]


def test_the_last_run_gives_back_all_weights(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[str] = []
    for name, executor in pipeline.executors.items():
        monkeypatch.setattr(executor, "release_weights", lambda name=name: released.append(name))
    run = pipeline.prepare(WORDS)
    pipeline.advance(run, DURATIONS)
    assert released == []
    pipeline.finish(run, last=True)
    assert sorted(set(released)) == sorted([*FRONT, *BACK])


def test_several_runs_are_advanced_by_several_workers_at_once(tiny_model: Path, tiny_root: Path) -> None:
    pipeline = Pipeline(load_graph("default", [str(tiny_model)]), tiny_root, threads=2, workers=2)
    lines = ["hɛlˈoʊ", "wˈɜːld", "ðə smˈɔl dˈɔɡ", "ɹˈæn"]
    alone = {line: pipeline.run({"phonemes": line})["audio"] for line in lines}

    def speak(line: str) -> np.ndarray:
        run = pipeline.prepare({"phonemes": line})
        assert pipeline.advance(run, DURATIONS).sum() * 600 == alone[line].size
        audio: np.ndarray = pipeline.finish(run)["audio"]
        return audio

    with ThreadPoolExecutor(4) as threads:
        for line, audio in zip(lines * 4, threads.map(speak, lines * 4), strict=True):
            np.testing.assert_array_equal(audio, alone[line])
