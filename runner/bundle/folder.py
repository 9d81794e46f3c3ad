"""Writes the folder of a bundle: beside its place first, and renamed to it when it is whole.

    DIR missing or empty          the new folder is renamed to DIR
    DIR is an earlier bundle      it is moved aside, the new one takes its place, the old one is removed
    DIR has anything else in it   refused: nothing of a user's is removed

`bundle.json` lists every file with its size and sha256, so that a bundle with files of a user's in it is known.
"""

from __future__ import annotations

import json
import os
import py_compile
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from runner.bundle.layout import FORMAT, MARK, Entry
from runner.errors import RunError
from runner.files.atomic import is_old, list_folder, shorten
from runner.files.digest import file_sha256
from runner.files.errors import reading, writing

_PART, _OLD = ".part", ".old"
_SHOWN = 3
_CHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH  # copying gives the sources other times


def check_folder(folder: Path) -> None:
    """Refuse a folder that is not there to be replaced.

    Raises:
        RunError: it is a file, has files that are no bundle's, or cannot be read.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise RunError(f"{folder}: is a file; a bundle is a folder, give another name")
    with reading(folder):
        found = set(_list_files(folder))
    foreign = sorted(found - _read_listed(folder))
    if foreign:
        names = ", ".join(foreign[:_SHOWN]) + (" ..." if len(foreign) > _SHOWN else "")
        raise RunError(f"{folder}: has files that are no bundle's: {names}; give a new folder, or an empty one")


def write_folder(folder: Path, entries: Iterable[Entry], about: Mapping[str, Any]) -> int:
    """Write a bundle; gives its size in bytes.

    Args:
        about: what bundle.json says beside the list of files.

    Raises:
        RunError: the folder is refused (`check_folder`), or cannot be written; nothing is left behind.
    """
    check_folder(folder)
    target = folder.resolve()
    with writing(folder), _beside(target) as aside:
        for entry in entries:
            _write(aside / entry.path, entry)
        _compile(aside)
        files = {name: _describe(aside / name) for name in sorted(_list_files(aside))}
        table = {"format": FORMAT, **about, "files": files}
        text = json.dumps(table, indent=1, ensure_ascii=False) + "\n"
        (aside / MARK).write_text(text, encoding="utf-8")
        _take_place(aside, target)
    return len(text.encode()) + sum(int(file["size"]) for file in files.values())


def _list_files(folder: Path) -> Iterator[str]:
    for place, below, names in os.walk(folder, onerror=_raise):
        links = [name for name in below if Path(place, name).is_symlink()]
        yield from (Path(place, name).relative_to(folder).as_posix() for name in (*names, *links))


def _raise(error: OSError) -> NoReturn:
    raise error


def _read_listed(folder: Path) -> set[str]:
    """Read which files a bundle was made of; none if the folder is no bundle."""
    try:
        return {MARK, *json.loads((folder / MARK).read_bytes())["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Hold a new folder beside `target`, which is removed if it is still there at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    name = f".{shorten(target.name)}."
    for entry in list_folder(target.parent):
        if entry.name.startswith(name) and entry.name.endswith((_PART, _OLD)) and is_old(entry.path):
            shutil.rmtree(entry.path, ignore_errors=True)  # of a run that was killed
    aside = target.with_name(f"{name}{os.urandom(4).hex()}{_PART}")
    aside.mkdir()
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(path: Path, entry: Entry) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(entry.content, bytes):
        path.write_bytes(entry.content)
    else:
        shutil.copyfile(entry.content, path)
    if entry.executable:
        path.chmod(path.stat().st_mode | (path.stat().st_mode & 0o444) >> 2)  # for those who may read it


def _compile(folder: Path) -> None:
    """Compile the sources, whose bytecode the other machine takes as it is."""
    for source in sorted(folder.rglob("*.py")):
        named = source.relative_to(folder).as_posix()  # no path of this machine
        py_compile.compile(str(source), dfile=named, doraise=True, optimize=0, invalidation_mode=_CHECKED)


def _describe(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": file_sha256(path)}


def _take_place(aside: Path, target: Path) -> None:
    """Rename the new folder; over an empty one in one step, while a full one is moved aside first."""
    try:
        aside.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        old = aside.with_suffix(_OLD)
        target.rename(old)
        try:
            aside.rename(target)
        except OSError:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
