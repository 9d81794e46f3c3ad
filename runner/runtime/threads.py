"""Sets the threads that kernels run on, and handles forks, which lose threads and leave locks held."""

from __future__ import annotations

import math
import os
import threading
import weakref
from typing import ClassVar

from runner.errors import RunError
from runner.runtime import process
from runner.runtime.cpu_quota import find_cpu_quota

_ALL_CORES_ALIKE = 1  # threading mode kBig: all cores count as equally fast


class ForkSafeLock:
    """A reentrant lock that is free in a forked child if another thread, which does not exist there, held it."""

    _all: ClassVar[weakref.WeakSet[ForkSafeLock]] = weakref.WeakSet()

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner, self._depth = 0, 0
        self._all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()
        self._owner = threading.get_ident()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = 0
        self._lock.release()

    @classmethod
    def free_in_child(cls) -> None:
        """Replace the locks that other threads held, while the child has only this thread."""
        for each in list(cls._all):
            if each._owner != threading.get_ident():
                each._lock, each._owner, each._depth = threading.RLock(), 0, 0


os.register_at_fork(after_in_child=ForkSafeLock.free_in_child)

_POOL = threading.local()  # `process`: the one in which TVM has started a pool of threads for this Python thread


def available_threads() -> int:
    """Count the cores that this process may use. TVM's own count halves them even if there are no hyper-threads.

    A part of a processor that a container has left counts as a whole one: a run on two threads takes at most 1.08 times
    the processor time of a run on one, so that it ends sooner with any more than the time of one processor.
    """
    cores, quota = _count_cores(), find_cpu_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _count_cores() -> int:
    """Count the cores that this process is not kept from; macOS keeps a process from none."""
    affinity = getattr(os, "sched_getaffinity", None)
    return (os.cpu_count() or 1) if affinity is None else len(affinity(0))


def use_threads(count: int, most: int = 0) -> None:
    """Let libraries that this Python thread calls run on `count` threads, and later calls on up to `most`.

    Raises:
        RunError: `count` is below 1, is more than the size of this thread's pool, or is refused by `check_fork`.
    """
    if count < 1:
        raise RunError(f"threads: {count}, but at least 1 is needed")
    check_fork(count)
    if not hasattr(_POOL, "process"):  # the pool keeps the size of its first call
        _POOL.process = os.getpid()
        _configure(count, max(count, most, available_threads()))
    _configure(count, count)
    effective = process.load_ffi().get_global_func("runtime.NumThreads")()
    if effective != count:
        raise RunError(f"threads: {count} asked for, but this thread can use {effective} since its first run")


def _configure(count: int, limit: int) -> None:
    """Let this thread's pool work with `count` threads; a pool that is made now has `limit` of them.

    The limit holds for this Python thread alone, as TVM_NUM_THREADS, which all threads share, would not: a thread whose
    kernels run on two threads would find there the 1 of another, and run on one.
    """
    # TVM takes the number of cores that it is given for the limit; which cores they are matters to threads that are
    # bound to cores alone.
    process.load_ffi().get_global_func("runtime.config_threadpool")(_ALL_CORES_ALIKE, count, ["0"] * limit)


def check_fork(count: int) -> None:
    """Refuse `count` threads in a forked process that lacks them: a kernel would wait for them for ever.

    A fork copies none of the threads of the parent's pool.

    Raises:
        RunError: this process was forked by a thread that had run stages, and `count` is above 1.
    """
    if count > 1 and getattr(_POOL, "process", os.getpid()) != os.getpid():
        raise RunError(
            f"threads: {count} asked for, but this process was forked after its parent had run stages, and the "
            "parent's threads do not exist in it; start it with multiprocessing's start method 'spawn' or "
            "'forkserver', fork before the first run, or make the pipeline with threads=1"
        )
