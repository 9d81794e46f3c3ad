"""Keeps a cache within its limits of size and age, without reading the whole folder at the end of each run.

    <root>/usage    time of the last reading, then one byte for each 4 KiB that was found then or written since

Writers append to `usage`, so the size of this file is an estimate of the cache's size. The folder is read (20 ms for
ten thousand files) only when the estimate passes the limit, or a part of the age limit has passed. If the file is lost
or damaged, the folder is read once more.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.files import atomic

if TYPE_CHECKING:
    from collections.abc import Collection

    from runner.cache.records import RecordStore
    from runner.cache.tensors import StoredFile, TensorStore

MAX_RECORDS = 100_000  # of 1 to 3 KiB each

_UNIT = 4096  # bytes
_HEAD = 24  # bytes of the time at the start of `usage`
_READ_EVERY_S = 86400.0
_ROOM = 0.1  # share of the size limit that is freed when it is passed, so that the next runs need not read the folder


@dataclass(frozen=True)
class Limits:
    """The limits of a cache: bytes of arrays, and seconds since an array's last use."""

    bytes: int
    age_s: float


@dataclass(frozen=True)
class Removal:
    """The counts of what was removed: arrays, their bytes, and records."""

    tensors: int = 0
    bytes: int = 0
    records: int = 0


class Usage:
    """The estimate of a cache's size."""

    def __init__(self, root: Path) -> None:
        self._path = root / "usage"

    def add(self, size: int) -> None:
        """Add bytes that were written.

        Raises:
            OSError: it cannot be written.
        """
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(handle, bytes(-(-size // _UNIT)))
        finally:
            os.close(handle)

    def set(self, size: int) -> None:
        """Set the size that was found now; if it cannot be written, the next run reads the folder again."""
        head = f"{time.time():.3f}".ljust(_HEAD - 1) + "\n"
        with suppress(OSError):
            atomic.write(self._path, [head.encode(), bytes(-(-size // _UNIT))])

    def may_exceed(self, limits: Limits) -> bool:
        """Whether a limit may have been passed, so that the folder must be read."""
        try:
            with self._path.open("rb") as file:
                last_read = float(file.read(_HEAD))
                size = (os.fstat(file.fileno()).st_size - _HEAD) * _UNIT
        except (OSError, ValueError):
            return True
        since = abs(time.time() - last_read)
        return size > limits.bytes or not since < min(_READ_EVERY_S, limits.age_s / 8)


def evict(
    tensors: TensorStore, records: RecordStore, limits: Limits, keep: Collection[str], *, room: bool
) -> tuple[Removal, int]:
    """Remove arrays not used for `limits.age_s`, then the longest unused ones until `limits.bytes` is kept.

    Args:
        keep: digests of arrays that stay in any case.
        room: if the size limit is passed, free a tenth of it more.

    Returns:
        The counts of what was removed, and the bytes of the arrays that are left.
    """
    for entry in [
        *atomic.list_files(tensors.root),
        *atomic.list_files(records.root),
        *atomic.list_folder(tensors.root.parent),
    ]:
        if atomic.is_abandoned(entry):
            atomic.remove(entry.path)
    files = list(tensors.files())
    removed = _evict_tensors(files, limits, keep, room=room)
    surplus = [key for _, key in records.latest()[MAX_RECORDS:]]
    count = sum(atomic.remove(records.path(key)) for key in surplus)
    freed = sum(file.size for file in removed)
    return Removal(len(removed), freed, count), sum(file.size for file in files) - freed


def _evict_tensors(files: list[StoredFile], limits: Limits, keep: Collection[str], *, room: bool) -> list[StoredFile]:
    total, oldest = sum(file.size for file in files), time.time() - limits.age_s
    target = limits.bytes * (1 - _ROOM) if room and total > limits.bytes else limits.bytes
    removed = []
    for file in sorted(files, key=lambda file: file.used):
        if total <= target and file.used >= oldest:
            break
        if file.digest not in keep and not _is_used_again(file) and atomic.remove(file.path):
            removed.append(file)
            total -= file.size
    return removed


def _is_used_again(file: StoredFile) -> bool:
    """Whether another process has used the file since the folder was read."""
    with suppress(OSError):
        return os.stat(file.path).st_mtime > file.used  # noqa: PTH116 - the path is a string
    return False
