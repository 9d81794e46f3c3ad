"""Writes the files of a layout so that they outlast a loss of power."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.files.atomic import TEMPORARY, take_place
from runner.files.errors import writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BUFFER_BYTES = 1 << 20
# JSON does not escape these, and some readers end a line at them: NEL, the separators of lines and of paragraphs
_JSON_BREAKS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file in one step, and sync it to disk; `parts` may come one by one.

    A killed run leaves `.NAME.tmp`, which the next one overwrites: an output has one writer at a time.

    Raises:
        RunError: it cannot be written; the old file is as it was, if there is one.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    with writing(path):
        try:
            with temporary.open("wb", _BUFFER_BYTES) as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            take_place(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


def create(path: Path) -> None:
    """Create an empty file in place of any other, and the folders that it is in.

    Raises:
        RunError: it cannot be created.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def append(path: Path, data: bytes) -> None:
    """Append to a file. It is not kept open, so that a writer may be left at any time.

    Raises:
        RunError: it cannot be written.
    """
    with writing(path), path.open("ab", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]


def sync_files(folder: Path, files: Iterable[str]) -> None:
    """Sync files below `folder` to disk, and the folders that they are in.

    Raises:
        RunError: it cannot be done.
    """
    folders = {folder}
    for path in map(folder.joinpath, files):
        with writing(path):
            _sync(path)
        folders.update(parent for parent in path.parents if parent.is_relative_to(folder))
    for each in folders:
        with writing(each):
            sync_folder(each)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to disk."""
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def encode_json(value: Mapping[str, Any]) -> bytes:
    """Encode a JSON object on one line, in UTF-8, with its keys as they come."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).translate(_JSON_BREAKS)
    return text.encode("utf-8", "backslashreplace")  # half of a surrogate pair becomes \ud800, as JSON escapes it
