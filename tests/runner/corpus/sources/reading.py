"""Reads files that tests write, as records without the names of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.corpus.sources.sources import Sources


def read_file(path: Path, data: bytes | str, kind: str | None = None) -> list[tuple[str, Any]]:
    """Write a file, and read it twice: the place of each record, and its values or its fault."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    sources = Sources([str(path)], kind)
    first, second = list(sources), list(sources)
    assert first == second
    assert all(record.fault == "" or not record.values for record in first)
    return [(record.origin.removeprefix(f"{path}:"), record.fault or dict(record.values)) for record in first]
