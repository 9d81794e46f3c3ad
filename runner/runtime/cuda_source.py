"""Compiles the CUDA source in a library when it is first loaded. A library has source if it was built without a GPU.

    library.so -- source --> nvcc --> cubin for this machine's GPU, kept in the user's cache folder by digest

A library that was built on a machine with a GPU holds machine code.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import RunError

CALLBACK = "tvm_callback_cuda_compile"
"""TVM's name of the function that compiles a library's source; importing `tvm` registers its own."""
_CUDA, _COMPUTE_VERSION = 2, 4  # DLPack's device type, TVM's device attribute


def compile_source(source: str, architecture: str) -> bytes:
    """Compile CUDA source to machine code for GPUs of an architecture, such as sm_90.

    Raises:
        RunError: there is no CUDA compiler, or it refuses the source.
    """
    compiler = find_compiler()
    if compiler is None:
        raise RunError("the library holds CUDA source, and no nvcc is on PATH to compile it: install the CUDA toolkit")
    kept = _folder() / f"{hashlib.sha256(source.encode()).hexdigest()}-{architecture}.cubin"
    if kept.is_file():
        return kept.read_bytes()
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        written, made = Path(folder) / "library.cu", Path(folder) / "library.cubin"
        written.write_text(source, encoding="utf-8")
        run_compiler([compiler, "-cubin", f"-arch={architecture}", "-std=c++17", "-O3", "-o", str(made), str(written)])
        made.replace(kept)
    return kept.read_bytes()


def run_compiler(command: list[str]) -> None:
    """Run nvcc.

    Raises:
        RunError: it fails; the message ends with its last lines of output.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise RunError(f"nvcc cannot compile the library's CUDA source: {output}")


def find_compiler() -> str | None:
    """Find the path of nvcc, if it is installed."""
    return shutil.which("nvcc")


@contextlib.contextmanager
def source_compiler(ffi: Any) -> Iterator[None]:
    """Add a compiler for TVM's CUDA runtime; `tvm`'s own is used if that is imported.

    The compiler is removed at the end: with it, `tvm` could not be imported.
    """

    def compile_for_device(source: str) -> bytes:
        version = str(ffi.get_global_func("runtime.GetDeviceAttr")(_CUDA, 0, _COMPUTE_VERSION))  # "9.0"
        return compile_source(source, f"sm_{version.replace('.', '')}")

    if ffi.get_global_func(CALLBACK, allow_missing=True) is not None:
        yield
        return
    ffi.register_global_func(CALLBACK, compile_for_device)
    try:
        yield
    finally:
        ffi.remove_global_func(CALLBACK)


def _folder() -> Path:
    import platformdirs  # noqa: PLC0415 - a few ms that only a GPU's libraries pay

    return platformdirs.user_cache_path("kokoro-run") / "cubin"
