"""A pipeline of several workers: runs of many threads at the same time, on the same weights."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.api import Pipeline
from runner.cache.cache import Cache
from runner.engine.concurrency import ENOUGH_THREADS, Concurrency
from runner.engine.observers import Observer
from runner.engine.options import RunOptions
from runner.engine.run_state import RunState
from runner.engine.run_template import RunTemplate
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.types import StageSpec
from tests.conftest import ROOT
from tests.systems import needs_proc

WORD = {"phonemes": "hɛ"}
Y = [[0, 100, 172, 0]]
WAIT_S = 60.0

MANY = """
import re, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from runner.api import Pipeline
from runner.errors import RunError
from runner.graph.load import load_graph

def speak(line):
    try:
        return pipeline.run({"phonemes": line})["audio"]
    except RunError as error:
        return np.frombuffer(str(error).encode(), np.uint8)

def anonymous_kb():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

pipeline = Pipeline(load_graph("default", [sys.argv[1]]), Path(sys.argv[2]), threads=2, workers=int(sys.argv[3]))
lines = ["hɛlˈoʊ", "wˈɜːld", "ðə smˈɔl dˈɔɡ ɹˈæn əwˈeɪ", "ɹˈæn", "#", "ðə smˈɔl dˈɔɡ"]
alone = {line: speak(line) for line in lines}
assert {line for line in lines if alone[line].dtype == np.uint8} == {"#"}
asked, held = lines * 34, []
with ThreadPoolExecutor(8) as threads:
    for part in (asked[:20], asked[20:200]):
        assert all(map(np.array_equal, threads.map(speak, part), map(alone.get, part)))
        held.append(anonymous_kb())
areas = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text())
weights = [area for area in areas if area.split("\\n")[0].endswith(".weights")]
print(held[1] - held[0], len(weights), {re.search(r"Anonymous:\\s+(\\d+)", area)[1] for area in weights})
"""


@needs_proc
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_200_runs_of_8_threads_give_what_each_gives_alone_in_constant_memory(
    tiny_model: Path, tiny_root: Path, workers: int
) -> None:
    command = [sys.executable, "-c", MANY, str(tiny_model), str(tiny_root), str(workers)]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # else the C library keeps memory for each thread
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    growth_kb, mapped, copied = ran.stdout.split()
    # From run 20 to run 200. Measured: up to 9 MB with one worker (TVM has buffers for each of 8 callers), else below 1
    assert int(growth_kb) < 12_000
    assert (int(mapped), copied) == (5, "{'0'}"), "each file of weights is mapped once, and no page of it is copied"


class Meeting(Observer):
    """Lets a run go on in its stage `tokenize` only when as many runs as `barrier` has parties are there."""

    def __init__(self, parties: int) -> None:
        self.barrier = threading.Barrier(parties)
        self.inside, self.most = 0, 0
        self._lock = threading.Lock()

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:
        if spec.name == "tokenize":
            with self._lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            self.barrier.wait(WAIT_S)

    def stage_finished(
        self, run: RunState, spec: StageSpec, outputs: Mapping[str, Any] | None, seconds: float, *, concurrent: bool
    ) -> None:
        if spec.name == "tokenize":
            with self._lock:
                self.inside -= 1


@pytest.fixture
def make(toy_graph: Path, toy_root: Path) -> Callable[..., Pipeline]:
    return lambda workers, **more: Pipeline(load_graph(str(toy_graph)), toy_root, threads=1, workers=workers, **more)


def test_as_many_runs_as_workers_are_done_at_one_time(make: Callable[..., Pipeline]) -> None:
    pipeline, meeting = make(2), Meeting(2)
    pipeline.observers.append(meeting)
    with ThreadPoolExecutor(8) as callers:
        results = list(callers.map(lambda _: pipeline.run(WORD), range(16)))
    assert [result["y"].tolist() for result in results] == [Y] * 16
    assert meeting.most == 2


def test_a_pipeline_without_a_worker_is_refused(make: Callable[..., Pipeline]) -> None:
    with pytest.raises(RunError, match="workers: 0, but at least 1 is needed"):
        make(0)


@pytest.mark.parametrize(
    ("threads", "workers", "each"), [(8, 1, 8), (8, 2, 4), (7, 2, 3), (1, 2, 1), (0, 1, 0), (0, 2, 0)]
)
def test_workers_share_the_threads(threads: int, workers: int, each: int) -> None:
    assert Concurrency(threads, workers).threads == each


def test_each_worker_may_have_a_second_stage() -> None:
    concurrency, both = Concurrency(2 * ENOUGH_THREADS, 2), threading.Barrier(2)
    assert concurrency.allows_second
    for outcome in [concurrency.submit(lambda _: both.wait(WAIT_S)) for _ in range(2)]:
        outcome.result(WAIT_S)


class Nested(Meeting):
    """Calls the pipeline from within a run, while all workers are at work."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline.workers.count)
        self.pipeline = pipeline

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:
        if run.options.label == "outer":
            super().stage_started(run, spec, concurrent=concurrent)
            assert self.pipeline.run(WORD)["y"].tolist() == Y


def test_a_call_within_a_call_needs_no_other_worker(make: Callable[..., Pipeline]) -> None:
    pipeline = make(2)
    pipeline.observers.append(Nested(pipeline))
    with ThreadPoolExecutor(2) as callers:
        outer = [callers.submit(pipeline.run, WORD, RunOptions(label="outer")) for _ in range(2)]
        assert [each.result(WAIT_S)["y"].tolist() for each in outer] == [Y, Y]


