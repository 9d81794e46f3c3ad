"""Keeps objects, which are named by what they hold, in a folder or below a URL, for several machines.

    open_store("/mnt/team/kokoro")    a folder: FolderStore; no other package is needed
    open_store("s3://team/kokoro")    a URL: UrlStore (`url_store`), by fsspec

An object appears under its name in one step, or its readers check its digest. Any number of machines may write at once:
they give an object of one name the same content. Nothing is ever changed, so nothing is locked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runner.errors import RunError
from runner.files import atomic
from runner.files.errors import reading, writing

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER_THREADS = 4  # a folder may lie on a server, which answers in a millisecond


class ObjectStore(Protocol):
    """A place of objects.

    Attributes:
        name: the place, as messages spell it: without credentials.
        threads: how many objects may be moved at once.
    """

    name: str
    threads: int

    def list_objects(self, prefix: str) -> dict[str, int]:
        """List the objects whose names begin with `prefix/`: name -> bytes; none if the place is empty or missing.

        Raises:
            RunError: the place cannot be read.
        """

    def read(self, name: str) -> bytes:
        """Read a whole object.

        Raises:
            FileNotFoundError: there is no such object.
            RunError: it cannot be read.
        """

    def write(self, name: str, data: bytes) -> None:
        """Write a whole object.

        Raises:
            RunError: it cannot be written.
        """

    def find_time(self, name: str) -> float:
        """Find when an object was written [s since 1970]; 0 where the place does not say."""

    def remove_abandoned(self) -> None:
        """Remove what killed writers have left, where the place shows it."""


def open_store(url: str) -> ObjectStore:
    """Open the place that a user names by a URL or by the path of a folder; nothing is read or written yet.

    Raises:
        RunError: the URL is of no known kind, a package for it is not installed, or the path is no folder.
    """
    if "://" not in url:
        return FolderStore(Path(url))
    from runner.files.url_store import UrlStore  # noqa: PLC0415 - fsspec is an extra

    return UrlStore(url)


class FolderStore:
    """The objects in a folder, which need not exist yet."""

    threads = _FOLDER_THREADS

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise RunError(f"{root}: is no folder; give a folder or a URL")
        self.root, self.name = root, str(root)

    def list_objects(self, prefix: str) -> dict[str, int]:
        return {
            path.relative_to(self.root).as_posix(): path.stat().st_size
            for path in self._list_files(self.root / prefix)
            if not path.name.startswith(".")
        }

    def read(self, name: str) -> bytes:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise RunError(f"{self.root / name}: cannot be read: {error.strerror}") from None

    def write(self, name: str, data: bytes) -> None:
        with writing(self.root / name):
            atomic.write(self.root / name, [data])

    def find_time(self, name: str) -> float:
        try:
            return (self.root / name).stat().st_mtime
        except OSError:
            return 0.0

    def remove_abandoned(self) -> None:
        for path in self._list_files(self.root):
            if path.name.startswith(".") and path.name.endswith(atomic.TEMPORARY) and atomic.is_old(path):
                atomic.remove(path)

    def _list_files(self, folder: Path) -> Iterator[Path]:
        """List the files below a folder; none if it is missing."""
        if not folder.exists():
            return
        with reading(folder):
            for at, _, names in os.walk(folder, onerror=_refuse):
                yield from (Path(at, name) for name in names)


def _refuse(error: OSError) -> None:
    raise error
