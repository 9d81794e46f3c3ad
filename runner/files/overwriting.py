"""Checks, before a run begins, that it does not write a file that it reads, nor one file twice.

    read     rows, voices, the files of the graph ...     \\
                                                           > the same file twice --> RunError
    written  audio, timestamps, trace, report ...         /

Two paths are the same file if they lead to it through any spelling or link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from runner.errors import RunError

Use = tuple[str, Path]  # the name of the reader or writer in messages, and the file


def refuse_overwriting(read: Iterable[Use], written: Iterable[Use], many: Iterable[Use] = ()) -> None:
    """Compare each file that will be written with the files that are read and those written before it.

    Args:
        many: further files that will be written, and differ from each other; they are not held in memory.

    Raises:
        RunError: one of them is read, or written for something else.
    """
    known: dict[object, str] = {}
    for who, path in read:
        known.setdefault(_identity(path), f"{who} reads")
    for who, path in written:
        _refuse_known(known, who, path)
        known[_identity(path)] = f"{who} writes"
    for who, path in many:
        _refuse_known(known, who, path)


def _refuse_known(known: dict[object, str], who: str, path: Path) -> None:
    other = known.get(_identity(path))
    if other is not None:
        raise RunError(f"{who} {path}: {other} the same file; give another")


def _identity(path: Path) -> object:
    """Identify a file, or the place of one to be made; a device, a pipe or a folder equals nothing."""
    try:
        status = os.stat(path)  # noqa: PTH116 - faster than Path.stat(), for ten thousand files
    except OSError:
        return os.path.realpath(path)
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else object()
