"""TVM's runtime without its compiler: `tvm_ffi` and libtvm_runtime.so, never `import tvm`.

    numpy array --put--> Tensor --entry(inputs..., weights)--> Tensor | Array of Tensors --get--> numpy arrays

Measured: 0.1 s and 50 MB for a process that runs a library this way, 0.6 s and 200 MB with `import tvm`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.util
import mmap
import os
import sys
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from runner.errors import RunError
from runner.runtime.manifest import ALIGNMENT, check_loadable
from runner.runtime.values import Remote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.runtime.manifest import Tensor
    from runner.runtime.values import Array

DLPACK_TYPES = {"cpu": 1, "cuda": 2, "opencl": 4, "vulkan": 7, "metal": 8, "rocm": 10, "webgpu": 15}
_NAIVE, _POOLED = 1, 2  # the Relax VM's allocators: the C library's own, and a pool of freed buffers by size
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's, malloc.h
_ALL_CORES_ALIKE = 1  # threading mode kBig: threads are not told apart by the speed of their core
_EXIST = 0  # device attribute

# Read by the runtime when its threads start.
_POOL_SETTINGS = {
    "TVM_BIND_THREADS": "0",  # bound threads of two processes share one core while another idles
    # Turns that a thread waits actively for its next piece of work: some milliseconds, longer than any gap between two
    # kernels. TVM's own 300000 delay the end of the process by up to half a second, and take a core from Python stages.
    "TVM_THREAD_POOL_SPIN_COUNT": "10000",
}


class ForkSafeLock:
    """A reentrant lock that is free in a forked child if another thread held it, which does not exist there."""

    _all: ClassVar[weakref.WeakSet[ForkSafeLock]] = weakref.WeakSet()

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner, self._depth = 0, 0
        self._all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()
        self._owner = threading.get_ident()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = 0
        self._lock.release()

    @classmethod
    def free_in_child(cls) -> None:
        """Replace what other threads held, while the child has no thread but this one."""
        for each in list(cls._all):
            if each._owner != threading.get_ident():
                each._lock, each._owner, each._depth = threading.RLock(), 0, 0


os.register_at_fork(after_in_child=ForkSafeLock.free_in_child)

_THREADS_LOCK = ForkSafeLock()
_POOL = threading.local()  # `process`: the one in which TVM has started a pool of threads for this Python thread

Device = tuple[str, int]
HOST: Device = ("cpu", 0)


@functools.cache
def ffi() -> Any:
    """The `tvm_ffi` module, with TVM's runtime loaded into it."""
    # tvm_ffi imports torch wherever it is installed, for a conflict seen on Windows alone: a second, and 200 MB.
    hide_torch = "torch" not in sys.modules
    if hide_torch:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        tvm_ffi = importlib.import_module("tvm_ffi")
    finally:
        if hide_torch:
            del sys.modules["torch"]
    for name, value in _POOL_SETTINGS.items():
        os.environ.setdefault(name, value)
    for library in sorted(_library_folder().glob("libtvm_runtime.*")):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    return tvm_ffi


def _library_folder() -> Path:
    spec = importlib.util.find_spec("tvm")
    if spec is None or not spec.submodule_search_locations:
        raise RunError("TVM is not installed in this environment: pip install apache-tvm")
    return Path(spec.submodule_search_locations[0]) / "lib"


class Buffers:
    """Where the buffers lie that libraries compute in: in a pool, by size, or in the C library's heap.

    In the heap, memory that one kernel has freed serves the next whatever its size, and calls of any length. But it
    changes what the whole process gives back to the system, so it is for a program that does nothing else.
    """

    allocator = _POOLED

    @classmethod
    def in_heap(cls) -> None:
        """Take the heap for libraries that are loaded from now on, where the C library is glibc.

        Measured on 9 s (full model): 197 MB beside the weights instead of 233 MB, and 3 % faster over many lines.
        """
        set_ = getattr(ctypes.CDLL(None), "mallopt", None)
        # A mapping of its own for each large block would cost a page fault per 4 KiB, each time.
        if set_ is not None and set_(_M_MMAP_MAX, 0) and set_(_M_TRIM_THRESHOLD, 2**31 - 1):
            cls.allocator = _NAIVE


@functools.cache
def version() -> str:
    """TVM's version, from the package's metadata."""
    # The folder's name says it; importlib.metadata, which reads the file, takes 20 ms to be imported.
    folders = list(_library_folder().parents[1].glob("apache_tvm-*.dist-info"))
    if len(folders) == 1:
        return folders[0].name.removesuffix(".dist-info").partition("-")[2]
    import importlib.metadata  # noqa: PLC0415

    return importlib.metadata.version("apache-tvm")


def available_threads() -> int:
    """Cores this process may use; TVM's own count takes hyper-threads for half of them, wherever there are none."""
    return len(os.sched_getaffinity(0))


