"""Decides how many threads a stage gets, and runs a second stage concurrently where there are enough of them.

A stage of the host that waits for nothing runs concurrently with the one whose turn it is: text_encoder with bert.
Its outputs are taken when its own turn comes (docs/decisions/0013).
"""

from __future__ import annotations

import contextvars
import os
from typing import TYPE_CHECKING, Any

from runner.runtime.threads import ForkSafeLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ThreadPoolExecutor

ENOUGH_THREADS = 8  # for two stages at once
SECOND_THREADS = 2  # of these for the second stage: as many as an LSTM uses


class Concurrency:
    """The threads of a pipeline's kernels.

    Attributes:
        threads: of all kernels of one run that are at work at one time.
    """

    def __init__(self, threads: int, workers: int = 1) -> None:
        """Divide `threads` evenly among `workers`; each has one at least."""
        self.threads = min(threads, max(1, threads // workers))
        self._workers = workers
        self._lock = ForkSafeLock()
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    @property
    def allows_second(self) -> bool:
        """Whether there are threads enough for two stages at once."""
        return self.threads >= ENOUGH_THREADS

    def threads_of_first(self, *, has_second: bool) -> int:
        """Threads for a stage whose turn it is."""
        return self.threads - SECOND_THREADS if has_second else self.threads

    def submit(self, call: Callable[[int], Any]) -> Future[Any]:
        """Start `call`, which takes a number of threads, in a thread of second stages: each worker has one.

        It is called in the context of the caller. A forked child does not have the thread of its parent, and gets one
        of its own.
        """
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - some ms that one core need not pay

        with self._lock:
            if self._pool is None or self._process != os.getpid():
                self._pool, self._process = ThreadPoolExecutor(self._workers, "kokoro-run-second"), os.getpid()
            return self._pool.submit(contextvars.copy_context().run, call, SECOND_THREADS)
