"""Does the calls of a pipeline: one at a time, or several at a time in threads of its own.

    one worker      caller --lock--> the call, in the caller's thread
    several         caller --queue-> a worker, which is a thread --> the call --> caller

TVM gives each thread that calls a kernel a pool of threads, and keeps memory for each. That is why several workers are
threads of the pipeline: there are as many pools as workers, however many threads call, and however short they live.
"""

from __future__ import annotations

import contextvars
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from runner.errors import RunError
from runner.runtime.threads import ForkSafeLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

Returned = TypeVar("Returned")

_ENTERED: ContextVar[frozenset[int]] = ContextVar("entered", default=frozenset())
"""The `id` of the Workers of each call that this one is within."""


class Workers:
    """The workers of a pipeline.

    Attributes:
        count: of the calls that are done at one time.
        lock: with one worker, held by the thread whose call is being done.
    """

    def __init__(self, count: int) -> None:
        """Start no thread yet.

        Raises:
            RunError: `count` is below 1.
        """
        if count < 1:
            raise RunError(f"workers: {count}, but at least 1 is needed")
        self.count, self.lock = count, ForkSafeLock()
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def call(self, work: Callable[[], Returned]) -> Returned:
        """Do `work` as soon as a worker is free, and return what it returns; a call within a call is done at once."""
        if self.count == 1:
            with self.lock:
                return work()
        if id(self) in _ENTERED.get():
            return work()
        context = contextvars.copy_context()
        context.run(_ENTERED.set, _ENTERED.get() | {id(self)})
        return self._threads().submit(context.run, work).result()

    def _threads(self) -> ThreadPoolExecutor:
        """The pool of this process: a forked child does not have the threads of its parent."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - some ms that one worker need not pay

        with self.lock:
            if self._pool is None or self._process != os.getpid():
                self._pool, self._process = ThreadPoolExecutor(self.count, "kokoro-run-worker"), os.getpid()
            return self._pool
