"""Asks TVM's runtime for its version and its devices, without the compiler. Nothing here imports `tvm`.

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
    """Read TVM's version from the package's metadata."""
    # It is in the name of a folder; importing importlib.metadata takes 20 ms.
    folders = list(find_runtime_folder().parents[1].glob("apache_tvm-*.dist-info"))
    if len(folders) == 1:
        return folders[0].name.removesuffix(".dist-info").partition("-")[2]
    import importlib.metadata  # noqa: PLC0415

    return importlib.metadata.version("apache-tvm")


def present(device: Device) -> bool:
    """Whether the runtime can reach `device`."""
    kind, index = device
    if kind == "cpu":
        return index == 0  # the runtime accepts any index
    _load_backend(kind)
    return bool(load_ffi().get_global_func("runtime.GetDeviceAttr")(DLPACK_TYPES[kind], index, _EXIST))


def present_devices() -> list[str]:
    """List the devices of this machine by runtime and index: `cpu:0`, `cuda:1`, ..."""
    found = []
    for kind in DLPACK_TYPES:
        index = 0
        while present((kind, index)):
            found.append(f"{kind}:{index}")
            index += 1
    return found


@functools.cache
def _load_backend(kind: str) -> str:
    """Load TVM's library for a runtime, which needs the device's driver; gives '', or the reason why it failed."""
    libraries = sorted(find_runtime_folder().glob(f"libtvm_runtime_{kind}.*"))
    for library in libraries:
        try:
            ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
        except OSError as error:
            return str(error)  # for example no driver: present() finds no such device
    return "" if libraries else f"this TVM has no runtime for {kind}"


def why_absent(device: Device) -> str:
    """Give the reason why the runtime cannot reach a device; '' if it is not known."""
    return "" if device[0] == "cpu" else _load_backend(device[0])


def release_memory() -> None:
    """Free the buffers that the VM's pool keeps for later calls; calls of other lengths cannot use them.

    Measured on twelve utterances of about 10 s, of different lengths (small model): 605 MB at the end without, 124 MB
    with.
    """
    load_ffi().get_global_func("vm.builtin.memory_manager.clear")()
