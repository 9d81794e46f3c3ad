"""Loads the libraries of stages: all of them at once, or the first now and the others in the background."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.engine.executors import Executor
    from runner.engine.observers import Observer


def load_libraries(
    executors: Mapping[str, Executor], stages: Sequence[str], observers: Sequence[Observer], *, wait: bool
) -> None:
    """Load the libraries of `stages`, and tell the observers.

    Args:
        wait: for all of them; else for the first, while a thread loads the others, whose files have been checked.

    Raises:
        RunError: a library is missing, damaged, or for another CPU, TVM or graph.
    """
    start = time.perf_counter()
    later = [] if wait else [name for name in stages[1:] if executors[name].can_load_later()]
    for name in stages:
        if name not in later:
            executors[name].load()
    if later:
        threading.Thread(target=_load_in_background, args=(executors, later, observers)).start()
    for observer in observers:
        observer.libraries_loaded(stages, time.perf_counter() - start, background=False)


def _load_in_background(
    executors: Mapping[str, Executor], stages: Sequence[str], observers: Sequence[Observer]
) -> None:
    start = time.perf_counter()
    for name in stages:
        with contextlib.suppress(Exception):  # the stage's own turn meets it again
            executors[name].load()
    for observer in observers:
        observer.libraries_loaded(stages, time.perf_counter() - start, background=True)
