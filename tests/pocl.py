"""Runs libraries built for OpenCL on this machine's CPU, by pocl: TVM's wheel compiles for OpenCL but cannot run it.

    library.so -- device code --> OpenCL program of pocl --> one C function a kernel, which TVM's host code calls

pocl's device is the CPU: its memory is the host's, so TVM may believe that OpenCL has the CPU's allocator and copies.
What is tested that way is the very code that a GPU would run: schedules, barriers, shared memory, bounds.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.runtime.process import load_ffi

_AXES = [f"{kind}.{axis}" for kind in ("blockIdx", "threadIdx") for axis in "xyz"]
_CPU_DEVICE, _BUILD_LOG = 1 << 1, 0x1183
_SCALARS = {(0, 32): ctypes.c_int32, (0, 64): ctypes.c_int64, (1, 32): ctypes.c_uint32, (2, 32): ctypes.c_float}
_HANDLE = 3

Launch = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


@dataclass(frozen=True)
class Kernel:
    """A kernel of a library: its arguments as (type code, bits), and what it is launched with after them."""

    name: str
    arguments: tuple[tuple[int, int], ...]
    launch: tuple[str, ...]


class _Bytes:
    """What TVM writes of a device module: format, kernels, source; numbers are little-endian and 64 bits wide."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def count(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def text(self) -> str:
        return self.take(self.count()).decode()

    def kernel(self) -> Kernel:
        self.text()
        name = self.text()
        arguments = tuple((code, bits) for code, bits, _ in (struct.unpack("<BBH", self.take(4)) for _ in self._each()))
        launch = tuple(self.text() for _ in self._each())
        for _ in self._each():
            self.take(4)
        return Kernel(name, arguments, launch)

    def _each(self) -> Iterator[int]:
        return iter(range(self.count()))

    def module(self) -> tuple[list[Kernel], str]:
        self.text()
        kernels = [self.kernel() for _ in self._each()]
        return kernels, self.text()


@functools.cache
def _opencl() -> Any:
    library = ctypes.CDLL("libOpenCL.so.1")
    for name in ("clCreateContext", "clCreateCommandQueue", "clCreateProgramWithSource", "clCreateKernel"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


@functools.cache
def why_absent() -> str | None:
    """Why there is no OpenCL device on a CPU; None where there is."""
    try:
        _device()
    except (OSError, LookupError) as error:
        return str(error)
    return None


@functools.cache
def _device() -> tuple[Any, Any, Any]:
    """Device, context and queue of the first CPU."""
    cl, count = _opencl(), ctypes.c_uint(0)
    platforms = (ctypes.c_void_p * 8)()
    cl.clGetPlatformIDs(8, platforms, ctypes.byref(count))
    for platform in platforms[: count.value]:
        device, found = ctypes.c_void_p(), ctypes.c_uint(0)
        cl.clGetDeviceIDs(
            ctypes.c_void_p(platform), ctypes.c_ulong(_CPU_DEVICE), 1, ctypes.byref(device), ctypes.byref(found)
        )
        if found.value:
            status = ctypes.c_int()
            context = ctypes.c_void_p(cl.clCreateContext(None, 1, ctypes.byref(device), None, None, None))
            queue = cl.clCreateCommandQueue(context, device, ctypes.c_ulong(0), ctypes.byref(status))
            return device, context, ctypes.c_void_p(queue)
    raise LookupError("no OpenCL device on this CPU (apt-get install pocl-opencl-icd)")


class Program:
    """A library's device code, compiled by pocl."""

    def __init__(self, kernels: Sequence[Kernel], source: str) -> None:
        cl = _opencl()
        device, context, self._queue = _device()
        text = ctypes.c_char_p(source.encode())
        self._program = ctypes.c_void_p(cl.clCreateProgramWithSource(context, 1, ctypes.byref(text), None, None))
        if cl.clBuildProgram(self._program, 1, ctypes.byref(device), b"", None, None):
            log = ctypes.create_string_buffer(1 << 16)
            cl.clGetProgramBuildInfo(self._program, device, _BUILD_LOG, ctypes.c_size_t(len(log)), log, None)
            raise RuntimeError(log.value.decode(errors="replace"))
        self._kernels = kernels
        self._handles: dict[int, Any] = {}
        self.launches = 0

    def launch(self, number: int, arguments: int, count: int) -> int:
        """Run kernel `number`; `arguments` are `count` values as TVM's functions take them: type, value, 8 bytes
        each."""
        kernel, cl = self._kernels[number], _opencl()
        values = [ctypes.c_int64.from_address(arguments + 16 * i + 8).value for i in range(count)]
        handle = self._handles.get(number)
        if handle is None:
            made = cl.clCreateKernel(self._program, kernel.name.encode(), None)
            handle = self._handles[number] = ctypes.c_void_p(made)
        for i, (code, bits) in enumerate(kernel.arguments):
            if code == _HANDLE:
                status = cl.clSetKernelArgSVMPointer(handle, i, ctypes.c_void_p(values[i]))
            else:
                value = _scalar(code, bits, arguments + 16 * i + 8)
                status = cl.clSetKernelArg(handle, i, ctypes.c_size_t(ctypes.sizeof(value)), ctypes.byref(value))
            assert status == 0, f"{kernel.name}: argument {i}: OpenCL error {status}"
        sizes = dict(zip(kernel.launch, values[len(kernel.arguments) :], strict=True))
        blocks, threads = ([sizes.get(axis, 1) for axis in part] for part in (_AXES[:3], _AXES[3:]))
        total = (ctypes.c_size_t * 3)(*(b * t for b, t in zip(blocks, threads, strict=True)))
        local = (ctypes.c_size_t * 3)(*threads)
        status = cl.clEnqueueNDRangeKernel(self._queue, handle, 3, None, total, local, 0, None, None)
        assert status == 0, f"{kernel.name}: launch {sizes}: OpenCL error {status}"
        cl.clFinish(self._queue)
        self.launches += 1
        return 0


def _scalar(code: int, bits: int, address: int) -> Any:
    if code == 2:
        return ctypes.c_float(ctypes.c_double.from_address(address).value)
    return _SCALARS[code, bits](ctypes.c_int64.from_address(address).value)


PROGRAMS: list[Program] = []
_kept: list[Any] = []  # callbacks, which C code calls


def _load(data: Any) -> Any:
    """What TVM calls to make a device module of a library's bytes: a module with a function for each kernel."""
    kernels, source = _Bytes(bytes(data)).module()
    program = Program(kernels, source)
    PROGRAMS.append(program)
    functions = "\n".join(
        f"int __tvm_ffi_{kernel.name}(void* self, const void* args, int count, void* result)"
        f" {{ return launch({number}, args, count); }}"
        for number, kernel in enumerate(kernels)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.so"
        code = f"int (*launch)(int, const void*, int);\n{functions}\n"
        subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", path], input=code.encode(), check=True)
        callback = Launch(program.launch)
        ctypes.c_void_p.in_dll(ctypes.CDLL(str(path)), "launch").value = ctypes.cast(callback, ctypes.c_void_p).value
        _kept.append(callback)
        return load_ffi().load_module(str(path))


@functools.cache
def install() -> None:
    """Let this process run libraries built for OpenCL, on device `opencl:0`."""
    ffi = load_ffi()
    ffi.register_global_func("device_api.opencl", ffi.get_global_func("device_api.cpu"))
    ffi.register_global_func("ffi.Module.load_from_bytes.opencl", _load)
