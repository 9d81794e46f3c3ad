"""Keeps audio that was sent, for a short time and under a name that nobody can guess, so that it can be had again.

It lies in files that have no name: they end with the process, whatever ends it, and are no memory of its own.

with results.open("audio/mpeg") as draft:  # draft.id can be told already
    draft.write(piece)
results.find(draft.id)                     # until its time is over, or its place is needed
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import secrets
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_LOG = logging.getLogger("kokoro_run")
_ID_BYTES = 24
_MOST_RESULTS = 256  # each has a file open


@dataclass(frozen=True)
class Result:
    """Audio that was sent to its end.

    Attributes:
        media_type: of its format.
        data: all its bytes.
        timing: when each of its words is spoken, as JSON; None if nobody has asked for it.
        end_s: the time at which it is dropped, by the store's clock.
    """

    media_type: str
    data: bytes | mmap.mmap
    timing: bytes | None
    end_s: float

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return len(self.data) + len(self.timing or b"")


class ResultStore:
    """Holds results. When a new one needs the place, the oldest go. Threads may share it.

    Attributes:
        held_bytes: of all results, those that are being written with them.
    """

    def __init__(self, most_bytes: int, life_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without results.

        Args:
            most_bytes: the most that it holds.
            life_s: the time for which a result is there after its end [s].
        """
        self.held_bytes = 0
        self._most_bytes, self._life_s, self._clock = most_bytes, life_s, clock
        self._results: dict[str, Result] = {}  # the oldest first
        self._lock = threading.Lock()

    def add(self, media_type: str, data: bytes) -> str:
        """Keep `data`. Returns its id."""
        with self.open(media_type) as draft:
            draft.write(data)
        return draft.id

    def open(self, media_type: str) -> Draft:
        """Begin a result that comes in pieces; see `Draft`."""
        return Draft(self, media_type)

    def find(self, id: str) -> Result | None:  # noqa: A002 - the result's
        """Find a result; None if there is none of this id, or not any more."""
        with self._lock:
            self._drop_expired()
            return self._results.get(id)

    def drop_expired(self) -> None:
        """Drop the results whose time is over. They are never found; this frees their memory while nobody asks."""
        with self._lock:
            self._drop_expired()

    def reserve(self, size: int) -> bool:
        """Make place for `size` bytes. Returns whether there is enough; no result goes if there cannot be."""
        with self._lock:
            self._drop_expired()
            written = self.held_bytes - sum(result.size for result in self._results.values())
            if written + size > self._most_bytes:
                return False
            while self.held_bytes + size > self._most_bytes:
                self._drop_oldest()
            self.held_bytes += size
            return True

    def release(self, size: int) -> None:
        """Give back place that was reserved."""
        with self._lock:
            self.held_bytes -= size

    def keep(
        self,
        id: str,  # noqa: A002 - the result's
        media_type: str,
        data: bytes | mmap.mmap,
        timing: bytes | None = None,
    ) -> None:
        """Keep `data`, for which there is place."""
        with self._lock:
            while len(self._results) >= _MOST_RESULTS:
                self._drop_oldest()
            self._results[id] = Result(media_type, data, timing, self._clock() + self._life_s)

    def _drop_expired(self) -> None:
        now = self._clock()
        while self._results and next(iter(self._results.values())).end_s <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self.held_bytes -= self._results.pop(next(iter(self._results))).size


class Draft:
    """A result that is being written. It is kept when its `with` block ends without an error, and else dropped.

    One that does not fit into the store, or onto the disk, is dropped, too, though its id may have been told: nobody
    finds it.

    Attributes:
        id: under which it will be found.
    """

    def __init__(self, store: ResultStore, media_type: str) -> None:
        """Begin without bytes."""
        self.id = secrets.token_urlsafe(_ID_BYTES)
        self._store, self._media_type = store, media_type
        self._file: IO[bytes] | None = None
        self._size, self._reserved, self._dropped = 0, 0, False
        self._timing: bytes | None = None

    def write(self, data: bytes) -> None:
        """Append `data`; ignored once the result does not fit."""
        if not data or not self._reserve(len(data)):
            return
        self._size += len(data)
        try:
            self._file = self._file or tempfile.TemporaryFile(prefix="kokoro-run-")  # noqa: SIM115 - see `__exit__`
            self._file.write(data)
        except OSError as error:
            self._fail(error)

    def replace_start(self, data: bytes) -> None:
        """Write `data` over the first bytes, of which there are as many."""
        if not data or self._dropped or self._file is None:
            return
        try:
            self._file.seek(0)
            self._file.write(data)
        except OSError as error:
            self._fail(error)

    def add_timing(self, timing: bytes) -> None:
        """Keep when each word is spoken, as JSON, with the audio."""
        if self._reserve(len(timing)):
            self._timing = timing

    def _reserve(self, size: int) -> bool:
        """Make place in the store, or drop the result if there is none. Returns whether there is."""
        if not self._dropped and self._store.reserve(size):
            self._reserved += size
        else:
            self._drop()
        return not self._dropped

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._drop()
        if self._dropped:
            return
        try:
            data = self._map()
        except (OSError, ValueError) as fault:
            self._fail(fault)
        else:
            self._store.keep(self.id, self._media_type, data, self._timing)

    def _map(self) -> bytes | mmap.mmap:
        """Map what was written, so that its pages are those of the file."""
        if self._file is None:
            return b""
        with self._file:
            self._file.flush()
            return mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ)

    def _fail(self, error: Exception) -> None:
        # The error names the folder, if there is one: to ask for it here fails where no folder can be written to.
        _LOG.warning("finished audio cannot be kept in the folder for temporary files (TMPDIR): %s", error)
        self._drop()

    def _drop(self) -> None:
        if not self._dropped:
            self._dropped = True
            self._store.release(self._reserved)
        if self._file is not None:
            with contextlib.suppress(OSError):  # what could not be written before cannot be written now
                self._file.close()
