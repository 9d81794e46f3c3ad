"""Writes the log of requests: a line of JSON for each, without what was spoken unless that is asked for.

{"time": "2026-12-01T12:00:00.123Z", "id": "5c1f...", "method": "POST", "path": "/v1/audio/speech", "status": 200,
 "outcome": "ok", "seconds": 0.412, "audio_seconds": 3.2, "characters": 48}
"""

from __future__ import annotations

import atexit
import datetime as dt
import json
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_WAITING = 10_000  # lines: a disk that hangs does not fill the memory


class RequestLog:
    """A file, or standard error, that a thread of its own writes to: no request waits for a disk.

    Attributes:
        lost: lines that could not be written.
    """

    def __init__(self, path: Path | None) -> None:
        """Start the thread.

        Args:
            path: of the file, which is opened anew for what is written at a time, so that it may be moved away; None
                for standard error.
        """
        self.lost = 0
        self._path = path
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._write_all, name="kokoro-run-request-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, entry: Mapping[str, Any]) -> None:
        """Write a line with the time, soon; what cannot be written is counted, and lost."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            self._lines.put_nowait(json.dumps({"time": now, **entry}, ensure_ascii=False) + "\n")
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Write what is left, and end the thread."""
        atexit.unregister(self.close)
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join()

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write_line(line)
            except (OSError, ValueError):  # the disk is full; or standard error is closed
                self.lost += 1

    def _write_line(self, line: str) -> None:
        if self._path is None:
            sys.stderr.write(line)
            sys.stderr.flush()
            return
        with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line)
