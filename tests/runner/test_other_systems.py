"""A build and a run with nothing that only Linux has, as far as Linux can show it.

Hidden from the process and its workers: the mask of processors, functions of the C library, constants of `fcntl`, and
all of /proc but the CPU's features, which macOS gives by other means (`runner.runtime.sysctl`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.conftest import ROOT
from tests.runner import small_model
from tests.runner.build.building import WORD

HIDDEN = """
import ctypes, fcntl, os, sys

LINUX = [(os, "sched_getaffinity"), (os, "sched_setaffinity"), (os, "preadv"), (fcntl, "F_SETPIPE_SZ")]
for module, name in LINUX:
    if hasattr(module, name):
        delattr(module, name)


class Library(ctypes.CDLL):
    def __getattr__(self, name):
        if name in ("prctl", "mallopt", "malloc_trim"):
            raise AttributeError(name)
        return super().__getattr__(name)


ctypes.CDLL = Library


def hide(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str):
        if arguments[0].startswith("/proc/") and arguments[0] != "/proc/cpuinfo":
            raise FileNotFoundError(2, "hidden by the test", arguments[0])


sys.addaudithook(hide)
"""


def run(folder: Path, *words: object) -> str:
    """Run `kokoro-run WORDS` where `HIDDEN` has been run before; gives what it prints."""
    (folder / "hidden").mkdir(exist_ok=True)
    (folder / "hidden" / "sitecustomize.py").write_text(HIDDEN, "utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{folder / 'hidden'}:{ROOT}", "KOKORO_RUN_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "runner", *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_what_linux_alone_has_is_not_needed(tmp_path: Path) -> None:
    small_model.write(tmp_path, small_model.weights())
    small_model.load_twice(tmp_path)
    said = run(tmp_path, "build", "twice.yaml", "--build-dir", "built")
    assert said.count("compiling") == 2, said
    words = ("run", "words.yaml", "--phonemes", WORD, "--build-dir", "built", "-o", "t_en.npy")
    assert "not built" not in run(tmp_path, *words)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "runner", *words[:-1], "plain.npy", "--no-cache", "-q"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "t_en.npy"), np.load(tmp_path / "plain.npy"))


def test_a_thing_that_is_hidden_is_missed(tmp_path: Path) -> None:
    """Else the test above would show nothing."""
    (tmp_path / "sitecustomize.py").write_text(HIDDEN, "utf-8")
    code = (
        "import ctypes, os; print(hasattr(os, 'sched_getaffinity'), hasattr(ctypes.CDLL(None), 'prctl')); "
        "open('/proc/self/status')"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "False False\n"
    assert done.stderr.endswith("[Errno 2] hidden by the test: '/proc/self/status'\n")
