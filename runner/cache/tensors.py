"""Stores arrays by the digest of their content, one .npy file each.

    tensors/41/41d0e9....npy    named by `digest.array_digest`: equal arrays are kept once, whatever stage gave them

A file appears under its name in one step, so a reader finds the whole file or none. Its content is checked: an array is
returned only if its digest is the name of the file.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.cache.digest import DamageError, array_digest, elements
from runner.files import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from runner.runtime.values import Array

ALIGNMENT = 64  # of the elements in the file, and so of a mapped array; kernels need it

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(r"\{'descr': '([<|=]?\w+)', 'fortran_order': False, 'shape': \(((?:\d+, ?)*\d*)\), \} *\n")
_MAX_HEADER = 1024  # bytes; headers of this module have 128
_NAME = re.compile(r"[0-9a-f]{64}\Z")


class StoredFile(NamedTuple):
    """A file of the store: digest, path, size [bytes] and time of the last use [s since 1970]."""

    digest: str
    path: str
    size: int
    used: float


class TensorStore:
    """The arrays in one folder. Any number of processes may use it at once; none waits for another."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        """Give the file of the array with this digest, whether or not it exists."""
        return self.root / digest[:2] / f"{digest}.npy"

    def has(self, digest: str) -> bool:
        """Whether the file of an array exists; `load` checks its content."""
        return self.path(digest).exists()

    def write(self, array: Array, digest: str) -> int:
        """Store an array that `digest.plain` gave, under its digest.

        Returns:
            The bytes that were written: 0 if the array is stored already.

        Raises:
            OSError: the disk is full, or the folder cannot be written; nothing is left behind.
        """
        path, head = self.path(digest), header(array.dtype, array.shape)
        size = len(head) + array.nbytes
        if self._is_stored(path, size):
            return 0
        atomic.write(path, [head, elements(array)])
        return size

    def load(self, digest: str) -> Array:
        """Map an array from its file, copy-on-write: it is writable, and changes stay in this process.

        Raises:
            FileNotFoundError: there is no such file.
            DamageError: the digest of the content is not the name of the file.
            OSError: the file cannot be read.
        """
        array = _map(self.path(digest))
        _compare(array, digest)
        return array

    def read_file(self, digest: str) -> bytes:
        """Read the bytes of a file, and check them; errors are those of `load`."""
        data = self.path(digest).read_bytes()
        _check(data, digest)
        return data

    def write_file(self, digest: str, data: bytes) -> None:
        """Store the bytes that `read_file` of another store gave.

        Raises:
            DamageError: the digest of their content is another one; nothing is written.
            OSError: the disk is full, or the folder cannot be written; nothing is left behind.
        """
        _check(data, digest)
        atomic.write(self.path(digest), [data])

    def touch(self, digest: str) -> bool:
        """Mark an array as used now, if this process may do so; False if its file is missing."""
        return _touch(self.path(digest))

    def files(self) -> Iterator[StoredFile]:
        """List the files of all arrays; one that another process removes meanwhile is left out."""
        for entry in atomic.list_files(self.root):
            name, dot, suffix = entry.name.partition(".")
            if dot and suffix == "npy" and _NAME.match(name):
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    yield StoredFile(name, entry.path, status.st_size, status.st_mtime)

    def _is_stored(self, path: Path, size: int) -> bool:
        """Whether the array is stored already; if so, it is marked as used.

        Only the size is compared: `load` detects a damaged file of the right size, and its stage runs again.
        """
        try:
            same_size = path.stat().st_size == size
        except FileNotFoundError:
            return False
        return same_size and _touch(path)


def _touch(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the file belongs to another user, whose own runs mark it
    return True


def header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Make the header of a .npy file of version 1.0, as `numpy.save` writes it for an array in C order."""
    descr = dtype.str if dtype.kind in "biufc" else dtype.name  # bfloat16 and similar have no portable .str
    sizes = f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {sizes}, }}"
    filled = len(_MAGIC) + 2 + len(text) + 1
    text += " " * (-filled % ALIGNMENT) + "\n"
    return _MAGIC + len(text).to_bytes(2, "little") + text.encode("latin-1")


def _map(path: Path) -> Array:
    """Map the array of a file; the file must have exactly the size that its header gives."""
    import numpy as np  # noqa: PLC0415 - finding and listing entries does not need it

    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        dtype, shape, start = _read_header(file.read(_MAX_HEADER))
        _check_size(size, start, shape, dtype)
        if size == start:
            return np.empty(shape, dtype)
        try:
            mapped = np.memmap(file, np.uint8, mode="c", offset=start, shape=(size - start,))
        except ValueError as error:  # the file became shorter meanwhile
            raise DamageError(str(error)) from None
        return mapped.view(np.ndarray).view(dtype).reshape(shape)


def _check(data: bytes, digest: str) -> None:
    """Check that the bytes of a file are those of the array with this digest.

    Raises:
        DamageError: they are not.
    """
    import numpy as np  # noqa: PLC0415

    dtype, shape, start = _read_header(data[:_MAX_HEADER])
    _check_size(len(data), start, shape, dtype)
    _compare(np.frombuffer(memoryview(data)[start:], dtype).reshape(shape), digest)


def _check_size(size: int, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    needed = start + math.prod(shape) * dtype.itemsize
    if size != needed:
        raise DamageError(f"it has {size} bytes, but its header needs {needed}")


def _compare(array: Array, digest: str) -> None:
    if array_digest(array) != digest:
        raise DamageError("its content is not what was written")


def _read_header(head: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Read dtype, shape and the start of the elements.

    `numpy.load` evaluates the header, and a flipped bit can turn it into any text. Here it must be the exact text of
    `header`.
    """
    length = int.from_bytes(head[len(_MAGIC) : len(_MAGIC) + 2], "little")
    start = len(_MAGIC) + 2 + length
    match = _HEADER.fullmatch(head[len(_MAGIC) + 2 : start].decode("latin-1"))
    if not head.startswith(_MAGIC) or match is None or start > len(head):
        raise DamageError("its header is not one of this cache")
    shape = tuple(int(size) for size in match[2].split(",") if size.strip())
    try:
        dtype = _parse_dtype(match[1])
    except TypeError:
        raise DamageError(f"its header names the unknown dtype '{match[1]}'") from None
    if header(dtype, shape) != head[:start]:
        raise DamageError("its header is not one of this cache")
    return dtype, shape, start


def _parse_dtype(name: str) -> np.dtype[Any]:
    import numpy as np  # noqa: PLC0415

    if name == "bfloat16":
        import ml_dtypes  # noqa: F401, PLC0415 - gives NumPy the name

    dtype: np.dtype[Any] = np.dtype(name)
    return dtype
