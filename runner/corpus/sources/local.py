"""Finds and opens files on this machine."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
import tempfile
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from runner.batch.rows import STDIN
from runner.corpus.sources.locations import Location, is_glob
from runner.errors import RunError, printable
from runner.files.errors import reading, writing
from runner.files.file_view import FileView
from runner.files.locate import is_folder, is_pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK = 1 << 20  # bytes


class LocalStore:
    """The files of this machine; a `Store`."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        """Begin.

        Args:
            stack: closes the copies of what can be read once.
        """
        self._stack = stack

    def match(self, pattern: str) -> list[str]:
        if os.path.lexists(pattern) or pattern == STDIN:
            return [pattern]
        return sorted(glob.glob(pattern, recursive=True)) if is_glob(pattern) else []  # noqa: PTH207 - sorted as text

    def is_folder(self, path: str) -> bool:
        return path != STDIN and is_folder(path)

    def list_below(self, folder: str, accept: Callable[[str], bool]) -> list[str]:
        with reading(printable(folder)):
            return sorted(path for path in _walk(folder) if accept(path))

    def locate(self, path: str) -> Location:
        """Locate a file, and find out that it can be opened; a pipe and standard input are copied first."""
        name = "standard input" if path == STDIN else printable(path)
        with reading(name):
            if path == STDIN or is_pipe(Path(path)):
                copy = _copy(path, self._stack)
                return Location(name, path, name, lambda: BufferedReader(FileView(copy.fileno())))
            Path(path).open("rb").close()
        return Location(name, path, os.path.abspath(path), lambda: Path(path).open("rb"))  # noqa: PTH100 - keeps links


def _walk(folder: str) -> Iterator[str]:
    """Give the files of a folder and the folders in it, as paths from there."""

    def fail(error: OSError) -> None:
        raise error

    for place, _, names in os.walk(folder, onerror=fail):
        below = os.path.relpath(place, folder)
        yield from (name if below == "." else f"{below}/{name}" for name in names)


def _copy(path: str, stack: contextlib.ExitStack) -> BinaryIO:
    """Copy what can be read once to a file without a name, which `stack` closes and nothing has to delete."""
    if path == STDIN and sys.stdin is None:
        raise RunError("standard input is closed; give a file")
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - its context is that of `stack`
    with contextlib.nullcontext(sys.stdin.buffer) if path == STDIN else Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            with writing(f"the copy of it in {tempfile.gettempdir()}"):
                copy.write(chunk)
                copy.flush()
    return copy
