"""A pipeline that several threads use, and one in a forked process."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from runner.engine import Pipeline
from runner.graph import load_graph
from runner.runtime import ForkSafeLock
from runner.trace import Traced
from tests.conftest import ROOT

WORDS = ["hɛlˈoʊ", "wˈɜːld", "ðə smˈɔl dˈɔɡ", "ɹˈæn"]


@pytest.fixture(params=[Pipeline, Traced])
def pipeline(request: pytest.FixtureRequest, tiny_model: Path, tiny_root: Path) -> Pipeline:
    made: Pipeline = request.param(load_graph("default", [str(tiny_model)]), tiny_root, threads=2)
    return made


def test_runs_of_several_threads_give_what_each_gives_alone(pipeline: Pipeline) -> None:
    def speak(words: str) -> np.ndarray:
        audio: np.ndarray = pipeline.run(phonemes=words)["audio"]
        return audio

    alone = {words: speak(words) for words in WORDS}
    asked = WORDS * 4
    with ThreadPoolExecutor(len(WORDS)) as threads:
        for words, audio in zip(asked, threads.map(speak, asked), strict=True):
            np.testing.assert_array_equal(audio, alone[words])


FORKED = """
import os, sys
from pathlib import Path
from runner.engine import Pipeline
from runner.errors import RunError
from runner.graph import load_graph

def speak(threads):
    pipeline = Pipeline(load_graph("default", [sys.argv[1]]), Path(sys.argv[2]), threads)
    try:
        return len(pipeline.run(phonemes="h")["audio"])
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


def test_lock_held_by_a_thread_is_free_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = ForkSafeLock()
    holder = threading.Thread(target=lock.__enter__)
    holder.start()
    holder.join()
    monkeypatch.setattr("os.getpid", lambda: -1)  # as in a child, where the holder does not exist
    other = threading.Thread(target=lock.__enter__, daemon=True)
    other.start()
    other.join(30)
    assert not other.is_alive()
