"""CUDA source in a library is compiled once and kept by its digest; a compiler that is missing or fails is reported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import RunError
from runner.runtime import cuda_source
from tests.conftest import ROOT

Compiler = Callable[[str], Path]
GOOD = """
for last; do :; done
while [ "$1" != "-o" ]; do shift; done
{ echo "machine code of"; cat "$last"; } > "$2"
echo once >> "$0.log"
"""


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    """Give `compiler(script)`, which puts a shell script on PATH as nvcc, with a new cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def install(script: str) -> Path:
        path = tmp_path / "bin" / "nvcc"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
        return path

    return install


def test_source_is_compiled_once_and_kept(compiler: Compiler) -> None:
    path = compiler(GOOD)
    first, second = (cuda_source.compile_source("kernel a", "sm_90") for _ in range(2))
    assert first == second == b"machine code of\nkernel a"
    assert cuda_source.compile_source("kernel b", "sm_90") == b"machine code of\nkernel b"
    assert path.with_name("nvcc.log").read_text("utf-8") == "once\nonce\n"
    cuda_source.compile_source("kernel b", "sm_80")
    assert len(path.with_name("nvcc.log").read_text("utf-8").split()) == 3


def test_source_that_is_refused_is_an_error_and_nothing_is_kept(compiler: Compiler, tmp_path: Path) -> None:
    compiler("echo 'no such GPU' >&2; exit 1\n")
    with pytest.raises(RunError, match="nvcc cannot compile the library's CUDA source: no such GPU"):
        cuda_source.compile_source("kernel a", "sm_90")
    assert not list(tmp_path.rglob("*.cubin"))


def test_missing_compiler_is_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunError, match="no nvcc is on PATH to compile it: install the CUDA toolkit"):
        cuda_source.compile_source("kernel a", "sm_90")


def test_compiler_is_offered_while_a_library_loads_and_tvm_can_be_imported_afterwards() -> None:
    script = f"""
from runner.runtime import cuda_source
from runner.runtime.process import load_ffi
ffi = load_ffi()
find = lambda: ffi.get_global_func({cuda_source.CALLBACK!r}, allow_missing=True)
assert find() is None
with cuda_source.source_compiler(ffi):
    assert find() is not None
assert find() is None
import tvm
own = find()
with cuda_source.source_compiler(ffi):
    pass
assert own is not None and find() is not None
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
