"""What happens at the same time as something else: text_encoder while bert runs, libraries that a thread loads."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from runner.api import Pipeline
from runner.cache.cache import Cache
from runner.engine.compiled_stage import CompiledStage
from runner.engine.concurrency import ENOUGH_THREADS, SECOND_THREADS, Concurrency
from runner.engine.execution import Execution
from runner.engine.options import RunOptions
from runner.engine.run_state import StartedStage, Status
from runner.engine.trace import CONCURRENT, STAGE, Event, Trace
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.types import StageSpec
from runner.runtime import manifest as manifests
from runner.runtime.values import Sizes

T = TypeVar("T")
WORD = {"phonemes": "hɛ"}
WORDS = "hɛlˈoʊ wˈɜːld"


def alone(work: Callable[[], T]) -> T:
    """`work` in a thread of its own: a thread's pool of kernels never grows, and other tests' have two."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_second_stages_share_one_thread() -> None:
    concurrency = Concurrency(ENOUGH_THREADS)
    first, second = (concurrency.submit(lambda threads: (threads, threading.get_ident())).result() for _ in range(2))
    assert first == second
    assert first[0] == SECOND_THREADS
    assert first[1] != threading.get_ident()


class Noting(Pipeline):
    """Notes on how many threads each stage runs; `bert` begins only when `text_encoder` has run."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trace = Trace()
        self.observers.append(self.trace)
        self._call, self.context.call = self.context.call, self._noted  # type: ignore[method-assign]
        self.threads: dict[str, int] = {}
        self.waited = threading.Event()
        self.fail: str | None = None

    @property
    def events(self) -> list[Event]:
        return self.trace.events

    def _noted(self, spec: StageSpec, inputs: Mapping[str, Any], sizes: Sizes, threads: int, warn: Any) -> Any:
        self.threads[spec.name] = threads
        if spec.name == "bert" and threads == ENOUGH_THREADS - SECOND_THREADS:
            assert self.waited.wait(30), "text_encoder did not run beside bert"
        if spec.name == self.fail:
            self.waited.set()
            raise RunError(f"{spec.name} fails")
        outputs = self._call(spec, inputs, sizes, threads, warn)
        if spec.name == "text_encoder":
            self.waited.set()
        return outputs


@pytest.fixture
def noting(tiny_model: Path, tiny_root: Path, stage_cache: Path) -> Callable[..., Noting]:
    def pipeline(threads: int, *, cached: bool = False) -> Noting:
        graph = load_graph("default", [str(tiny_model)])
        cache = Cache(stage_cache) if cached else None
        return Noting(graph, tiny_root, threads=threads, cache=cache)

    return pipeline


def test_text_encoder_runs_beside_bert_and_nothing_changes(noting: Callable[..., Noting]) -> None:
    one, four = noting(1), noting(ENOUGH_THREADS)
    expected = one.run({"phonemes": WORDS}, RunOptions(keep=True))
    given = alone(lambda: four.run({"phonemes": WORDS}, RunOptions(keep=True)))
    assert given.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(given[name], value, err_msg=name)
    assert four.threads["text_encoder"] == SECOND_THREADS
    assert four.threads["bert"] == ENOUGH_THREADS - SECOND_THREADS
    assert four.threads["decoder"] == ENOUGH_THREADS
    kinds = {event.name: event.kind for event in four.events if event.kind in (STAGE, CONCURRENT)}
    assert [name for name, kind in kinds.items() if kind == CONCURRENT] == ["text_encoder"]
    assert given.timings.keys() == expected.timings.keys()
    assert all(seconds > 0 for seconds in given.timings.values())


def test_few_threads_run_one_stage_after_the_other(noting: Callable[..., Noting]) -> None:
    pipeline = noting(ENOUGH_THREADS - 1)
    alone(lambda: pipeline.run({"phonemes": WORDS}))
    assert pipeline.threads["text_encoder"] == ENOUGH_THREADS - 1
    assert not any(event.kind == CONCURRENT for event in pipeline.events)


def test_what_ran_beside_is_kept_and_what_is_kept_does_not_run(noting: Callable[..., Noting]) -> None:
    runs = noting(ENOUGH_THREADS, cached=True)
    first = alone(lambda: runs.run({"phonemes": WORDS}))
    assert first.stages["text_encoder"].status == Status.RUN
    assert runs.threads["text_encoder"] == SECOND_THREADS
    second = noting(ENOUGH_THREADS, cached=True)
    again = alone(lambda: second.run({"phonemes": WORDS}))
    assert {run.status for run in again.stages.values()} == {Status.HIT}
    assert not second.threads
    np.testing.assert_array_equal(again["audio"], first["audio"])


@pytest.mark.parametrize("stage", ["bert", "text_encoder"])
def test_a_failure_of_either_is_told_and_the_pipeline_still_serves(noting: Callable[..., Noting], stage: str) -> None:
    pipeline = noting(ENOUGH_THREADS)
    pipeline.fail = stage

    def run() -> Any:
        with pytest.raises(RunError, match=f"{stage} fails"):
            pipeline.run({"phonemes": WORDS})
        assert pipeline.threads["text_encoder"] == SECOND_THREADS
        pipeline.fail = None
        return pipeline.run({"phonemes": WORDS})

    expected = noting(1).run({"phonemes": WORDS})
    np.testing.assert_array_equal(alone(run)["audio"], expected["audio"])


def test_only_the_first_library_is_waited_for(noting: Callable[..., Noting], monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, may_go_on, loaded = noting(1), threading.Event(), []
    load = CompiledStage.load

    def slowly(stage: CompiledStage) -> Any:
        if threading.current_thread() is not threading.main_thread():
            assert may_go_on.wait(30)
        loaded.append(stage.library.stem)
        return load(stage)

    monkeypatch.setattr(CompiledStage, "load", slowly)
    pipeline.load(["bert", "duration", "decoder"], wait=False)
    assert loaded == ["bert"]
    may_go_on.set()
    pipeline.load(["decoder"])
    assert pipeline.run({"phonemes": WORDS})["audio"].size


@pytest.fixture
def copied(tiny_model: Path, tiny_root: Path, tmp_path: Path) -> Pipeline:
    """A pipeline on libraries of its own, to be changed."""
    shutil.copytree(tiny_root, tmp_path / "build")
    graph = load_graph("default", [str(tiny_model)])
    return Pipeline(graph, tmp_path / "build", threads=1)


def library(pipeline: Pipeline, stage: str) -> Path:
    found = pipeline.executors[stage]
    assert isinstance(found, CompiledStage)
    return found.library


def test_what_is_wrong_with_a_later_library_is_found_at_once(copied: Pipeline) -> None:
    library(copied, "decoder").write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"stage 'decoder': .*; build it with: kokoro-run build"):
        copied.load(["bert", "decoder"], wait=False)


def test_a_library_that_was_looked_at_and_then_built_again_is_what_is_loaded(copied: Pipeline) -> None:
    path = library(copied, "decoder")
    decoder, manifest = path.read_bytes(), manifests.manifest_path(library(copied, "text_encoder"))
    path.unlink()
    with pytest.raises(RunError, match="decoder"):
        copied.load(["bert", "text_encoder", "decoder"], wait=False)
    path.write_bytes(decoder)
    manifest.write_text("{}", "utf-8")
    with pytest.raises(RunError, match="text_encoder"):
        copied.run({"phonemes": WORDS})


def test_nothing_is_loaded_twice(copied: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    copied.load()
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("a thread has nothing to load"))
    copied.load(wait=False)


@pytest.fixture
def twice(toy_graph: Path, toy_root: Path, stage_cache: Path) -> Pipeline:
    """The toy graph with its compiled stage a second time, as `again`."""
    text = toy_graph.read_text("utf-8")
    scaled = text[text.index("  scaled:") : text.index("outputs:\n  y:")]
    again = f"{scaled.replace('scaled:', 'again:', 1)}outputs:\n  again: again.y\n  y:"
    toy_graph.write_text(text.replace("outputs:\n  y:", again), "utf-8")
    return Pipeline(load_graph(str(toy_graph)), toy_root, threads=ENOUGH_THREADS, cache=Cache(stage_cache))


def test_a_stage_that_was_started_has_run_though_its_results_are_there_by_then(
    twice: Pipeline, stage_cache: Path
) -> None:
    """`scaled` and `again` give equal arrays, so that keeping those of one brings back those of the other."""
    alone(lambda: twice.run(WORD))
    for path in (stage_cache / "tensors").rglob("*.npy"):
        path.unlink()
    result = alone(lambda: twice.run(WORD))
    assert {name: run.status for name, run in result.stages.items()} == dict.fromkeys(twice.graph.stages, Status.RUN)
    assert result["again"].tolist() == result["y"].tolist() == [[0, 100, 172, 0]]


CALLS: dict[str, Callable[[Pipeline], object]] = {
    "check_input": lambda pipeline: pipeline.prepare(WORD),
    "finish": lambda pipeline: pipeline.finish(pipeline.start(WORD)),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_waits_for_the_stage_that_was_started(
    twice: Pipeline, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        outcome: Future[Any] = pool.submit(time.sleep, 0.2)

        def start_and_fail(execution: Execution, **_: Any) -> None:
            execution._run.started["again"] = StartedStage(None, outcome)
            raise RunError("scaled fails")

        monkeypatch.setattr(Execution, call, start_and_fail)
        with pytest.raises(RunError, match="scaled fails"):
            CALLS[call](twice)
        assert outcome.done()
