"""Writes files in one step: a reader sees the whole file or none, even if the writer is killed.

Nothing is synced to disk: after a loss of power a file may be incomplete, so readers check digests where it matters.
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
    """Write a file in one step: a temporary file beside `path` is renamed to it. Missing folders are made.

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
        os.replace(temporary, path)  # noqa: PTH105 - making a Path takes longer than the rename
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


def list_files(root: Path) -> Iterator[os.DirEntry[str]]:
    """List the files in the folders of `root`, unfinished ones too; unreadable folders count as empty."""
    for folder in list_folder(root):
        if folder.is_dir(follow_symlinks=False):
            yield from (entry for entry in list_folder(Path(folder.path)) if entry.is_file(follow_symlinks=False))


def is_abandoned(entry: os.DirEntry[str]) -> bool:
    """Whether a temporary file was left by a killed writer, rather than being written now."""
    if not (entry.name.startswith(".") and entry.name.endswith(TEMPORARY)):
        return False
    with suppress(OSError):
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED_S
    return False


def remove(path: Path | str) -> bool:
    """Remove a file; gives whether it no longer exists, also if another process removed it."""
    try:
        os.unlink(path)  # noqa: PTH108 - the path may be a string
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """List the entries of a folder; none if it is missing or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
