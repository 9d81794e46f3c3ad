"""Writes the folder of a bundle: beside its place first, and renamed to it when it is whole.

    DIR missing or empty          the new folder is renamed to DIR
    DIR is an earlier bundle      it is moved aside, the new one takes its place, the old one is removed
    DIR has anything else in it   refused: nothing of a user's is removed

`bundle.json` lists every file with its size and sha256: a bundle in which a user has put or changed files is known.
"""

from __future__ import annotations

import json
import os
import py_compile
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from runner.bundle.layout import FORMAT, LIBRARIES, MARK, Entry
from runner.errors import RunError
from runner.files.atomic import is_old, list_folder, shorten
from runner.files.digest import file_sha256
from runner.files.errors import reading, writing

_PART, _OLD = ".part", ".old"
_STAMPED = re.compile(rf"{LIBRARIES}/[^/]+\.json")  # a run notes there which files it has checked
_SHOWN = 3
_CHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH  # copying gives the sources other times


def check_folder(folder: Path, name: Path | None = None) -> None:
    """Refuse a folder that is not there to be replaced.

    Args:
        name: what messages call it; None for its path.

    Raises:
        RunError: it is a file, has files that are no bundle's, or cannot be read.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise RunError(f"{name or folder}: is a file; a bundle is a folder, give another name")
    with reading(folder):
        foreign = _list_foreign(folder)
    if foreign:
        names = ", ".join(foreign[:_SHOWN]) + (" ..." if len(foreign) > _SHOWN else "")
        fact = "has files that are no bundle's, or were changed"
        raise RunError(f"{name or folder}: {fact}: {names}; give a new folder, or an empty one")


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


def _list_foreign(folder: Path) -> list[str]:
    """List the files of a folder that are not as a bundle was made; all of them if it is no bundle."""
    listed = _read_listed(folder)
    return sorted(
        name for name in _list_files(folder) if name not in listed or not _is_own(folder / name, listed[name])
    )


def _read_listed(folder: Path) -> dict[str, dict[str, Any] | None]:
    """Read which files a bundle was made of, with what they were; those that `run` writes in have None."""
    try:
        table = json.loads((folder / MARK).read_bytes())
        if table["format"] != FORMAT or not all(isinstance(table[key], str) for key in ("python", "machine", "tvm")):
            return {}
        files = {name: {"size": file["size"], "sha256": file["sha256"]} for name, file in table["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {**files, **{name: None for name in files if _STAMPED.fullmatch(name)}, MARK: None}


def _is_own(path: Path, described: dict[str, Any] | None) -> bool:
    return not path.is_symlink() and (described is None or _describe(path) == described)


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
    """Rename the new folder; over an empty one in one step, while a full one is moved aside first.

    What a user has put there meanwhile is found once nobody knows the folder by its name.
    """
    try:
        aside.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        old = aside.with_suffix(_OLD)
        try:
            target.rename(old)
            check_folder(old, target)
            aside.rename(target)
        except BaseException:
            if old.is_dir() and not target.exists():
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
