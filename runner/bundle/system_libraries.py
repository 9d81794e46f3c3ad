"""Finds the libraries of the system that the runtime needs beside libc, for machines that lack them.

    libgcc_s, libstdc++    TVM's runtime and NumPy
    libz                   a library of NumPy's

A machine with Python alone may have none of these. `DIR/run` takes the machine's own where it has them, since those are
known to fit its libc.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runner.bundle.layout import SYSTEM, SYSTEM_LIBRARIES, Entry
from runner.errors import RunError
from runner.files.errors import reading
from runner.runtime.process import load_ffi

_MAPS = Path("/proc/self/maps")


def list_system_libraries() -> Iterator[Entry]:
    """List the libraries that this process has loaded for the runtime.

    Raises:
        RunError: one is not among them.
    """
    np.empty(0)  # NumPy has loaded its own
    load_ffi()
    with reading(_MAPS):
        lines = os.fsdecode(_MAPS.read_bytes()).split("\n")  # names of files need not be UTF-8
    mapped = {Path(line.split(maxsplit=5)[5]) for line in lines if "/" in line}
    for name in SYSTEM_LIBRARIES:
        found = sorted(path for path in mapped if path.name.startswith(name))
        if not found:
            raise RunError(f"{name}: is not loaded here; a bundle is made where NumPy and TVM are linked with it")
        yield Entry(f"{SYSTEM}/{name}", found[0])
