"""Finds the files that patterns name, and the kind of each.

rows.jsonl   data/**/*.csv   s3://bucket/rows-*.parquet   a folder of a data set   - for standard input
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.corpus.sources.folders import choose_files, may_have_records
from runner.corpus.sources.kinds import FOLDER, check_kind, find_kind
from runner.corpus.sources.local import LocalStore
from runner.corpus.sources.locations import conceal, is_address, is_glob
from runner.corpus.sources.remote import RemoteStore
from runner.errors import RunError

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Hashable, Iterator, Sequence

    from runner.corpus.sources.locations import Location, Store


@dataclass(frozen=True)
class SourceFile:
    """A file with records, and its kind."""

    location: Location
    kind: str


def find_files(patterns: Sequence[str], kind: str | None, stack: contextlib.ExitStack) -> list[SourceFile]:
    """Find the files of patterns, in the order given; those of a glob or a folder by name.

    Args:
        kind: of all of them; None for the one that each extension tells.
        stack: closes the copies of what can be read once.

    Raises:
        RunError: a pattern matches nothing, a file cannot be read or is there twice, or its kind is unknown.
    """
    if kind is not None:
        check_kind(kind)
    if not patterns:
        raise RunError("no file is given; give one at least")
    found: dict[Hashable, tuple[SourceFile, str]] = {}
    for pattern in patterns:
        if not pattern:
            raise RunError("the name of a file is empty; give a file")
        store: Store = RemoteStore(pattern) if is_address(pattern) else LocalStore(stack)
        for file in _find(store, pattern, kind):
            if file.location.key in found:
                shown = " and ".join(f"'{conceal(by)}'" for by in (found[file.location.key][1], pattern))
                raise RunError(f"{file.location.name}: is given twice, by {shown}; give each file once")
            found[file.location.key] = file, pattern
    return [file for file, _ in found.values()]


def _find(store: Store, pattern: str, kind: str | None) -> Iterator[SourceFile]:
    """Find the files of a pattern. A glob finds files; one that ends with a slash, folders."""
    shown = conceal(pattern)
    paths = store.match(pattern)
    if not paths:
        raise RunError(f"{shown}: matches no file" if is_glob(pattern) else f"{shown}: no such file or folder")
    takes_folders = len(paths) == 1 or pattern.endswith("/")
    files = paths if takes_folders else [path for path in paths if not store.is_folder(path)]
    if not files:
        raise RunError(f"{shown}: matches only folders; end it with a slash to read them as data sets")
    for path in files:
        if takes_folders and store.is_folder(path):
            yield from _find_in_folder(store, path, kind)
        elif kind == FOLDER:
            raise RunError(f"{store.locate(path).name}: is a file, expected the folder of a data set")
        else:
            location = store.locate(path)
            yield SourceFile(location, kind or find_kind(location.path, location.name))


def _find_in_folder(store: Store, folder: str, kind: str | None) -> Iterator[SourceFile]:
    """Find the files of a data set's folder; of LJSpeech's, only the kind differs."""
    name = conceal(folder)
    if kind not in (None, FOLDER, "ljspeech"):
        raise RunError(f"{name}: is a folder, expected a file of kind '{kind}'; give its files: {name.rstrip('/')}/*")
    for path in choose_files(store.list_below(folder, may_have_records), name):
        location = store.locate(f"{folder.rstrip('/')}/{path}")
        yield SourceFile(location, kind if kind == "ljspeech" else find_kind(path, location.name))
