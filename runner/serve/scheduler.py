"""Shares workers between requests, fairly: the next unit of work is that of the request that has had least so far.

    requests --> units: read a paragraph, speak a part --> workers, which are threads

A request begins with as much as each would have had by now if all had shared evenly from the start. So a new one is
served soon, and an old one gets its share however many new ones come. A unit is some tenths of a second to some seconds
of work, and is never interrupted.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Job(Protocol):
    """The work of one request."""

    def take(self) -> Callable[[], None] | None:
        """Give a unit of work that may begin now; None if none may. Called by one thread at a time."""

    def is_done(self) -> bool:
        """Whether no unit is left, nor under way."""

    def fail(self, error: BaseException) -> None:
        """Take an error of a unit: no other unit is wanted."""


class Scheduler:
    """Workers that do the units of jobs."""

    def __init__(self, workers: int) -> None:
        """Start the workers.

        Args:
            workers: units that are done at one time.
        """
        self._had: dict[Job, float] = {}  # job -> seconds of work that it has had, or began with
        self._clock = 0.0  # seconds that a request would have had if it had been here all the time (virtual time)
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"kokoro-run-serve-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, job: Job) -> None:
        """Take a job on."""
        with self._changed:
            self._had[job] = max(self._clock, min(self._had.values(), default=0.0))
            self._changed.notify()

    def wake(self) -> None:
        """Look again for units: a job may have one that it had not before."""
        with self._changed:
            self._remove_done()
            self._changed.notify_all()

    @property
    def count(self) -> int:
        """The jobs under way."""
        with self._changed:
            self._remove_done()
            return len(self._had)

    def close(self) -> None:
        """Let the workers end, each after the unit that it does."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (found := self._wait()) is not None:
            job, unit = found
            start = time.perf_counter()
            try:
                unit()
            except BaseException as error:  # noqa: BLE001 - a worker outlives whatever a request does to it
                job.fail(error)
            with self._changed:
                seconds = time.perf_counter() - start
                self._clock += seconds / max(1, len(self._had))
                if job in self._had:
                    self._had[job] += seconds
            self.wake()

    def _wait(self) -> tuple[Job, Callable[[], None]] | None:
        """Wait for a unit; None when the scheduler is closed."""
        with self._changed:
            while not self._closed:
                self._remove_done()
                for job in sorted(self._had, key=self._had.__getitem__):
                    unit = job.take()
                    if unit is not None:
                        return job, unit
                self._changed.wait()
            return None

    def _remove_done(self) -> None:
        for job in [job for job in self._had if job.is_done()]:
            del self._had[job]
