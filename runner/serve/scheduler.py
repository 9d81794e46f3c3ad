"""Shares workers between requests: the next unit of work is that of the request whose listener needs it first.

    requests --> units: read a paragraph, speak a part --> workers, which are threads

A request is due at once until its first part is spoken, and then when what was spoken has been heard (earliest due
date first). So a new request does not wait for a long one that has spoken ahead. That one is due at last, before all
that come later: it waits no longer than its listener can, while the workers keep up. A unit is some tenths of a second
to some seconds of work, and is never interrupted.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Job(Protocol):
    """The work of one request."""

    @property
    def due(self) -> float:
        """When its next unit is needed, by `time.perf_counter` [s]; it never becomes earlier."""

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
        self._jobs: list[Job] = []  # in the order in which they came
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
            self._jobs.append(job)
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
            return len(self._jobs)

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
            try:
                unit()
            except BaseException as error:  # noqa: BLE001 - a worker outlives whatever a request does to it
                job.fail(error)
            self.wake()

    def _wait(self) -> tuple[Job, Callable[[], None]] | None:
        """Wait for a unit; None when the scheduler is closed."""
        with self._changed:
            while not self._closed:
                self._remove_done()
                for job in sorted(self._jobs, key=lambda job: job.due):
                    unit = job.take()
                    if unit is not None:
                        return job, unit
                self._changed.wait()
            return None

    def _remove_done(self) -> None:
        self._jobs = [job for job in self._jobs if not job.is_done()]
