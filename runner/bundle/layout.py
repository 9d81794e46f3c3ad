"""The names of the files of a bundle, and the entries that it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FORMAT = 1
MARK = "bundle.json"  # says what the folder is, and lists its files
RUN = "run"
GRAPH = "graph.json"
DESCRIPTION = "graph.txt"  # the graph, for hosts in other languages
CONFIG = "config.json"
LIBRARIES, VOICES, PYTHON, SYSTEM = "libraries", "voices", "python", "lib"
SYSTEM_LIBRARIES = ("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1")
"""The libraries beside libc that TVM's runtime and NumPy need, each after those that it needs itself."""


@dataclass(frozen=True)
class Entry:
    """A file that is to be in a bundle.

    Attributes:
        path: its place, relative to the folder.
        content: a file to copy, or the bytes.
        executable: whether it may be run.
    """

    path: str
    content: Path | bytes
    executable: bool = False