def use_threads(count: int, most: int = 0) -> None:
    """Let libraries called from this Python thread run on `count` threads, and later ones on up to `most`.

    Raises:
        RunError: `count` is below 1, or more than the pool of this thread was made with; or `check_fork` refuses it.
    """
    if count < 1:
        raise RunError(f"threads: {count}, but at least 1 is needed")
    check_fork(count)
    _POOL.process = getattr(_POOL, "process", os.getpid())
    configure = ffi().get_global_func("runtime.config_threadpool")
    with _THREADS_LOCK:  # two Python threads have a pool each, but one environment
        # The pool has its size from the first call on, and never grows; `configure` sets how many of it work.
        os.environ["TVM_NUM_THREADS"] = str(max(count, most, available_threads()))
        configure(_ALL_CORES_ALIKE, count)
        os.environ["TVM_NUM_THREADS"] = str(count)
        effective = ffi().get_global_func("runtime.NumThreads")()
    if effective != count:
        raise RunError(f"threads: {count} asked for, but this process can use {effective} since its first run")


def check_fork(count: int) -> None:
    """Refuse `count` threads where they do not exist: a fork copies none of the threads of the parent's pool, and a
    kernel would wait for them for ever.

    Raises:
        RunError: this process was forked by a thread that had run stages, and `count` is above 1.
    """
    if count > 1 and getattr(_POOL, "process", os.getpid()) != os.getpid():
        raise RunError(
            f"threads: {count} asked for, but this process was forked after its parent had run stages, and the "
            "parent's threads do not exist in it; start it with multiprocessing's start method 'spawn' or "
            "'forkserver', fork before the first run, or make the pipeline with threads=1"
        )


def present(device: Device) -> bool:
    """Whether the runtime can reach `device`."""
    kind, index = device
    if kind == "cpu":
        return index == 0  # the runtime says yes to any index
    _load_backend(kind)
    return bool(ffi().get_global_func("runtime.GetDeviceAttr")(DLPACK_TYPES[kind], index, _EXIST))


def present_devices() -> list[str]:
    """The devices of this machine, as a graph's `devices` would spell their runtime: `cpu:0`, `cuda:1`, ..."""
    found = []
    for kind in DLPACK_TYPES:
        index = 0
        while present((kind, index)):
            found.append(f"{kind}:{index}")
            index += 1
    return found


@functools.cache
def _load_backend(kind: str) -> str:
    """Load the runtime of a device kind, a library of its own that needs the device's driver; why it is of no use."""
    libraries = sorted(_library_folder().glob(f"libtvm_runtime_{kind}.*"))
    for library in libraries:
        try:
            ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
        except OSError as error:
            return str(error)  # no driver, say: present() finds no such device
    return "" if libraries else f"this TVM has no runtime for {kind}"


def why_absent(device: Device) -> str:
    """What is known of why the runtime cannot reach a device, '' if nothing."""
    return "" if device[0] == "cpu" else _load_backend(device[0])


def aligned(array: Array) -> Array:
    """`array` where a library may have it: contiguous, writable and at a multiple of 64 bytes; itself if it is so.

    TVM does not check: a kernel that reads 64 bytes at a time from elsewhere is a segmentation fault.
    """
    if array.flags.c_contiguous and array.flags.writeable and array.ctypes.data % ALIGNMENT == 0:
        return array
    fresh = empty(array.shape, array.dtype)
    fresh[...] = array
    return fresh


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array like `numpy.empty`, at a multiple of 64 bytes."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(dtype).reshape(shape)


def put(array: Array | Remote, device: Device = HOST) -> Any:
    """`array` as a tensor on `device`: without a copy where it lies there, or on the host if it is aligned."""
    if isinstance(array, Remote):
        if array.device == device:
            return array.tensor
        array = array.array
    tensor = ffi().from_dlpack(aligned(array), require_alignment=ALIGNMENT if array.size else 0)
    if device == HOST:
        return tensor
    remote = _allocate(array.shape, str(tensor.dtype), device)
    ffi().get_global_func("runtime.TVMTensorCopyFromTo")(tensor, remote)
    return remote


def get(tensor: Any) -> Array:
    """A tensor of any device as an array; of the host's without a copy."""
    if (tensor.device.dlpack_device_type(), tensor.device.index) == (DLPACK_TYPES["cpu"], 0):
        return np.from_dlpack(tensor)
    local = _allocate(tuple(tensor.shape), str(tensor.dtype), HOST)
    ffi().get_global_func("runtime.TVMTensorCopyFromTo")(tensor, local)
    return np.from_dlpack(local)


def _allocate(shape: Sequence[int], dtype: str, device: Device) -> Any:
    kind, index = device
    where = ffi().device(kind, index)
    allocate = ffi().get_global_func("runtime.TVMTensorAllocWithScope")
    return allocate(ffi().Shape(tuple(shape)), ffi().dtype(dtype), where, None)


def map_file(path: Path) -> mmap.mmap:
    """A file's own pages, read when used. Of these, `madvise(mmap.MADV_DONTNEED)` gives the memory back until then."""
    with path.open("rb") as file:
        # Copy-on-write: DLPack refuses read-only memory, and nothing here writes.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def map_weights(path: Path, tensors: Sequence[Tensor], device: Device = HOST, mapped: mmap.mmap | None = None) -> Any:
    """The weights at `path` as one array of tensors; on the host they are the file's own pages, or those of `mapped`,
    which is that file."""
    pages = np.frombuffer(mapped or map_file(path), np.uint8) if tensors else np.empty(0, np.uint8)
    return ffi().Array([put(_view(path, pages, tensor), device) for tensor in tensors])


