"""Sets the switches of the whole process; no other module sets them.

    switch                         set by                  callers, and the reason
    OPENBLAS_NUM_THREADS           limit_blas_threads      the command line, before NumPy is imported: starting one
                                                           thread a core takes 30 ms
    sys.modules["torch"]           load_ffi,               all callers: `tvm_ffi` and `tvm` import torch if it is
                                   prepare_for_compiler    installed, which takes a second and 200 MB
    TVM_BIND_THREADS,              load_ffi                all callers: TVM's pool reads them when its threads start
    TVM_THREAD_POOL_SPIN_COUNT
    TVM_CUDA_COMPILE_MODE          prepare_for_compiler    builds: TVM's own choice needs one more package
    glibc's mallopt, and the       use_heap                a program that only runs stages: it changes how the whole
    allocator of libraries                                 process returns memory to the system

Variables of the environment that the user has set stay. `amx` requests permission to use AMX, which is also one of the
process. The number of threads is no switch of the process: each thread sets its own (`threads`). This module imports
neither NumPy nor `tvm`.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import RunError

NAIVE_ALLOCATOR, POOLED_ALLOCATOR = 1, 2  # of the Relax VM: the C library's, and a pool of freed buffers by size
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # glibc's, malloc.h

_POOL_SETTINGS = {
    "TVM_BIND_THREADS": "0",  # bound threads of two processes share one core while another idles
    # Turns that a thread waits actively for work: some milliseconds, longer than any gap between two kernels. TVM's
    # default of 300000 delays the end of the process by up to half a second, and takes a core from Python stages.
    "TVM_THREAD_POOL_SPIN_COUNT": "10000",
}


def limit_blas_threads() -> None:
    """Keep NumPy from starting one thread a core when it is imported, which takes 30 ms.

    No stage of this package multiplies matrices with NumPy. For a stage that does, set OPENBLAS_NUM_THREADS.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@functools.cache
def load_ffi() -> Any:
    """Import `tvm_ffi`, with TVM's runtime loaded into it and without torch; a second call returns the same module.

    Raises:
        RunError: TVM is not installed.
    """
    tvm_ffi = _import_without_torch("tvm_ffi")  # which imports it for a conflict that was seen only on Windows
    for name, value in _POOL_SETTINGS.items():
        os.environ.setdefault(name, value)
    for library in sorted(find_runtime_folder().glob("libtvm_runtime.*")):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    return tvm_ffi


def _import_without_torch(name: str) -> Any:
    """Import a module that would import torch if that is installed; one that the caller has imported stays."""
    hide_torch = "torch" not in sys.modules
    if hide_torch:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module(name)
    finally:
        if hide_torch:
            del sys.modules["torch"]


def prepare_for_compiler() -> None:
    """Prepare the process for TVM's compiler, and import it. Call it before the first import of `tvm`.

    If there is a GPU, TVM compiles for it with NVRTC by default, which needs another package. If that is missing and
    nvcc is installed, nvcc is chosen. A second call has no effect.
    """
    load_ffi()
    from runner.runtime.cuda_source import find_compiler  # noqa: PLC0415 - 10 ms that only a build needs

    if find_compiler() is not None and importlib.util.find_spec("cuda") is None:
        os.environ.setdefault("TVM_CUDA_COMPILE_MODE", "nvcc")
    _import_without_torch("tvm")


@dataclass
class _HostMemory:
    allocator: int = POOLED_ALLOCATOR


_HOST_MEMORY = _HostMemory()


def host_allocator() -> int:
    """Give the host allocator of libraries that are loaded now: POOLED_ALLOCATOR, unless `use_heap` was called."""
    return _HOST_MEMORY.allocator


def use_heap(*, is_shared: bool = False) -> None:
    """Let libraries that are loaded from now on use the C library's heap, if that is glibc's.

    In the heap, memory that one kernel has freed serves the next one at any size; the pool keeps buffers by size.
    Measured on 9 s (full model): 197 MB beside the weights instead of 233 MB, and 3 % faster over many lines.

    Args:
        is_shared: whether all threads have one heap, in place of one each, which keeps what its thread has freed: in a
            server that is 98 MB in place of 114, after the first requests.
    """
    set_ = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_ is not None and is_shared:
        set_(_M_ARENA_MAX, 1)
    # By default glibc maps each large block separately, which costs a page fault per 4 KiB each time.
    if set_ is not None and set_(_M_MMAP_MAX, 0) and set_(_M_TRIM_THRESHOLD, 2**31 - 1):
        _HOST_MEMORY.allocator = NAIVE_ALLOCATOR


def find_runtime_folder() -> Path:
    """Find the folder of TVM's shared libraries.

    Raises:
        RunError: TVM is not installed.
    """
    spec = importlib.util.find_spec("tvm")
    if spec is None or not spec.submodule_search_locations:
        raise RunError("TVM is not installed in this environment: pip install apache-tvm")
    return Path(spec.submodule_search_locations[0]) / "lib"
