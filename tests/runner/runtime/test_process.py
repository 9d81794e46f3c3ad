"""Switches of the whole process: memory, and modules that are not imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.systems import needs_proc

IN_HEAP = """
import re, sys
from pathlib import Path
import numpy as np
from runner.runtime import process
from runner.runtime.library import Library
from runner.runtime.tensors import put

def anonymous_mib():
    return int(re.search("RssAnon:[ \t]+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024

if sys.argv[2] == "heap":
    process.use_heap()
weights = process.load_ffi().Array([put(np.array([2], np.float32))])
library = Library(Path(sys.argv[1]), "scaled_forward", weights=weights)
length = 1_000_000
for n in range(10):  # each of another length, which gives 24 MB
    ids = np.ones((1, length + n * 4096), np.int64)
    y, _ = library([ids, np.zeros(ids.shape, bool)])
    assert (y == 2).all()
    del y, _, ids
print(anonymous_mib())
"""


@needs_proc
def test_calls_of_many_lengths_share_the_heap(toy_library: Path, repository: Path) -> None:
    held = {}
    for place in ("heap", "pool"):
        command = [sys.executable, "-c", IN_HEAP, str(toy_library), place]
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        held[place] = float(done.stdout)
    assert held["heap"] < 0.75 * held["pool"]


NOT_NEEDED = """
import sys
from pathlib import Path
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
import runner.speech.speaker, runner.build.staleness

pipeline = Pipeline(load_graph(sys.argv[1]), Path(sys.argv[2]))
assert pipeline.run({"phonemes": "hɛ"})["y"].tolist() == [[0, 100, 172, 0]]
print(sorted({"tvm", "torch", "huggingface_hub", "rich", "pytest"} & sys.modules.keys()))
"""


def test_running_imports_neither_tvm_nor_torch(toy_graph: Path, toy_root: Path, repository: Path) -> None:
    command = [sys.executable, "-c", NOT_NEEDED, str(toy_graph), str(toy_root)]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


COMPILER = """
import sys
from runner.runtime.process import prepare_for_compiler

prepare_for_compiler()
import runner.build.stage_build
print(sorted({"tvm", "torch"} & sys.modules.keys()))
"""


def test_compiler_imports_no_torch(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILER], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.stdout, done.stderr) == ("['tvm']\n", "")


IN_THREADS = """
import re, sys, threading
from pathlib import Path
import numpy as np
from runner.runtime import process

def anonymous_mib():
    return int(re.search("RssAnon:[ \\t]+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024

process.use_heap(is_shared=sys.argv[1] == "shared")
turn, done = threading.Lock(), threading.Barrier(9)

def work():
    with turn:
        np.ones(400_000)  # 3 MiB, which are free again
    done.wait()  # the thread lives, and so does its heap, if it has one

before = anonymous_mib()
for _ in range(8):
    threading.Thread(target=work).start()
done.wait()
print(anonymous_mib() - before)
"""


@needs_proc
def test_threads_of_a_server_share_one_heap(repository: Path) -> None:
    held = {}
    for heap in ("shared", "own"):
        command = [sys.executable, "-c", IN_THREADS, heap]
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        held[heap] = float(done.stdout)
    assert held["shared"] < 8
    assert held["own"] > 16
