"""Prepares the process of `DIR/run` for the bundle's libraries, before any of them is loaded.

A library that is loaded is not looked for again, so that NumPy and TVM's runtime find those of the bundle on a machine
that has none of its own. This module imports neither of them.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from runner.bundle.layout import SYSTEM, SYSTEM_LIBRARIES
from runner.runtime.process import limit_blas_threads


def prepare(folder: str) -> None:
    """Load the libraries beside libc that the bundle in `folder` needs; exits with 2 if one cannot be loaded."""
    limit_blas_threads()
    for name in SYSTEM_LIBRARIES:
        try:
            ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
        except OSError:
            _load_own(Path(folder, SYSTEM, name))


def _load_own(path: Path) -> None:
    try:
        ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    except OSError as error:
        fact = f"cannot be loaded: {error}; this machine has no {path.name} of its own"
        sys.stderr.write(f"{path}: {fact}: install it, or make the bundle on a machine with an older libc\n")
        sys.exit(2)
