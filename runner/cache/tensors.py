"""Arrays kept by digest of their content: one .npy file each, which can be told from its name to be whole.

    tensors/41/41d0e9....npy    named by `digest.array_digest`: the same array is kept once, whoever made it

A file appears under its name in one step, so a reader finds all of it or nothing. It is never trusted: whatever a
crash, a full disk or a stranger left under the name, an array is handed out only if its digest is the name.
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

ALIGNMENT = 64  # of the elements in the file, and so of a mapped array: what kernels ask for

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(r"\{'descr': '([<|=]?\w+)', 'fortran_order': False, 'shape': \(((?:\d+, ?)*\d*)\), \} *\n")
_LONGEST_HEADER = 1024  # bytes; ours have 128
_NAME = re.compile(r"[0-9a-f]{64}\Z")


class StoredFile(NamedTuple):
    """A file of the store: its digest, size [bytes] and time of last use [s since 1970]."""

    digest: str
    path: str
    size: int
    used: float


class TensorStore:
    """The arrays below one folder. Any number of processes may use it at once; none waits for another."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        """Where the array with this digest is, or would be."""
        return self.root / digest[:2] / f"{digest}.npy"

    def has(self, digest: str) -> bool:
        """Whether there is a file for it; whether that is whole is seen when it is loaded."""
        return self.path(digest).exists()

    def write(self, array: Array, digest: str) -> int:
        """Keep `array`, which is `digest.plain` and whose digest is known.

        Returns:
            The bytes that were written: 0 if it is there already.

        Raises:
            OSError: the disk is full, or the folder cannot be written; nothing is left behind.
        """
        path, head = self.path(digest), header(array.dtype, array.shape)
        size = len(head) + array.nbytes
        if self._there(path, size):
            return 0
        atomic.write(path, [head, elements(array)])
        return size

    def load(self, digest: str) -> Array:
        """The array, mapped from its file copy-on-write: writable, and what is written there stays in this process.

        Raises:
            FileNotFoundError: it is not kept, or no longer.
            DamageError: the file is not the array that its name says.
            OSError: the file cannot be read.
        """
        path = self.path(digest)
        array = _map(path)
        found = array_digest(array)
        if found != digest:
            raise DamageError("its content is not what was written")
        return array

    def touch(self, digest: str) -> bool:
        """Mark an array as used now, where that is allowed; False if it is gone."""
        return _touch(self.path(digest))

    def files(self) -> Iterator[StoredFile]:
        """Every array that is there; one that another process removes meanwhile is left out."""
        for entry in atomic.files(self.root):
            name, dot, suffix = entry.name.partition(".")
            if dot and suffix == "npy" and _NAME.match(name):
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    yield StoredFile(name, entry.path, status.st_size, status.st_mtime)

    def _there(self, path: Path, size: int) -> bool:
        """Whether the array is kept already; then it is marked as used. Of a damaged file that has the right size
        `load` finds it out, and its stage runs again."""
        try:
            there = path.stat().st_size == size
        except FileNotFoundError:
            return False
        return there and _touch(path)


def _touch(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # of another user: their own use counts
    return True


def header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The head of a .npy file of version 1.0: what `numpy.save` writes for an array in C order."""
    spelled = dtype.str if dtype.kind in "biufc" else dtype.name  # bfloat16 and its like have no portable .str
    sizes = f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"
    text = f"{{'descr': '{spelled}', 'fortran_order': False, 'shape': {sizes}, }}"
    filled = len(_MAGIC) + 2 + len(text) + 1
    text += " " * (-filled % ALIGNMENT) + "\n"
    return _MAGIC + len(text).to_bytes(2, "little") + text.encode("latin-1")


def _map(path: Path) -> Array:
    """The array in a file that has exactly the bytes that its header says."""
    import numpy as np  # noqa: PLC0415 - looking entries up, and listing them, takes no array

    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        dtype, shape, start = _read_header(file.read(_LONGEST_HEADER))
        needed = start + math.prod(shape) * dtype.itemsize
        if size != needed:
            raise DamageError(f"{size} bytes, where its header speaks of {needed}")
        if needed == start:
            return np.empty(shape, dtype)
        try:
            mapped = np.memmap(file, np.uint8, mode="c", offset=start, shape=(size - start,))
        except ValueError as error:  # the file became shorter while we read it
            raise DamageError(str(error)) from None
        return mapped.view(np.ndarray).view(dtype).reshape(shape)


def _read_header(head: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Dtype, shape and where the elements begin. `numpy.load` evaluates the text, which a flipped bit can make
    anything; here it is ours to the letter."""
    length = int.from_bytes(head[len(_MAGIC) : len(_MAGIC) + 2], "little")
    start = len(_MAGIC) + 2 + length
    match = _HEADER.fullmatch(head[len(_MAGIC) + 2 : start].decode("latin-1"))
    if not head.startswith(_MAGIC) or match is None or start > len(head):
        raise DamageError("its header is not one of ours")
    shape = tuple(int(size) for size in match[2].split(",") if size.strip())
    try:
        dtype = _dtype(match[1])
    except TypeError:
        raise DamageError(f"its header names the unknown dtype '{match[1]}'") from None
    if header(dtype, shape) != head[:start]:
        raise DamageError("its header is not one of ours")
    return dtype, shape, start


def _dtype(spelled: str) -> np.dtype[Any]:
    import numpy as np  # noqa: PLC0415

    if spelled == "bfloat16":
        import ml_dtypes  # noqa: F401, PLC0415 - gives NumPy the name

    dtype: np.dtype[Any] = np.dtype(spelled)
    return dtype