def _view(path: Path, pages: Array, tensor: Tensor) -> Array:
    """One tensor in the mapped file."""
    try:
        dtype = np.dtype(tensor.dtype)
    except TypeError:
        raise RunError(f"{path}: tensor {tensor.name} is of the unknown dtype '{tensor.dtype}'") from None
    size = int(np.prod(tensor.shape, dtype=np.int64)) * dtype.itemsize
    if tensor.offset % ALIGNMENT or not 0 <= tensor.offset <= tensor.offset + size <= pages.size:
        raise RunError(f"{path}: tensor {tensor.name} of {size} bytes at {tensor.offset} does not fit the file")
    return pages[tensor.offset : tensor.offset + size].view(dtype).reshape(tensor.shape)


class Library:
    """One compiled function of a library.

    Attributes:
        path: the library.
        entry: the function's name in it.
    """

    def __init__(self, path: Path, entry: str, device: Device = HOST, weights: Any = None) -> None:
        """Load `path`.

        Args:
            weights: the last argument of each call (`map_weights`); None for a library that holds its own.

        Raises:
            RunError: the file is no library for this machine, no Relax executable, or has no such entry.
        """
        self.path, self.entry = path, entry
        self._device = device
        self._last = () if weights is None else (weights,)
        self._function = self._load(entry)

    def _load(self, entry: str) -> Any:
        check_loadable(self.path)
        try:
            module = self._load_module()
        except RuntimeError as error:
            raise RunError(f"library {self.path} cannot be loaded: {_last_line(error)}") from error
        if not module.implements_function("vm_load_executable"):
            raise RunError(f"library {self.path} is no Relax executable: it has no vm_load_executable")
        machine = module["vm_load_executable"]()
        kind, index = self._device
        pools = {(kind, index): _POOLED, HOST: Buffers.allocator}  # the host's runs the shape functions of any device
        machine["vm_initialization"](*(n for (k, i), pool in pools.items() for n in (DLPACK_TYPES[k], i, pool)))
        if not machine.implements_function(entry):
            raise RunError(f"library {self.path} has no entry '{entry}'")
        count, name_of = machine["get_function_arity"](entry), machine["get_function_param_name"]
        self.parameters = [str(name_of(entry, at)) for at in range(count)]
        return machine[entry]

    def _load_module(self) -> Any:
        with _spelled(self.path.absolute()) as path:
            if self._device[0] != "cuda":
                return ffi().load_module(path)
            from runner.runtime import cuda_source  # noqa: PLC0415 - 10 ms that a CPU's libraries need not pay

            with cuda_source.offered(ffi()):
                return ffi().load_module(path)

    def __call__(self, inputs: Sequence[Array | Remote]) -> list[Array | Remote]:
        """Run the entry on `inputs`, in its own order; its results, one or a tuple, as a list.

        They stay on the library's device; from the host's, they are arrays.

        Raises:
            RunError: TVM refused an input, or its own checks failed.
        """
        tensors = [put(array, self._device) for array in inputs]
        try:
            result = self._function(*tensors, *self._last)
            _wait(self._device)
        except (RuntimeError, ValueError, TypeError) as error:
            raise RunError(f"{self.entry} of {self.path} failed: {_last_line(error)}") from error
        many = isinstance(result, (ffi().Array, tuple, list))
        return [_taken(tensor, self._device) for tensor in (result if many else [result])]


@contextlib.contextmanager
def _spelled(path: Path) -> Iterator[str]:
    """The path in UTF-8, as TVM takes it; where it is not, that of a link to the file."""
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        import tempfile  # noqa: PLC0415 - 5 ms that hardly anybody need pay

        with tempfile.TemporaryDirectory(prefix="kokoro-run-") as folder:
            link = Path(folder) / f"library{path.suffix}"
            link.symlink_to(path)
            yield str(link)
    else:
        yield str(path)


def _taken(tensor: Any, device: Device) -> Array | Remote:
    if device == HOST:
        return get(tensor)
    return Remote(tensor, device, str(tensor.dtype), tuple(tensor.shape), get)


def _wait(device: Device) -> None:
    """Wait for the device's work: its errors and its time then belong to the stage that it was for."""
    if device != HOST:
        kind, index = device
        ffi().get_global_func("runtime.Device_StreamSync")(ffi().device(kind, index), 0)


def release_memory() -> None:
    """Give back what the VM's pool keeps for later calls: for calls of other lengths it is of no use.

    Measured on twelve utterances of 10 s, all of other lengths (small model): 605 MB at the end without, 124 MB with.
    """
    ffi().get_global_func("vm.builtin.memory_manager.clear")()


def _last_line(error: BaseException) -> str:
    """TVM's errors end with the fact."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
