"""Converts between tensors of TVM and arrays of NumPy, without a copy if the memory allows it.

array --put--> tensor on a device --get--> array
file of weights --map_weights--> tensors, on the host mapped from the file
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import RunError
from runner.runtime.manifest import ALIGNMENT
from runner.runtime.process import load_ffi
from runner.runtime.tvm_runtime import DLPACK_TYPES, HOST
from runner.runtime.values import Remote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.runtime.manifest import Tensor
    from runner.runtime.tvm_runtime import Device
    from runner.runtime.values import Array


def align_array(array: Array) -> Array:
    """Make an array as kernels need it, with a copy only if it is not; an element keeps its value.

    It is contiguous, writable, at a multiple of 64 bytes, and in this machine's byte order. TVM does not check the
    alignment: a kernel that reads 64 bytes from a misaligned address ends the process.
    """
    is_native = array.dtype.isnative
    if array.flags.c_contiguous and array.flags.writeable and array.ctypes.data % ALIGNMENT == 0 and is_native:
        return array
    fresh = empty(array.shape, array.dtype.newbyteorder("="))
    fresh[...] = array
    return fresh


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Allocate an array as `numpy.empty` does, at a multiple of 64 bytes."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(dtype).reshape(shape)


def put(array: Array | Remote, device: Device = HOST) -> Any:
    """Make a tensor of an array on `device`; without a copy if it is there already and, on the host, aligned."""
    if isinstance(array, Remote):
        if array.device == device:
            return array.tensor
        array = array.array
    tensor = load_ffi().from_dlpack(align_array(array), require_alignment=ALIGNMENT if array.size else 0)
    if device == HOST:
        return tensor
    remote = _allocate(array.shape, str(tensor.dtype), device)
    load_ffi().get_global_func("runtime.TVMTensorCopyFromTo")(tensor, remote)
    return remote


def get(tensor: Any) -> Array:
    """Make an array of a tensor on any device; without a copy if that is the host."""
    if (tensor.device.dlpack_device_type(), tensor.device.index) == (DLPACK_TYPES["cpu"], 0):
        return np.from_dlpack(tensor)
    local = _allocate(tuple(tensor.shape), str(tensor.dtype), HOST)
    load_ffi().get_global_func("runtime.TVMTensorCopyFromTo")(tensor, local)
    return np.from_dlpack(local)


def _allocate(shape: Sequence[int], dtype: str, device: Device) -> Any:
    kind, index = device
    where = load_ffi().device(kind, index)
    allocate = load_ffi().get_global_func("runtime.TVMTensorAllocWithScope")
    return allocate(load_ffi().Shape(tuple(shape)), load_ffi().dtype(dtype), where, None)


def map_file(path: Path) -> mmap.mmap:
    """Map a file: its pages are read when used. `madvise(mmap.MADV_DONTNEED)` frees their memory until the next use."""
    with path.open("rb") as file:
        # Copy-on-write: DLPack refuses read-only memory, and nothing here writes.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def map_weights(path: Path, tensors: Sequence[Tensor], device: Device = HOST, mapped: mmap.mmap | None = None) -> Any:
    """Make an array of tensors of the weights at `path`; on the host they are mapped from the file.

    Args:
        mapped: the file, if it has been mapped already.
    """
    pages = np.frombuffer(mapped or map_file(path), np.uint8) if tensors else np.empty(0, np.uint8)
    return load_ffi().Array([put(_view(path, pages, tensor), device) for tensor in tensors])


def _view(path: Path, pages: Array, tensor: Tensor) -> Array:
    """Make a view of a tensor in the mapped file."""
    try:
        dtype = np.dtype(tensor.dtype)
    except TypeError:
        raise RunError(f"{path}: tensor {tensor.name} is of the unknown dtype '{tensor.dtype}'") from None
    size = int(np.prod(tensor.shape, dtype=np.int64)) * dtype.itemsize
    if tensor.offset % ALIGNMENT or not 0 <= tensor.offset <= tensor.offset + size <= pages.size:
        raise RunError(f"{path}: tensor {tensor.name} of {size} bytes at {tensor.offset} does not fit the file")
    return pages[tensor.offset : tensor.offset + size].view(dtype).reshape(tensor.shape)
