"""Writes files in one step: a reader sees the whole file or none, even if the writer is killed.

    create_beside --> a file with another name in the same folder --> take_place: it is renamed

A file that is replaced gives its mode, owner and group to the new one; a new file has what `open` gives it. Nothing is
synced to disk: after a loss of power a file may be incomplete, so readers check digests where it matters.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

TEMPORARY = ".tmp"
_ABANDONED_S = 600.0  # a write takes milliseconds
_MAX_NAME = 255  # bytes of the name of a file, on nearly every file system
_SUFFIX_BYTES = 28  # room for what is put behind a name; that of `write` is the longest, of 25
_DIGITS = 8  # of the digest in a shortened name


def write(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    """Write a file in one step: a temporary file beside `path` is renamed to it. Missing folders are made.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    suffix = f".{os.getpid()}-{os.urandom(6).hex()}{TEMPORARY}"
    try:
        handle, temporary = create_beside(path, suffix)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = create_beside(path, suffix)
    try:
        try:
            for part in parts:
                _write_all(handle, memoryview(part))
        finally:
            os.close(handle)
        take_place(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def create_beside(path: Path, suffix: str) -> tuple[int, str]:
    """Create an empty file in the folder of `path`, called `.NAME` with `suffix`; gives its descriptor and its path.

    Raises:
        OSError: it cannot be created.
    """
    folder, name = os.path.split(path)
    temporary = f"{folder or os.curdir}/.{shorten(name)}{suffix}"
    # Nobody else may read what takes the place of a private file, not even before it does.
    mode = 0o600 if os.path.lexists(path) else 0o666
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), temporary


def take_place(temporary: str | Path, path: Path) -> None:
    """Rename a file to `path`. If it replaces a file, it gets the mode of that one, and its owner and group if allowed.

    Raises:
        OSError: it cannot be renamed.
    """
    with contextlib.suppress(FileNotFoundError):
        _copy_rights(os.stat(path), temporary)  # noqa: PTH116 - Path.stat() takes longer
    os.replace(temporary, path)  # noqa: PTH105


def _copy_rights(old: os.stat_result, path: str | Path) -> None:
    mode, new = stat.S_IMODE(old.st_mode) & 0o777, os.stat(path)  # noqa: PTH116
    if new.st_uid != old.st_uid:
        with contextlib.suppress(OSError):
            os.chown(path, old.st_uid, -1)
    if new.st_gid != old.st_gid:
        try:
            os.chown(path, -1, old.st_gid)
        except OSError:
            mode &= ~0o070 | (mode & 0o007) << 3  # its group is another one, which gets no more than everybody
    os.chmod(path, mode)  # noqa: PTH101


def shorten(name: str) -> str:
    """Shorten the name of a file so that a dot before it and a suffix behind it fit; a digest keeps it unique."""
    most = _MAX_NAME - 1 - _SUFFIX_BYTES
    whole = os.fsencode(name)
    if len(whole) <= most:
        return name
    kept = name[:most]
    while len(os.fsencode(kept)) > most - 1 - _DIGITS:
        kept = kept[:-1]
    return f"{kept}~{hashlib.sha256(whole).hexdigest()[:_DIGITS]}"


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, as `write` does.

    Raises:
        OSError: as `write`.
    """
    write(path, [text.encode()])


def _write_all(handle: int, part: memoryview) -> None:
    while part:
        part = part[os.write(handle, part) :]


def list_files(root: Path) -> Iterator[os.DirEntry[str]]:
    """List the files in the folders of `root`, unfinished ones too; unreadable folders count as empty."""
    for folder in list_folder(root):
        if folder.is_dir(follow_symlinks=False):
            yield from (entry for entry in list_folder(Path(folder.path)) if entry.is_file(follow_symlinks=False))


def is_abandoned(entry: os.DirEntry[str]) -> bool:
    """Whether a temporary file was left by a killed writer, rather than being written now."""
    return entry.name.startswith(".") and entry.name.endswith(TEMPORARY) and is_old(entry.path)


def is_old(path: Path | str) -> bool:
    """Whether a file has not been written for longer than a write takes."""
    with contextlib.suppress(OSError):
        return time.time() - os.lstat(path).st_mtime > _ABANDONED_S
    return False


def remove(path: Path | str) -> bool:
    """Remove a file; gives whether it no longer exists, also if another process removed it."""
    try:
        os.unlink(path)  # noqa: PTH108 - the path may be a string
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """List the entries of a folder; none if it is missing or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
