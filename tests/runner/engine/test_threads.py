"""A pipeline that several threads use, and one in a forked process."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from runner.api import Pipeline
from runner.engine.options import RunOptions
from runner.engine.run_template import RunTemplate
from runner.engine.trace import Trace
from runner.graph.load import load_graph
from runner.graph.selection import Scope
from runner.graph.types import Ref
from runner.runtime.threads import ForkSafeLock
from tests.conftest import ROOT

WORD = {"phonemes": "hɛ"}
WORDS = ["hɛlˈoʊ", "wˈɜːld", "ðə smˈɔl dˈɔɡ", "ɹˈæn"]


@pytest.fixture(params=[False, True], ids=["plain", "traced"])
def pipeline(request: pytest.FixtureRequest, tiny_model: Path, tiny_root: Path) -> Pipeline:
    made = Pipeline(load_graph("default", [str(tiny_model)]), tiny_root, threads=2)
    made.observers += [Trace()] if request.param else []
    return made


def test_runs_of_several_threads_give_what_each_gives_alone(pipeline: Pipeline) -> None:
    def speak(words: str) -> np.ndarray:
        audio: np.ndarray = pipeline.run({"phonemes": words})["audio"]
        return audio

    alone = {words: speak(words) for words in WORDS}
    asked = WORDS * 4
    with ThreadPoolExecutor(len(WORDS)) as threads:
        for words, audio in zip(asked, threads.map(speak, asked), strict=True):
            np.testing.assert_array_equal(audio, alone[words])


FORKED = """
import os, sys
from pathlib import Path
from runner.api import Pipeline
from runner.errors import RunError
from runner.graph.load import load_graph

def speak(threads):
    pipeline = Pipeline(load_graph("default", [sys.argv[1]]), Path(sys.argv[2]), threads)
    try:
        return len(pipeline.run({"phonemes": "h"})["audio"])
    except RunError as error:
        return str(error)

before = speak(2)
if os.fork() == 0:
    print(speak(1) == before, speak(2), flush=True)
    os._exit(0)
os.wait()
"""


def test_forked_process_runs_on_one_thread_and_refuses_two(tiny_model: Path, tiny_root: Path) -> None:
    command = [sys.executable, "-c", FORKED, str(tiny_model), str(tiny_root)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    same, _, refusal = ran.stdout.partition(" ")
    assert same == "True"
    assert refusal.startswith("threads: 2 asked for, but this process was forked after its parent had run stages, and")
    assert "start method 'spawn' or 'forkserver', fork before the first run, or make the pipeline with" in refusal


FORKED_BESIDE = """
import os, sys, threading
from pathlib import Path
from runner.api import Pipeline
from runner.engine.concurrency import ENOUGH_THREADS
from runner.graph.load import load_graph
from runner.runtime.threads import ForkSafeLock

lock_of_this_thread = ForkSafeLock()
pipeline = Pipeline(load_graph("default", [sys.argv[1]]), Path(sys.argv[2]), ENOUGH_THREADS)
entered, leave = threading.Event(), threading.Event()

def work():
    pipeline.run({"phonemes": "h"})
    with pipeline.workers.lock:
        entered.set()
        leave.wait()

other = threading.Thread(target=work)
other.start()
entered.wait()
with lock_of_this_thread:
    child = os.fork()
    if child == 0:
        print(len(pipeline.run({"phonemes": "h"})["audio"]) > 0, flush=True)
if child == 0:
    os._exit(0)
os.wait()
leave.set()
"""


def test_forked_process_runs_on_threads_of_its_own_where_another_thread_had_run(
    tiny_model: Path, tiny_root: Path
) -> None:
    command = [sys.executable, "-c", FORKED_BESIDE, str(tiny_model), str(tiny_root)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert (ran.stdout, ran.stderr) == ("True\n", "")


def test_lock_is_held_by_one_thread_at_a_time() -> None:
    lock, inside, seen = ForkSafeLock(), 0, []

    def work() -> None:
        nonlocal inside
        for _ in range(200):
            with lock, lock:
                inside += 1
                seen.append(inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {1}


CALLS: dict[str, Callable[[Pipeline], object]] = {
    "load": lambda pipeline: pipeline.load([]),
    "check": lambda pipeline: RunTemplate(pipeline, {}, list(WORD), RunOptions()).check(WORD),
    "prepare": lambda pipeline: pipeline.prepare(WORD),
    "misses": lambda pipeline: pipeline.misses(pipeline.start(WORD)),
    "finish": lambda pipeline: pipeline.finish(pipeline.start(WORD, RunOptions(scope=Scope(until="tokenize")))),
    "peek": lambda pipeline: pipeline.peek(pipeline.start(WORD), Ref("tokenize", "input_ids")),
    "call_stage": lambda pipeline: pipeline.call_stage(
        "tokenize",
        {"phonemes": "hɛ", "alphabet": "kokoro", "skip_unknown": np.array(False)},  # type: ignore[dict-item]
    ),
    "evict": lambda pipeline: pipeline.evict(),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_waits_for_that_of_another_thread(toy_graph: Path, call: str) -> None:
    pipeline = Pipeline(load_graph(str(toy_graph)))
    with ThreadPoolExecutor(1) as threads:
        with pipeline.workers.lock:
            waiting = threads.submit(CALLS[call], pipeline)
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
        waiting.result(10)
