"""Replaces a file that the user named: by a file beside it that is moved there when it is whole.

    out/hello.wav    <-- renamed --    out/.hello.wav.x1y2z3w4.part

A link is followed, so that the file that it leads to is replaced. `atomic` does the same for files that the program
names itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import RunError
from runner.files import atomic
from runner.files.errors import writing

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new file that takes the place of `path` when the block ends without an error; else it is removed.

    Raises:
        RunError: the place cannot be written, or the block fails to.
    """
    target = place_of(path)
    temporary = create_beside(path, target)
    try:
        with writing(path):
            yield temporary
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all; what UTF-8 cannot hold is escaped.

    Raises:
        RunError: it cannot be written.
    """
    with writing(path):
        atomic.write(place_of(path), [text.encode("utf-8", "backslashreplace")])


def check_writable(path: Path) -> None:
    """Find out before the work whether `path` could be written.

    Raises:
        RunError: its folder is missing or read-only, or it is no regular file.
    """
    create_beside(path, place_of(path)).unlink()


def place_of(path: Path) -> Path:
    """Find where `path` leads.

    Raises:
        RunError: there is a folder, a device or a pipe, which nobody means to replace by a file.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "no regular file"
        raise RunError(f"{path}: cannot be written: it is {what}")
    return target


def create_beside(path: Path, target: Path) -> Path:
    """Create an empty file beside `target`, with the permissions that a plain `open` would give it.

    Raises:
        RunError: the folder cannot be written; the message is about `path`, which leads to `target`.
    """
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {target.parent}: {error.strerror}") from error
    mask = os.umask(0)
    os.umask(mask)
    os.fchmod(handle, 0o666 & ~mask)
    os.close(handle)
    return Path(name)


def sweep(folder: Path, names: str, older_s: float = 0.0) -> None:
    """Remove the unfinished files that killed runs have left in `folder`.

    Args:
        names: a regular expression; only files that were to get such a name are removed.
        older_s: seconds since the file was last written to; 0 for a caller who knows that no other run writes there.
    """
    unfinished = re.compile(rf"\.(?:{names})\.[a-z0-9_]{{8}}\.part")
    for entry in atomic.listed(folder):
        if unfinished.fullmatch(entry.name) and _age(entry) >= older_s:
            atomic.remove(entry.path)


def _age(entry: os.DirEntry[str]) -> float:
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0  # gone already
