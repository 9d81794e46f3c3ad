"""Files that appear whole or not at all, whoever writes, reads or dies meanwhile.

Nothing is synced to disk: after a loss of power a file may be torn. Who reads one that matters checks its digest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".tmp"
_ABANDONED_S = 600.0  # a write takes milliseconds


def write(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    """Write a file in one step: under a name of its own beside `path`, then renamed. Missing folders are made.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    folder, name = os.path.split(path)
    temporary = f"{folder or os.curdir}/.{name[:80]}.{os.getpid()}-{os.urandom(6).hex()}{TEMPORARY}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        handle = os.open(temporary, flags, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, flags, 0o644)
    try:
        try:
            for part in parts:
                _write_all(handle, memoryview(part))
        finally:
            os.close(handle)
        os.replace(temporary, path)  # noqa: PTH105 - pathlib's own names take longer than the rename
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, as `write` does.

    Raises:
        OSError: as `write`.
    """
    write(path, [text.encode()])


def _write_all(handle: int, part: memoryview) -> None:
    while part:
        part = part[os.write(handle, part) :]


def files(root: Path) -> Iterator[os.DirEntry[str]]:
    """The files in the folders of `root`, unfinished ones too; nothing of what is not there or cannot be read."""
    for folder in listed(root):
        if folder.is_dir(follow_symlinks=False):
            yield from (entry for entry in listed(Path(folder.path)) if entry.is_file(follow_symlinks=False))


def abandoned(entry: os.DirEntry[str]) -> bool:
    """Whether this is what a writer left that was killed, and not the work of one that lives."""
    if not (entry.name.startswith(".") and entry.name.endswith(TEMPORARY)):
        return False
    with suppress(OSError):
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED_S
    return False


def remove(path: Path | str) -> bool:
    """Remove a file; whether it is gone, by whosever hand."""
    try:
        os.unlink(path)  # noqa: PTH108 - also takes what a folder's listing gives
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def listed(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing if it is not there or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
