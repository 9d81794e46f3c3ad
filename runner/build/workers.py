"""Worker processes that die with their parent.

    job, job, ... --give--> worker --> answer
                            worker --> answer      a free worker gets the next job

A worker is a new interpreter. A fork would copy locks that are held by threads which it lacks, and a process that
`multiprocessing` spawns would run the caller's script again.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import inspect
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Self

from runner.errors import BuildError, KokoroError
from runner.runtime.process import prepare_for_compiler

Job = Callable[[], Any]
"""A function that can be pickled; it may raise a KokoroError. A generator function gives several answers."""

_PR_SET_PDEATHSIG = 1
_STDERR = 2  # the descriptor: sys.stderr may be something else
_SERVE = (
    "import sys; sys.path[:] = {path!r}; from runner.build.workers import serve; serve({handle}, {parent}, {module!r})"
)


class WorkerPool:
    """Worker processes that die with their parent. They start at once; the end of the `with` block kills them."""

    def __init__(self, size: int, module: str) -> None:
        """Start `size` workers, each of which imports `module` before its first job."""
        self._workers: list[_Worker] = []
        try:
            for _ in range(size):
                self._workers.append(_Worker(module))
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

    def work(self, jobs: Sequence[tuple[str, Job]], begin: Callable[[str], object]) -> Iterator[tuple[str, Any]]:
        """Run jobs, which begin in their order; gives every answer as it comes, with the name of its job.

        Args:
            begin: called with a job's name when it begins.

        Raises:
            KokoroError: a job raised it.
            BuildError: a worker has died.
        """
        waiting = list(jobs)
        busy: dict[Connection, tuple[_Worker, str]] = {}
        free = list(self._workers)
        while waiting or busy:
            while waiting and free:
                worker, (name, job) = free.pop(), waiting.pop(0)
                begin(name)
                with contextlib.suppress(BrokenPipeError):  # it has died: `answer` reports it
                    worker.connection.send(job)
                busy[worker.connection] = worker, name
            for connection in _wait_for(busy):
                worker, name = busy[connection]
                answers, ends = worker.receive(name)
                if ends:
                    del busy[connection]
                    free.append(worker)
                yield from ((name, answer) for answer in answers)


def _wait_for(connections: Iterable[Connection]) -> list[Connection]:
    return [found for found in wait(list(connections)) if isinstance(found, Connection)]


class _Worker:
    def __init__(self, module: str) -> None:
        self.connection, there = Pipe()
        handle = there.fileno()
        serve_ = _SERVE.format(path=sys.path, handle=handle, parent=os.getpid(), module=module)
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

    def receive(self, name: str) -> tuple[list[Any], bool]:
        """Receive the next answers of the job `name`, and whether it ends with them."""
        try:
            answers, ends, trace = self.connection.recv()
        except (EOFError, ConnectionError):
            code = self._process.wait()
            meaning = signal.strsignal(-code) if code < 0 else ""
            how = f"by signal {-code} ({meaning}); was there enough memory?" if code < 0 else f"with status {code}"
            raise BuildError(f"stage '{name}': the process that compiles it ended {how}") from None
        if isinstance(answers, KokoroError):
            raise answers from RuntimeError(trace)
        return answers, ends

    def end(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.wait()


def serve(handle: int, parent: int, module: str) -> None:
    """Run jobs in a worker, one after the other, until the parent closes the connection.

    Args:
        handle: descriptor of the connection that jobs come from.
        parent: id of the process that sends them; when it ends, this one is killed.
        module: imported before the first job.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it has ended already
    gc.disable()  # the compiler's objects are counted: looking for cycles among them takes a twentieth of a build
    prepare_for_compiler()
    importlib.import_module(module)
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
