"""Keeps a cache within its size and age, without looking at all of it at the end of each run.

    <root>/usage    when the folder was last looked at, then one byte for each 4 KiB that was written since or found

Writers append to `usage`, so its own size says how much there may be, and only when that passes the limit, or a part of
the age limit has gone by, are the files looked at (20 ms for ten thousand). It is an estimate: losing or damaging it
costs a look.
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
_HEAD = 24  # bytes of `usage` before the counting begins
_LOOK_EVERY_S = 86400.0
_ROOM = 0.1  # of the size limit, made when it is passed, so that the next runs need not look again


@dataclass(frozen=True)
class Limits:
    """Bytes of arrays, and seconds since an array's last use."""

    bytes: int
    age_s: float


@dataclass(frozen=True)
class Evicted:
    """What an eviction removed: arrays, their bytes, and records that had grown too many."""

    tensors: int = 0
    bytes: int = 0
    records: int = 0


class Usage:
    """The estimate of a cache's size."""

    def __init__(self, root: Path) -> None:
        self._path = root / "usage"

    def add(self, size: int) -> None:
        """Count bytes that were written.

        Raises:
            OSError: it cannot be written.
        """
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(handle, bytes(-(-size // _UNIT)))
        finally:
            os.close(handle)

    def set(self, size: int) -> None:
        """Start anew from what was found now; where that cannot be written, the next run looks again."""
        head = f"{time.time():.3f}".ljust(_HEAD - 1) + "\n"
        with suppress(OSError):
            atomic.write(self._path, [head.encode(), bytes(-(-size // _UNIT))])

    def may_exceed(self, limits: Limits) -> bool:
        """Whether the files should be looked at."""
        try:
            with self._path.open("rb") as file:
                looked = float(file.read(_HEAD))
                size = (os.fstat(file.fileno()).st_size - _HEAD) * _UNIT
        except (OSError, ValueError):
            return True
        since = abs(time.time() - looked)
        return size > limits.bytes or not since < min(_LOOK_EVERY_S, limits.age_s / 8)


def evict(
    tensors: TensorStore, records: RecordStore, limits: Limits, keep: Collection[str], *, room: bool
) -> tuple[Evicted, int]:
    """Remove arrays not used for `limits.age_s`, then those unused longest until `limits.bytes` hold.

    Args:
        keep: digests of arrays that stay whatever the limits say.
        room: make some room where the size limit is passed.

    Returns:
        What was removed, and the bytes of arrays that are left.
    """
    for entry in [*atomic.files(tensors.root), *atomic.files(records.root), *atomic.listed(tensors.root.parent)]:
        if atomic.abandoned(entry):
            atomic.remove(entry.path)
    files = list(tensors.files())
    removed = _evict_tensors(files, limits, keep, room=room)
    surplus = [key for _, key in records.latest()[MAX_RECORDS:]]
    count = sum(atomic.remove(records.path(key)) for key in surplus)
    freed = sum(file.size for file in removed)
    return Evicted(len(removed), freed, count), sum(file.size for file in files) - freed


def _evict_tensors(files: list[StoredFile], limits: Limits, keep: Collection[str], *, room: bool) -> list[StoredFile]:
    total, oldest = sum(file.size for file in files), time.time() - limits.age_s
    target = limits.bytes * (1 - _ROOM) if room and total > limits.bytes else limits.bytes
    removed = []
    for file in sorted(files, key=lambda file: file.used):
        if total <= target and file.used >= oldest:
            break
        if file.digest not in keep and not _used_again(file) and atomic.remove(file.path):
            removed.append(file)
            total -= file.size
    return removed


def _used_again(file: StoredFile) -> bool:
    """Whether another process has used it since the folder was read."""
    with suppress(OSError):
        return os.stat(file.path).st_mtime > file.used  # noqa: PTH116 - of a listing's path
    return False
