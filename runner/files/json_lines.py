"""Reads files of JSON lines that a killed run may have left with a torn last line."""

from __future__ import annotations

import json
import os
from typing import Any, BinaryIO


def parse_table(line: str | bytes) -> dict[str, Any] | None:
    """Read the table of a line; None if the line is torn, or has something else."""
    try:
        table = json.loads(line)
    except ValueError:
        return None
    return table if isinstance(table, dict) else None


def end_torn_line(file: BinaryIO) -> None:
    """Go to the end of a file, and end its last line if a kill has torn it: what follows is a line of its own."""
    if file.seek(0, os.SEEK_END) == 0:
        return
    file.seek(-1, os.SEEK_END)
    if file.read(1) != b"\n":
        file.write(b"\n")
