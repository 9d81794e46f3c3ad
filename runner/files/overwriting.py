"""Refuses to write over a file that is read, and to write two things to one file, before anything is done.

    read     --input ipa.txt    --voice me.npy    the graph's files ...  \\
                                                                          > one file twice --> RunError
    written  -o a.wav    --trace a.json    out/0001.wav ...              /

Two paths are one file if they lead to one place, however they are spelled and by whatever links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from runner.errors import RunError

Use = tuple[str, Path]  # who reads or writes, as in '--input', and which file


def refuse_overwriting(read: Iterable[Use], written: Iterable[Use], many: Iterable[Use] = ()) -> None:
    """Compare each file that will be written with those that are read and those written before it.

    Args:
        many: files that will be written too, and differ from each other; they are not held in memory.

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
    """The file itself, or where it would be made; of a device, a pipe or a folder, nothing that equals another."""
    try:
        status = os.stat(path)  # noqa: PTH116 - what Path.stat() calls, of ten thousand files
    except OSError:
        return os.path.realpath(path)
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else object()
