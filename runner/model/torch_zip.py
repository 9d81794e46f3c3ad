"""Reads files of `torch.save` without torch, and without running code from the file.

    NAME/data.pkl     a pickle: dicts, strings, numbers, and tensors as (storage, offset, shape, strides)
    NAME/data/0 ...   the storages, raw, uncompressed
    NAME/byteorder    "little" or "big", of the storages; absent in older files, which are little-endian

A pickle can name any function to be called. This reader rebuilds tensors and dicts, and refuses a pickle with any other
name before anything is called.

Source: torch/serialization.py and torch/_utils.py (`_rebuild_tensor_v2`) of PyTorch 2.
"""

from __future__ import annotations

import collections
import io
import math
import mmap
import pickle
import pickletools
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runner.errors import WeightsError
from runner.model.safetensors import LAYOUTS, StoredTensor, map_file

MAGIC = b"PK"

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_LOCAL_HEADER = struct.Struct("<26xHH")  # lengths of the name and of the extra field, which the data follows
# The errors of zipfile and of CPython's unpickler for damaged bytes: neither checks its input.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, LookupError, EOFError, OSError, ValueError)
_PICKLE_ERRORS = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


class _Storage(NamedTuple):
    """A flat array of numbers; tensors are views of it."""

    dtype: str
    data: np.ndarray


class _Dict(dict[Any, Any]):
    """A substitute for OrderedDict. It drops a state dict's attributes, which are version numbers of its modules."""

    def __setstate__(self, state: object) -> None:
        del state


def read_torch_zip(path: Path) -> object:
    """Read the saved object: dicts, strings and numbers, and each tensor as a `StoredTensor` on the mapped file.

    Raises:
        WeightsError: the file is truncated, damaged, a TorchScript program, or names a class other than
            a tensor, a storage or an ordered dict.
    """
    data = map_file(path)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return _Archive(path, archive, data).load()
    except ZIP_ERRORS as error:
        raise WeightsError(f"{path}: truncated or damaged ({error}); fetch it again") from None


class _Archive:
    """An open file: it finds the records and rebuilds the tensors."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, data: mmap.mmap) -> None:
        self.path = path
        self.archive = archive
        self.data = data
        self.storages: dict[str, _Storage] = {}
        self.is_big_endian = False
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise self.error("a zip file, but not one of torch.save: it has no data.pkl")
        self.folder = pickles[0].removesuffix("data.pkl")

    def load(self) -> object:
        names = set(self.archive.namelist())
        if f"{self.folder}constants.pkl" in names:
            raise self.error("a TorchScript program; save the module's state_dict() with torch.save instead")
        order = self.archive.read(f"{self.folder}byteorder") if f"{self.folder}byteorder" in names else b"little"
        if order not in (b"little", b"big"):
            raise self.error(f"its byte order is {order!r}, expected 'little' or 'big'; fetch the file again")
        self.is_big_endian = order == b"big"
        text = self.archive.read(f"{self.folder}data.pkl")
        try:
            _check_allocations(text)
            return _Unpickler(self, text).load()
        except _PICKLE_ERRORS as error:
            raise self.error(f"its pickle is damaged ({type(error).__name__}: {error}); fetch the file again") from None

    def error(self, fact: str) -> WeightsError:
        return WeightsError(f"{self.path}: {fact}")

    def storage(self, dtype: str, key: str, count: int) -> _Storage:
        if key not in self.storages:
            layout = np.dtype(LAYOUTS[dtype]).newbyteorder(">" if self.is_big_endian else "<")
            raw = self.record(f"{self.folder}data/{key}", count * layout.itemsize)
            self.storages[key] = _Storage(dtype, np.frombuffer(raw, layout))
        return self.storages[key]

    def record(self, name: str, size: int) -> memoryview:
        """Give the bytes of a record, after a check of its CRC; they are mapped from the file if not compressed."""
        if name not in self.archive.NameToInfo:
            raise self.error(f"its record {name} is missing; fetch the file again")
        info = self.archive.getinfo(name)
        if info.file_size != size:
            raise self.error(f"its record {name} has {info.file_size} bytes, expected {size}; fetch the file again")
        if info.compress_type != zipfile.ZIP_STORED:
            return memoryview(self.archive.read(info))
        name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(self.data, info.header_offset)
        first = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
        raw = memoryview(self.data)[first : first + size]
        if len(raw) != size or zlib.crc32(raw) != info.CRC:
            raise self.error(f"its record {name} is damaged: another CRC than was saved; fetch the file again")
        return raw


def _check_allocations(text: bytes) -> None:
    """Refuse pickle codes that allocate before they read: a few damaged bytes could make them take all memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from pickletools, for a backslash in a damaged name
        for code, argument, _ in pickletools.genops(text):
            greedy = code.name in ("PUT", "LONG_BINPUT") and (argument or 0) > len(text)
            if greedy or code.name == "BYTEARRAY8":
                raise pickle.UnpicklingError(f"{code.name} of {argument}")


class _StorageType(NamedTuple):
    dtype: str


class _Unpickler(pickle.Unpickler):
    """An unpickler for tensors, storages and ordered dicts."""

    def __init__(self, archive: _Archive, text: bytes) -> None:
        super().__init__(io.BytesIO(text))
        self.archive = archive

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return _StorageType(_STORAGES[name])
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == (collections.OrderedDict.__module__, collections.OrderedDict.__name__):
            return _Dict
        raise self.archive.error(
            f"refused: its pickle names {module}.{name}, and a checkpoint may hold tensors, dicts, strings and numbers "
            "only. If you trust its author, save it anew with torch.save({part: module.state_dict(), ...})"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _, count = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType) or not isinstance(key, str):
            raise pickle.UnpicklingError(f"not a storage: {pid!r}")
        if type(count) is not int or count < 0:
            raise pickle.UnpicklingError(f"a storage of {count!r} numbers")
        return self.archive.storage(storage_type.dtype, key, count)


def _rebuild_tensor(
    storage: object, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> StoredTensor:
    """Make a view of `storage`. Offset and strides count numbers; unchecked, they could lead past the file."""
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    if any(type(size) is not int or size < 0 for size in (offset, *shape, *strides)) or len(shape) != len(strides):
        raise pickle.UnpicklingError(f"a tensor of shape {shape}, strides {strides} at {offset}")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if 0 not in shape and max(last + 1, math.prod(shape)) > storage.data.size:
        raise pickle.UnpicklingError(f"a tensor {shape} that reaches number {last} of {storage.data.size}")
    if 0 in shape:
        return StoredTensor(storage.dtype, np.empty(shape, storage.data.dtype))
    step = storage.data.itemsize
    view = np.lib.stride_tricks.as_strided(
        storage.data[offset:], shape, [stride * step for stride in strides], writeable=False
    )
    return StoredTensor(storage.dtype, view)
