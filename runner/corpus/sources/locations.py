"""Describes where files lie, and spells their names for messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from runner.errors import printable

_USER = re.compile(r"(?<=://)(?:[^/@\s:]*|[^/@\s:]+:(?!:|[0-9]+/)[^@\s]*)@")  # a secret of S3 may hold slashes
_QUERY = re.compile(r"\?(?=[^\s'\"]*=)[^\s'\"]*")
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Location:
    """A file that can be opened again and again.

    Attributes:
        name: the file in messages; an address without credentials.
        path: the file's path, of which the extension counts.
        key: equal for the same file.
        open: opens it from its start.
    """

    name: str
    path: str
    key: Hashable = field(repr=False)
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)


class Store(Protocol):
    """Files on this machine, or those of a remote file system."""

    def match(self, pattern: str) -> list[str]:
        """List the files and folders that a pattern names, by name: those of a glob, or the one that it spells.

        Raises:
            RunError: they cannot be listed.
        """

    def is_folder(self, path: str) -> bool:
        """Whether there is such a folder; raises RunError where that cannot be found out."""

    def list_below(self, folder: str, accept: Callable[[str], bool]) -> Sequence[str]:
        """List files of a folder and the folders in it by name, as paths from there; raises RunError.

        Args:
            accept: whether a path is to be listed. There may be a million others, of audio.
        """

    def locate(self, path: str) -> Location:
        """Locate a file; raises RunError if it cannot be read."""


def is_address(pattern: str) -> bool:
    """Whether a pattern is the address of remote files: `s3://bucket/rows.jsonl`."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*(?:://|::)", pattern) is not None


def is_glob(pattern: str) -> bool:
    """Whether a pattern has characters of a glob. A question mark in an address of the web begins its query."""
    return (
        _MAGIC.search(pattern.partition("?")[0] if pattern.startswith(("http://", "https://")) else pattern) is not None
    )


def conceal(address: str) -> str:
    """Spell an address, or a message that has one, without credentials: names, passwords and queries."""
    return printable(_QUERY.sub("?***", _USER.sub("***@", address)))
