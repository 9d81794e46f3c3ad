"""Moves objects between this machine and a store, several at once, and counts what becomes of each.

    jobs --move, in threads--> moved | damaged: not moved, named | gone meanwhile
         --dry run----------> counted

A damaged object stops nothing: the others are moved. An error of the store or of this machine's disk ends the exchange;
what was moved until then stays, and the same command goes on from there.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from runner.cache.digest import DamageError
from runner.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ARRAY, RECORD, LIBRARY = "array", "record", "library"
"""The kinds of what is moved."""

GONE = "removed meanwhile by another process"


class Job(NamedTuple):
    """What is to be moved.

    Attributes:
        kind: ARRAY, RECORD or LIBRARY.
        place: where it is read, for messages.
        size: bytes that `move` moves.
        move: moves it; gives False if another process has done so meanwhile. Raises DamageError if it is not what its
            name says, and FileNotFoundError if it is gone.
    """

    kind: str
    place: str
    size: int
    move: Callable[[], bool]


class Display(Protocol):
    """Shows how an exchange goes on."""

    def begin(self, kind: str, count: int, size: int) -> None:
        """Show that `count` objects of a kind will be moved, `size` bytes."""

    def advance(self, size: int) -> None:
        """Show that `size` bytes were moved; called from several threads."""

    def wait(self, name: str) -> None:
        """Show that another process builds or pulls the library `name`, which is waited for."""


@dataclass
class Tally:
    """The counts of an exchange.

    Attributes:
        moved: kind -> objects that were moved, or would be in a dry run.
        bytes: theirs.
        present: kind -> objects that were there already.
        left_out: (kind, reason) -> objects that were not moved.
        damaged: the damaged ones, each with its place and its fault.
    """

    moved: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    present: Counter[str] = field(default_factory=Counter)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)

    def leave(self, kind: str, reason: str, count: int = 1) -> None:
        """Count objects that are not moved."""
        if count:
            self.left_out[kind, reason] += count

    def is_empty(self) -> bool:
        """Whether there was nothing to move."""
        counted = self.moved.total() + self.present.total() + self.left_out.total()
        return counted + len(self.damaged) == 0


class Exchange:
    """A push or a pull that is being made.

    Attributes:
        dry_run: nothing is written, neither here nor there.
        display: shows how it goes on.
        tally: its counts so far.
    """

    def __init__(self, display: Display, *, dry_run: bool = False) -> None:
        self.display, self.dry_run, self.tally = display, dry_run, Tally()
        self._lock = threading.Lock()

    def move(self, jobs: Sequence[Job], threads: int = 1, *, reads: bool = False) -> None:
        """Move the objects of `jobs`, which are of one kind.

        Args:
            reads: run the jobs in a dry run too: they write nothing then.

        Raises:
            RunError: the store cannot be read or written, or this machine's disk.
        """
        if not jobs:
            return
        if self.dry_run and not reads:
            self.tally.moved[jobs[0].kind] += len(jobs)
            self.tally.bytes += sum(job.size for job in jobs)
            return
        self.display.begin(jobs[0].kind, len(jobs), sum(job.size for job in jobs))
        with ThreadPoolExecutor(threads) as pool:
            try:
                for _ in pool.map(self._move, jobs):
                    pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _move(self, job: Job) -> None:
        fault, moved = "", False
        try:
            moved = job.move()
        except DamageError as error:
            fault = f"{job.place}: {error}"
        except FileNotFoundError:
            fault = GONE
        except OSError as error:
            raise RunError(f"{job.place}: cannot be read: {error.strerror or error}") from None
        with self._lock:
            self._count(job, fault, moved=moved)
            self.display.advance(job.size)

    def _count(self, job: Job, fault: str, *, moved: bool) -> None:
        if fault == GONE:
            self.tally.leave(job.kind, GONE)
        elif fault:
            self.tally.damaged.append(fault)
        elif moved:
            self.tally.moved[job.kind] += 1
            self.tally.bytes += job.size
        else:
            self.tally.present[job.kind] += 1