USER: ContextVar[str] = ContextVar("user", default="nobody")


class Users(Observer):
    """Notes the context variable that a run sees."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:
        self.seen.append(USER.get())


def test_a_run_sees_the_context_variables_of_its_caller(make: Callable[..., Pipeline]) -> None:
    pipeline, users = make(2), Users()
    pipeline.observers.append(users)
    token = USER.set("somebody")
    pipeline.run(WORD)
    USER.reset(token)
    assert users.seen == ["somebody", "somebody"]


def test_warnings_of_runs_at_the_same_time_name_their_own_run(
    make: Callable[..., Pipeline], caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = make(2)
    pipeline.observers.append(Meeting(2))

    def run(number: int) -> None:
        options = RunOptions({"skip_unknown": True}, label=f"line {number}")
        pipeline.run({"phonemes": f"h{'#' * number}"}, options)

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(4) as callers:
        list(callers.map(run, range(1, 9)))
    told = sorted(record.getMessage() for record in caplog.records)
    assert len(told) == 8
    for number, message in enumerate(told, 1):
        assert message.startswith(f"line {number}: tokenize: "), message
        assert f"{number} unknown symbol" in message, message


def test_runs_at_the_same_time_share_a_cache_and_keep_what_each_used(
    make: Callable[..., Pipeline], stage_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, kept = make(4, cache=Cache(stage_cache)), list[str]()
    monkeypatch.setattr(Cache, "evict", lambda _, keep: kept.extend(keep))
    words = ["h" * (1 + n % 9) for n in range(100)]
    with ThreadPoolExecutor(8) as callers:
        results = list(callers.map(lambda word: pipeline.run({"phonemes": word}), words))
    for word, result in zip(words, results, strict=True):
        assert result["y"].shape == (1, len(word) + 2)
    assert set(kept) == {stage.key for result in results for stage in result.stages.values()}


@pytest.mark.usefixtures("heeding_interrupts")
def test_an_interrupted_caller_leaves_the_other_runs_alone(make: Callable[..., Pipeline]) -> None:
    pipeline, go_on, begun = make(2), threading.Event(), threading.Event()

    class Blocked(Observer):
        def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:
            if run.options.label == "interrupted":
                begun.set()
            assert go_on.wait(WAIT_S)

    def interrupt() -> None:
        """Interrupt the main thread, again if Python lost a signal that came just before it began to wait."""
        assert begun.wait(WAIT_S)
        while not go_on.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            go_on.wait(WAIT_S / 10)

    pipeline.observers.append(Blocked())
    with ThreadPoolExecutor(2) as threads:
        other = threads.submit(pipeline.run, WORD)
        threads.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            pipeline.run(WORD, RunOptions(label="interrupted"))
        go_on.set()
        assert other.result(WAIT_S)["y"].tolist() == Y
    assert pipeline.run(WORD)["y"].tolist() == Y


def test_a_check_of_many_lines_waits_for_a_worker_and_for_no_other_run(make: Callable[..., Pipeline]) -> None:
    pipeline, go_on, begun = make(2), threading.Event(), threading.Semaphore(0)

    class Blocked(Observer):
        def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:
            begun.release()
            assert go_on.wait(WAIT_S)

    pipeline.observers.append(Blocked())
    check = RunTemplate(pipeline, {}, list(WORD), RunOptions()).check
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(pipeline.run, WORD)
        assert begun.acquire(timeout=WAIT_S)
        callers.submit(check, WORD).result(WAIT_S)
        second = callers.submit(pipeline.run, WORD)
        assert begun.acquire(timeout=WAIT_S)
        waiting = callers.submit(check, WORD)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        go_on.set()
        assert waiting.result(WAIT_S)
        assert first.result(WAIT_S)["y"].tolist() == second.result(WAIT_S)["y"].tolist() == Y


FORKED = """
import os, sys
from pathlib import Path
from runner.api import Pipeline
from runner.graph.load import load_graph

pipeline = Pipeline(load_graph(sys.argv[1]), Path(sys.argv[2]), threads=4, workers=2)
before = pipeline.run({"phonemes": "h"})["y"].tolist()
if os.fork() == 0:
    print(pipeline.run({"phonemes": "h"})["y"].tolist() == before, flush=True)
    os._exit(0)
print(os.wait()[1])
"""


def test_a_forked_process_has_workers_of_its_own(toy_graph: Path, toy_root: Path) -> None:
    command = [sys.executable, "-c", FORKED, str(toy_graph), str(toy_root)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert (ran.stdout, ran.stderr) == ("True\n0\n", "")


def test_streams_of_two_threads_give_what_each_gives_alone(timed_graph: Path) -> None:
    pipeline = Pipeline(load_graph(str(timed_graph)), threads=1, workers=2)
    texts = [["hɛ", "h", "ɛh"], ["ɛ", "hɛh", "hh"]]
    alone = [[part.audio for part in pipeline.stream(lines)] for lines in texts]
    with ThreadPoolExecutor(2) as callers:
        together = list(callers.map(lambda lines: [part.audio for part in pipeline.stream(lines)], texts))
    for expected, given in zip(alone, together, strict=True):
        for first, second in zip(expected, given, strict=True):
            np.testing.assert_array_equal(second, first)
