"""TVM's runtime without its compiler: its version, and the devices that it reaches. Nothing here imports `tvm`.

Measured: 0.1 s and 50 MB for a process that runs a library this way, 0.6 s and 200 MB with `import tvm`.
"""

from __future__ import annotations

import ctypes
import functools

from runner.runtime.process import find_runtime_folder, load_ffi

DLPACK_TYPES = {"cpu": 1, "cuda": 2, "opencl": 4, "vulkan": 7, "metal": 8, "rocm": 10, "webgpu": 15}
_EXIST = 0  # device attribute

Device = tuple[str, int]
HOST: Device = ("cpu", 0)


@functools.cache
def version() -> str:
    """TVM's version, from the package's metadata."""
    # The folder's name says it; importlib.metadata, which reads the file, takes 20 ms to be imported.
    folders = list(find_runtime_folder().parents[1].glob("apache_tvm-*.dist-info"))
    if len(folders) == 1:
        return folders[0].name.removesuffix(".dist-info").partition("-")[2]
    import importlib.metadata  # noqa: PLC0415

    return importlib.metadata.version("apache-tvm")


def present(device: Device) -> bool:
    """Whether the runtime can reach `device`."""
    kind, index = device
    if kind == "cpu":
        return index == 0  # the runtime says yes to any index
    _load_backend(kind)
    return bool(load_ffi().get_global_func("runtime.GetDeviceAttr")(DLPACK_TYPES[kind], index, _EXIST))


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
    libraries = sorted(find_runtime_folder().glob(f"libtvm_runtime_{kind}.*"))
    for library in libraries:
        try:
            ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
        except OSError as error:
            return str(error)  # no driver, say: present() finds no such device
    return "" if libraries else f"this TVM has no runtime for {kind}"


def why_absent(device: Device) -> str:
    """What is known of why the runtime cannot reach a device, '' if nothing."""
    return "" if device[0] == "cpu" else _load_backend(device[0])


def release_memory() -> None:
    """Give back what the VM's pool keeps for later calls: for calls of other lengths it is of no use.

    Measured on twelve utterances of 10 s, all of other lengths (small model): 605 MB at the end without, 124 MB with.
    """
    load_ffi().get_global_func("vm.builtin.memory_manager.clear")()
