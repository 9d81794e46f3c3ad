"""Keeps objects below a URL, by fsspec: s3://, gs://, az://, sftp://, file://, memory:// and others.

    an object store      an object is put whole, and appears when it is complete
    a file system        a file with another name beside it is renamed to it

Credentials are never shown: not those of the URL, nor in messages of the packages that speak to the place.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from urllib.parse import unquote

from runner.errors import RunError
from runner.files import atomic
from runner.files.locate import install_command
from runner.files.remote_errors import list_remote_errors

_ASYNC_THREADS = 8  # requests that wait for a network
_ABANDONED_S = 86400.0  # the clock of a server may differ from this one's by minutes
_SHORTEST_SECRET = 4  # shorter parts, such as the user `a`, would be replaced in the middle of words
_HIDDEN = "***"

_OBJECT_STORES = frozenset(
    ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "tos", "hf", "memory")
)
"""Protocols of places where an object appears when it is complete, and where a folder need not be made.

They are named, because making a folder in one of them may make a bucket.
"""


class UrlStore:
    """The objects below a URL."""

    def __init__(self, url: str) -> None:
        self.name, self._secrets = hide_credentials(url)
        try:
            import fsspec  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise RunError(f"{self.name}: URLs need fsspec. Install it with: {install_command('corpus')}") from None
        with self._reporting("opened"):
            self._files, root = fsspec.url_to_fs(url)
        self._root = str(root).rstrip("/")
        protocol = self._files.protocol
        self._renames = _OBJECT_STORES.isdisjoint((protocol,) if isinstance(protocol, str) else protocol)
        self.threads = _ASYNC_THREADS if self._files.async_impl else 1

    def list_objects(self, prefix: str) -> dict[str, int]:
        with self._reporting("listed"):
            self._files.invalidate_cache()
            try:
                found = self._files.find(f"{self._root}/{prefix}", detail=True)
            except FileNotFoundError:
                return {}
            names = ((str(path)[len(self._root) + 1 :], int(info.get("size") or 0)) for path, info in found.items())
            return {name: size for name, size in names if not name.rpartition("/")[2].startswith(".")}

    def read(self, name: str) -> bytes:
        with self._reporting("read", name, missing=True):
            return bytes(self._files.cat_file(f"{self._root}/{name}"))

    def write(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        with self._reporting("written", name):
            if self._renames:
                self._write_aside(path, data)
            else:
                self._files.pipe_file(path, data)

    def _write_aside(self, path: str, data: bytes) -> None:
        """Write a file with another name, and rename it; another writer of the same content may be first."""
        folder, _, name = path.rpartition("/")
        self._files.makedirs(folder, exist_ok=True)
        aside = f"{folder}/.{name}.{os.urandom(6).hex()}{atomic.TEMPORARY}"
        try:
            self._files.pipe_file(aside, data)
            self._files.mv(aside, path)
        except BaseException as error:
            with contextlib.suppress(*_list_errors()):
                self._files.rm_file(aside)
            if not (isinstance(error, OSError) and self._files.exists(path)):
                raise

    def find_time(self, name: str) -> float:
        with contextlib.suppress(*_list_errors()):
            return float(self._files.modified(f"{self._root}/{name}").timestamp())
        return 0.0

    def remove_abandoned(self) -> None:
        if not self._renames:
            return
        with contextlib.suppress(FileNotFoundError), self._reporting("listed", missing=True):
            for path in map(str, self._files.find(self._root)):
                hidden = path.rpartition("/")[2].startswith(".") and path.endswith(atomic.TEMPORARY)
                written = self.find_time(path[len(self._root) + 1 :]) if hidden else 0.0
                if written and time.time() - written > _ABANDONED_S:
                    self._files.rm_file(path)

    @contextlib.contextmanager
    def _reporting(self, verb: str, name: str = "", *, missing: bool = False) -> Iterator[None]:
        """Report an error of the place without credentials; with `missing`, FileNotFoundError stays itself."""
        try:
            yield
        except _list_errors() as error:
            if missing and isinstance(error, FileNotFoundError):
                raise FileNotFoundError(name) from None
            where = f"{self.name.rstrip('/')}/{name}" if name else self.name
            raise RunError(f"{where}: cannot be {verb}: {self._describe(error)}") from None

    def _describe(self, error: BaseException) -> str:
        text = " ".join(str(error).split()) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def _list_errors() -> tuple[type[BaseException], ...]:
    """List the errors that a place may raise: its packages', and those that fsspec raises of an address."""
    return (ValueError, ImportError, NotImplementedError, *list_remote_errors())


def hide_credentials(url: str) -> tuple[str, list[str]]:
    """Spell a URL without credentials; gives it, and the secrets that no message may show, the longest first.

    All that is before the last `@` counts as one, since a secret may hold a slash, and all that follows a `?`.
    """
    scheme, _, rest = url.partition("://")
    rest, mark, query = rest.partition("?")
    user, at, place = rest.rpartition("@")
    parts = {url, user, query, *re.split(r"[:/]", user), *re.split(r"[&=#]", query)}
    secrets = {text for part in parts for text in (part, unquote(part)) if len(text) >= _SHORTEST_SECRET}
    spelled = f"{scheme}://{_HIDDEN + at if at else ''}{place}{mark + _HIDDEN if mark else ''}"
    return spelled, sorted(secrets if at or mark else (), key=len, reverse=True)
