"""Worker processes that die with their parent.

    job, job, ... --give--> worker --> answer
                            worker --> answer      a free worker gets the next job

A worker is a new interpreter. A fork would copy locks that are held by threads which it lacks, and a process that
`multiprocessing` spawns would run the caller's script again.

Linux kills a worker when its parent has ended. Elsewhere a thread of the worker does, which waits for the end of the
connection; the compiler and the libraries let it run, since calls of TVM do not hold the interpreter's lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import inspect
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Self

from runner.errors import KokoroError

Job = Callable[[], Any]
"""A function that can be pickled; it may raise a KokoroError. A generator function gives several answers."""

_PR_SET_PDEATHSIG = 1
_STDERR = 2  # the descriptor: sys.stderr may be something else
_SERVE = (
    "import sys; sys.path[:] = {path!r}; "
    "from runner.runtime.worker_pool import serve; serve({handle}, {parent}, {prepare!r})"
)


class WorkerEndedError(KokoroError):
    """A worker has died amid a job.

    Attributes:
        name: of the job.
        how: it ended: `by signal 9 (Killed); was there enough memory?`.
        was_killed: whether a signal has ended it.
    """

    def __init__(self, name: str, code: int) -> None:
        """Describe the end of a worker.

        Args:
            code: the status of its process; -9 for one that signal 9 has ended.
        """
        self.name, self.was_killed = name, code < 0
        meaning = signal.strsignal(-code) if self.was_killed else ""
        killed = f"by signal {-code} ({meaning}); was there enough memory?"
        self.how = killed if self.was_killed else f"with status {code}"
        super().__init__(f"{name}: the process that does it ended {self.how}")


@dataclass
class _Work:
    """A job, and how often a worker may still die over it."""

    name: str
    job: Job
    left: int


class WorkerPool:
    """Worker processes that die with their parent. They start at once; the end of the `with` block kills them."""

    def __init__(self, size: int, prepare: str) -> None:
        """Start `size` workers.

        Args:
            prepare: `module:function`, which each worker calls before its first job.
        """
        self._prepare = prepare
        self._workers: list[_Worker] = []
        try:
            for _ in range(size):
                self._workers.append(_Worker(prepare))
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill the workers."""
        for worker in self._workers:
            worker.end()

    def work(
        self,
        jobs: Iterable[tuple[str, Job]],
        begin: Callable[[str], object],
        *,
        attempts: int = 1,
        died: Callable[[WorkerEndedError], object] = lambda _: None,
    ) -> Iterator[tuple[str, Any]]:
        """Run jobs, which begin in their order; gives every answer as it comes, with the name of its job.

        Args:
            jobs: the next is taken when a worker is free.
            begin: called with a job's name when it begins.
            attempts: how often a job is begun if its worker is killed; another worker then takes the place of that one.
            died: called when a worker has died over a job that is begun again.

        Raises:
            KokoroError: a job raised it.
            WorkerEndedError: a worker has died.
        """
        waiting = (_Work(name, job, attempts) for name, job in jobs)
        again: deque[_Work] = deque()
        busy: dict[Connection, tuple[_Worker, _Work]] = {}
        free = list(self._workers)
        while True:
            while free and (work := again.popleft() if again else next(waiting, None)) is not None:
                worker = free.pop()
                begin(work.name)
                worker.give(work.job)
                busy[worker.connection] = worker, work
            if not busy:
                return
            for connection in _wait_for(busy):
                worker, work = busy[connection]
                try:
                    answers, ends = worker.receive(work.name)
                except WorkerEndedError as error:
                    work.left -= 1
                    if work.left == 0 or not error.was_killed:
                        raise
                    died(error)
                    del busy[connection]
                    again.append(work)
                    free.append(self._replace(worker))
                    continue
                if ends:
                    del busy[connection]
                    free.append(worker)
                yield from ((work.name, answer) for answer in answers)

    def _replace(self, worker: _Worker) -> _Worker:
        worker.end()
        self._workers.remove(worker)
        self._workers.append(_Worker(self._prepare))
        return self._workers[-1]


def _wait_for(connections: Iterable[Connection]) -> list[Connection]:
    return [found for found in wait(list(connections)) if isinstance(found, Connection)]


class _Worker:
    def __init__(self, prepare: str) -> None:
        self.connection, there = Pipe()
        handle = there.fileno()
        serve_ = _SERVE.format(path=sys.path, handle=handle, parent=os.getpid(), prepare=prepare)
        # Ctrl-C on a terminal interrupts all its processes: this one ends the workers, which must stay silent.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with there:
                # Output of a linker or nvcc must not get into a stream of audio.
                self._process = subprocess.Popen(
                    [sys.executable, "-c", serve_], pass_fds=[handle], stdin=subprocess.DEVNULL, stdout=_STDERR
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def give(self, job: Job) -> None:
        """Give a job to the worker."""
        with contextlib.suppress(BrokenPipeError):  # it has died: `receive` reports it
            self.connection.send(job)

    def receive(self, name: str) -> tuple[list[Any], bool]:
        """Receive the next answers of the job `name`, and whether it ends with them."""
        try:
            answers, ends, trace = self.connection.recv()
        except (EOFError, OSError):  # also amid a message
            raise WorkerEndedError(name, self._process.wait()) from None
        if isinstance(answers, KokoroError):
            raise answers from RuntimeError(trace)
        return answers, ends

    def end(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.wait()


def serve(handle: int, parent: int, prepare: str) -> None:
    """Run jobs in a worker, one after the other, until the parent closes the connection.

    Args:
        handle: descriptor of the connection that jobs come from.
        parent: id of the process that sends them; when it ends, this one is killed.
        prepare: `module:function`, called before the first job.
    """
    if not _let_system_end_with_parent():
        threading.Thread(target=_end_with, args=[handle], daemon=True).start()
    if os.getppid() != parent:
        return  # it has ended already
    module, _, function = prepare.partition(":")
    getattr(importlib.import_module(module), function)()
    with Connection(handle) as connection:
        while True:
            try:
                job = connection.recv()
            except EOFError:
                return
            try:
                result = job()
                if inspect.isgenerator(result):
                    for answer in result:
                        connection.send(([answer], False, ""))
                    connection.send(([], True, ""))
                else:
                    connection.send(([result], True, ""))
            except KokoroError as error:
                connection.send((error, True, traceback.format_exc()))


def _let_system_end_with_parent() -> bool:
    """Let the system kill this process when its parent ends; false if it cannot."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return prctl is not None and prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) == 0


def _end_with(handle: int) -> None:
    """Kill this process when nobody holds the other end of the connection `handle`."""
    waiting = select.poll()
    waiting.register(handle, 0)  # its end is reported whatever is asked for; jobs that come are not
    waiting.poll()
    os.kill(os.getpid(), signal.SIGKILL)
