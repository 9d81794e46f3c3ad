"""The error of this package: what cannot be trained, and why."""

from __future__ import annotations

from pathlib import Path


class TrainingError(Exception):
    """A mistake in what training was given; its message says where, what was found, what was expected, what to do."""


def written(path: Path, module: str) -> Path:
    """`path`, which `python -m module` writes.

    Raises:
        TrainingError: it is not there.
    """
    if not path.exists():
        raise TrainingError(f"{path}: not there; python -m {module} writes it: run it first")
    return path
