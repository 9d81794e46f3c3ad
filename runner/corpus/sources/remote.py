"""Finds and opens remote files by fsspec: `s3://`, `hf://`, `https://`, `memory://`, `zip://FILE::ARCHIVE` and others.

Messages never have the credentials of an address.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, BinaryIO, cast

from runner.corpus.sources.locations import Location, conceal, is_glob
from runner.errors import RunError
from runner.files.locate import install_command
from runner.files.remote_errors import list_remote_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RemoteStore:
    """The file system of an address; a `Store` whose paths are those that fsspec has for it."""

    def __init__(self, pattern: str) -> None:
        """Find the file system; nothing is read from it.

        Raises:
            RunError: no file system has the protocol, or a package that it needs is not installed.
        """
        self._pattern = pattern
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - of an extra
        except ModuleNotFoundError:
            fact = "the address of a remote file, and the package fsspec, which reads it, is not installed"
            raise RunError(f"{conceal(pattern)}: {fact}: {install_command('corpus')}") from None
        try:
            with remote_reading(conceal(pattern)):
                self._system, self._path = url_to_fs(pattern)
        except ImportError as error:
            raise RunError(f"{conceal(pattern)}: cannot be read: {conceal(str(error))}") from None
        except ValueError as error:
            raise RunError(f"{conceal(pattern)}: is no address of files: {conceal(str(error))}") from None

    def match(self, pattern: str) -> list[str]:
        path = self._path
        with remote_reading(conceal(pattern)):
            if is_glob(pattern) and not self._system.isfile(path):
                return sorted(self._system.glob(f"{path}/" if pattern.endswith("/") else path))
            try:
                self._system.info(path)  # `exists` tells no difference between what is absent and what is refused
            except FileNotFoundError as error:
                if error.__cause__ is None:
                    return []
                raise OSError(str(error.__cause__)) from None
            return [path]

    def is_folder(self, path: str) -> bool:
        with remote_reading(self._name(path)):
            return bool(self._system.isdir(path))

    def list_below(self, folder: str, accept: Callable[[str], bool]) -> list[str]:
        start = f"{folder.rstrip('/')}/"
        with remote_reading(self._name(folder)):
            return sorted(filter(accept, (path.removeprefix(start) for path in self._system.find(folder))))

    def locate(self, path: str) -> Location:
        name = self._name(path)

        def open_file() -> BinaryIO:
            with remote_reading(name):
                return cast("BinaryIO", self._system.open(path, "rb"))

        return Location(name, path.partition("?")[0], (self._system, path), open_file)

    def _name(self, path: str) -> str:
        return conceal(self._pattern if path == self._path else str(self._system.unstrip_protocol(path)))


@contextlib.contextmanager
def remote_reading(name: str) -> Iterator[None]:
    """Report an OSError of the block, or an error of a protocol's package, as `NAME: cannot be read: REASON`.

    The reason is spelled without credentials, and the error that has them is not kept.
    """
    try:
        yield
    except list_remote_errors() as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise RunError(f"{name}: cannot be read: {conceal(str(reason))}") from None
