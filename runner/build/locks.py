"""Locks the files of a library while they are built. Never imports TVM."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

WAITING = "waiting"
"""The state of a stage that another process builds."""


@contextlib.contextmanager
def build_lock(library: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on `library`, and delete leftovers of killed builds of it.

    The kernel releases the lock when the process ends, also if it is killed.

    Raises:
        BlockingIOError: another process holds it, and `wait` is false.
    """
    library.parent.mkdir(parents=True, exist_ok=True)
    lock = library.with_name(f".{library.stem}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in library.parent.glob(f".{library.stem}.*"):
            if left.is_dir():
                shutil.rmtree(left)
            elif left != lock:
                left.unlink(missing_ok=True)
        yield
