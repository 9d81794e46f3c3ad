"""The error of this package: what cannot be trained, and why."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

Arguments = ParamSpec("Arguments")


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


def reporting(main: Callable[Arguments, None]) -> Callable[Arguments, int]:
    """Make a command line of `main`: it gives 0, or 2 with the message of a TrainingError on standard error."""

    @functools.wraps(main)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> int:
        try:
            main(*arguments, **named)
        except TrainingError as error:
            sys.stderr.write(f"error: {error}\n")
            return 2
        return 0

    return run
