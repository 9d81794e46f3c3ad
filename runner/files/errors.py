"""Turns errors of the system into errors that name the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import KokoroError, RunError


@contextmanager
def reading(name: str | Path, kind: type[KokoroError] = RunError) -> Iterator[None]:
    """Report an OSError of the block as `NAME: cannot be read: REASON`.

    Args:
        name: the file, as messages spell it.
        kind: class of the error to raise.
    """
    try:
        yield
    except OSError as error:
        raise kind(f"{name}: cannot be read: {error.strerror or error}") from error


@contextmanager
def writing(name: str | Path, kind: type[KokoroError] = RunError) -> Iterator[None]:
    """Report an OSError of the block as `NAME: cannot be written: REASON`; arguments are those of `reading`."""
    try:
        yield
    except OSError as error:
        raise kind(f"{name}: cannot be written: {error.strerror or error}") from error
