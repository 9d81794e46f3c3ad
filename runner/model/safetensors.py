"""Reads the safetensors format; tensors are mapped from the file.

    8 bytes   length of the header, little-endian
    header    JSON: {name: {"dtype": "F16", "shape": [2, 3], "data_offsets": [first, past]}, "__metadata__": ...}
    data      the tensors, raw little-endian, at the offsets from here

Source: the format's description in huggingface/safetensors, README.
"""

from __future__ import annotations

import json
import math
import mmap
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runner.errors import WeightsError
from runner.files.errors import reading

# bfloat16 is read as its bits: NumPy has no such dtype.
LAYOUTS = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    "bfloat16": "<u2",
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "int8": "<i1",
    "uint8": "<u1",
    "bool": "<?",
}
_SAFETENSORS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
_LENGTH_BYTES = 8
_GIT_LFS = b"version https://git-lfs"


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of a file.

    Attributes:
        dtype: a key of `LAYOUTS`.
        data: read-only view of the file with the tensor's shape; bfloat16 as uint16.
    """

    dtype: str
    data: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    def float32(self) -> np.ndarray:
        """Give the values, C-contiguous and aligned; float32 is not copied from the file.

        Raises:
            ValueError: the dtype is another than float32, float16 and bfloat16.
        """
        if self.dtype == "bfloat16":
            return (self.data.astype(np.uint32) << 16).view(np.float32)
        if self.dtype not in ("float32", "float16"):
            raise ValueError(f"holds {self.dtype}, expected float32, float16 or bfloat16")
        # '<f4' of a file is the machine's own float32: every platform TVM's wheels run on is little-endian.
        return np.require(self.data, np.float32, ["C", "ALIGNED"])

    def float64(self) -> np.ndarray:
        """Give the values as float64; raises what `float32` does."""
        return self.float32().astype(np.float64)


def map_file(path: Path) -> mmap.mmap:
    """Map the bytes of a file read-only; the mapping lives as long as a view of it.

    Raises:
        WeightsError: the file cannot be read, is empty, or is a Git LFS pointer.
    """
    if sys.byteorder != "little":
        raise WeightsError(f"{path}: this machine is big-endian; checkpoints and voices are little-endian")
    with reading(path, WeightsError):
        try:
            with path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise WeightsError(f"{path}: there is no such file") from None
        except ValueError:
            raise WeightsError(f"{path}: the file is empty; fetch it again") from None
    if data[: len(_GIT_LFS)] == _GIT_LFS:
        raise WeightsError(f"{path}: a Git LFS pointer, not the file itself; run `git lfs pull` in its repository")
    return data


def map_parts(paths: Sequence[Path]) -> mmap.mmap:
    """Map a file that is cut into parts: a single part as `map_file` does; several are joined in memory.

    Raises:
        WeightsError: as `map_file`, of any part.
    """
    parts = [map_file(path) for path in paths]
    if len(parts) == 1:
        return parts[0]
    joined = mmap.mmap(-1, sum(map(len, parts)))
    for part in parts:
        joined.write(part)
    return joined


def is_safetensors(data: mmap.mmap) -> bool:
    """Whether the bytes begin as those of a safetensors file, complete or not."""
    return data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and data[6:_LENGTH_BYTES] == b"\0\0"


def read_safetensors(path: Path, data: mmap.mmap) -> dict[str, StoredTensor]:
    """Read the tensors of a safetensors file: name -> view of the file.

    Args:
        path: its name in messages.
        data: its bytes.

    Raises:
        WeightsError: the file is truncated or damaged, or a tensor's dtype is none of `LAYOUTS`.
    """
    start = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    try:
        header = json.loads(data[_LENGTH_BYTES:start].decode("utf-8")) if start <= len(data) else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise WeightsError(f"{path}: truncated or damaged safetensors file (its header); fetch it again")
    header.pop("__metadata__", None)
    return {name: _read_tensor(f"{path}: {name}", entry, data, start) for name, entry in header.items()}


def _read_tensor(where: str, entry: object, data: mmap.mmap, start: int) -> StoredTensor:
    try:
        code, shape, (first, past) = entry["dtype"], entry["shape"], entry["data_offsets"]  # type: ignore[index]
        sizes = [*shape, first, past]
    except (KeyError, TypeError, ValueError):
        raise WeightsError(f"{where}: damaged safetensors header; fetch the file again") from None
    if code not in _SAFETENSORS:
        raise WeightsError(f"{where}: holds {code}, expected one of {', '.join(_SAFETENSORS)}")
    dtype = _SAFETENSORS[code]
    layout = np.dtype(LAYOUTS[dtype])
    if any(type(size) is not int or size < 0 for size in sizes) or math.prod(shape) * layout.itemsize != past - first:
        raise WeightsError(f"{where}: {dtype}{shape} does not fill bytes {first} to {past}; fetch the file again")
    if start + past > len(data):
        raise WeightsError(f"{where}: truncated: {len(data)} bytes of at least {start + past}; fetch the file again")
    # A slice is taken first: a header need not end at a multiple of the item size, and an empty tensor may be the last.
    return StoredTensor(dtype, np.frombuffer(memoryview(data)[start + first : start + past], layout).reshape(shape))
