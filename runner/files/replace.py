"""Replaces a file that the user named: a new file beside it is renamed to it when it is complete.

    out/hello.wav    <-- renamed --    out/.hello.wav.x1y2z3w4.part

A link is followed: the file that it leads to is replaced. `atomic` does the same for files that the program itself
names.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
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
    """Hold a new file that replaces `path` when the block ends without an error; else it is removed.

    Raises:
        RunError: the file cannot be written, by the block or here.
    """
    target = resolve_target(path)
    temporary = create_beside(path, target)
    try:
        with writing(path):
            yield temporary
            atomic.take_place(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 in one step; characters that UTF-8 does not have are escaped.

    Raises:
        RunError: it cannot be written.
    """
    with writing(path):
        atomic.write(resolve_target(path), [text.encode("utf-8", "backslashreplace")])


def check_writable(path: Path) -> None:
    """Check, before a run begins, that `path` can be written.

    Raises:
        RunError: its folder is missing or read-only, or it is not a regular file.
    """
    create_beside(path, resolve_target(path)).unlink()


def resolve_target(path: Path) -> Path:
    """Find the file that `path` leads to through links.

    Raises:
        RunError: it is a folder, a device or a pipe: a file must not replace it. Or no file can have such a name.
    """
    target = path.resolve()
    with writing(path), contextlib.suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise RunError(f"{path}: cannot be written: it is {kind}")
    return target


def create_beside(path: Path, target: Path) -> Path:
    """Create an empty file beside `target`, for `atomic.take_place`.

    Raises:
        RunError: the folder cannot be written; the message is about `path`, which leads to `target`.
    """
    try:
        handle, name = atomic.create_beside(target, f".{os.urandom(4).hex()}.part")
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {target.parent}: {error.strerror}") from error
    os.close(handle)
    return Path(name)


def sweep_beside(target: Path, older_s: float = 0.0) -> None:
    """Remove the unfinished files that killed runs have left of the file `target`; arguments are those of `sweep`."""
    sweep(target.parent, re.escape(atomic.shorten(target.name)), older_s)


def sweep(folder: Path, names: str, older_s: float = 0.0) -> None:
    """Remove the unfinished files that killed runs have left in `folder`.

    Args:
        names: regular expression of the final names of the files to remove; none is long.
        older_s: least time since the last change; 0 if the caller knows that no other run writes there.
    """
    unfinished = re.compile(rf"\.(?:{names})\.[a-z0-9_]{{8}}\.part")
    for entry in atomic.list_folder(folder):
        if unfinished.fullmatch(entry.name) and _age(entry) >= older_s:
            atomic.remove(entry.path)


def _age(entry: os.DirEntry[str]) -> float:
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0  # gone already
