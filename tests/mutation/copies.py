"""Copies of the checkout in which mutants live, and processes that test there."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OURS = {"runner", "stages", "tests", "benchmarks", "training"}
_MADE = {"build", "dist"}


@dataclass(frozen=True)
class Copies:
    """Copies of a checkout in its `build` folder: `plain`, which stays as it is, and others made from that."""

    root: Path

    @property
    def work(self) -> Path:
        """The folder of the copies."""
        return self.root / "build" / "mutation"

    @property
    def plain(self) -> Path:
        """The copy without a mutant."""
        return self.work / "plain"

    def sources(self) -> list[str]:
        """The files of the checkout, relative to its root; without what is hidden, installed or built there."""
        tops = [path for path in self.root.iterdir() if not path.name.startswith(".") and path.name not in _MADE]
        every = [
            path
            for top in tops
            if not (top / "pyvenv.cfg").exists()
            for path in ([top] if top.is_file() else top.rglob("*"))
            if path.is_file() and path.parent.name != "__pycache__"
        ]
        return sorted(str(path.relative_to(self.root)) for path in every)

    def refresh(self) -> None:
        """Make `plain` anew, with the models that the checkout's tests have built before."""
        shutil.rmtree(self.plain, ignore_errors=True)
        for name in self.sources():
            (self.plain / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.root / name, self.plain / name)
        built = self.root / ".pytest_cache"
        if built.is_dir():
            shutil.copytree(built, self.plain / built.name)

    def make(self, name: str) -> Path:
        """Copy `plain`, with what the tests have built there."""
        tree = self.work / name
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(self.plain, tree, symlinks=True)
        return tree

    def restore(self, tree: Path) -> None:
        """Make a copy equal to `plain` again: a test of a mutant may have spoilt any file."""
        plain = {path.relative_to(self.plain): path for path in self.plain.rglob("*") if path.is_file()}
        for path in [path for path in tree.rglob("*") if path.is_file()]:
            if path.relative_to(tree) not in plain:
                path.unlink()
        for name, path in plain.items():
            copy = tree / name
            if not copy.is_file() or _stamp(copy) != _stamp(path):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)

    def start(self, tree: Path, task: Callable[[], int]) -> int:
        """Fork a process that does `task` in a copy, as if nothing of the checkout had been imported; its id.

        It exits with what `task` gives, leads a process group of its own, and prints into `TREE.log`.
        """
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            code = os.EX_SOFTWARE
            try:
                self._enter(tree)
                code = task()
            except BaseException:  # noqa: BLE001 - nothing may return into the code of the parent
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        return process

    def _enter(self, tree: Path) -> None:
        os.setsid()
        log = os.open(tree.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree)
        sys.path[:] = [str(tree), *(path for path in sys.path if path and Path(path) != self.root)]
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]


def wait(process: int = -1) -> tuple[int, int]:
    """Wait for a process of `start`, or the first of all, and end what it has left running; its id and status."""
    process, status = os.waitpid(process, 0)
    end(process)
    return process, status


def end(process: int) -> None:
    """End a process of `start` and all of its group."""
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
