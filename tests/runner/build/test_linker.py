"""The compiler that links: found for this machine and for another, and tried before anything is compiled."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.build import passes, stage_build
from runner.build.build import build
from runner.build.export import export
from runner.build.linker import describe_failure, find_linker, require_linker
from runner.build.staleness import stale
from runner.build.targets import check_linker, resolve_target
from runner.engine.pipeline import Pipeline
from runner.errors import BuildError, RunError
from runner.graph.validate import load_device
from runner.runtime import manifest as manifests
from runner.runtime.machine import Machine, this_machine
from runner.runtime.manifest import Manifest
from stages.dims import ModelDims
from tests.runner import small_model
from tests.runner.build.building import states
from tests.runner.small_model import STAGE, library

ARM, X86, MAC = Machine("aarch64", "Linux"), Machine("x86_64", "Linux"), Machine("aarch64", "Darwin")
ARM64 = "devices.host=cpu-arm64:0"
CROSS = "aarch64-linux-gnu-g++"
ELF64, AARCH64 = 2, 183  # class and e_machine of an ELF file
needs_cross = pytest.mark.skipif(shutil.which(CROSS) is None, reason=f"no {CROSS}: Debian has it by its name")
needs_x86 = pytest.mark.skipif(this_machine() != X86, reason="runs on Linux on x86_64")


@pytest.fixture(autouse=True)
def no_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CXX", "CC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """`put(name, script)`: a program that is alone on the PATH."""

    def put(name: str, script: str = "exit 0") -> Path:
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        return program

    return put


def test_each_machine_has_compilers_of_its_own(put: Callable[[str], Path]) -> None:
    cc = put("cc")
    assert (find_linker(), find_linker(ARM)) == (str(cc), None)
    gcc = put("aarch64-linux-gnu-gcc")
    assert find_linker(ARM) == str(gcc)
    put(CROSS)
    assert find_linker(ARM) == str(gcc.with_name(CROSS))
    assert find_linker(Machine("riscv64", "Linux")) is None


def test_compiler_that_the_user_names_links_for_every_machine(
    put: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("g++")
    put("mine")
    monkeypatch.setenv("CC", "mine")
    assert find_linker() == find_linker(ARM) == "mine"
    monkeypatch.setenv("CXX", "absent")
    assert find_linker() is None
    with pytest.raises(BuildError, match="CXX or CC names 'absent', and there is no such program; name one, "):
        require_linker(ARM)


@pytest.mark.parametrize(
    ("other", "system", "fact", "package"),
    [
        (None, "Linux", "no C compiler", "on Debian: gcc and libc6-dev"),
        (None, "Darwin", "no C compiler", "xcode-select --install"),
        (ARM, "Linux", "no compiler that links for Linux on aarch64", "on Debian: g++-aarch64-linux-gnu"),
        (X86, "Linux", "no compiler that links for Linux on x86_64", "on Debian: g++-x86-64-linux-gnu"),
        (MAC, "Linux", "no compiler that links for Darwin on aarch64", "none is packaged; build on such a machine"),
    ],
)
def test_missing_compiler_is_named_with_what_brings_it(
    monkeypatch: pytest.MonkeyPatch, other: Machine | None, system: str, fact: str, package: str
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("platform.system", lambda: system)
    with pytest.raises(BuildError) as error:
        require_linker(other)
    how = f"libraries are linked with a C compiler. Install one ({package}), or set CC"
    assert str(error.value) == f"{fact}; {how}"


def test_what_a_linker_prints_is_told_in_a_sentence() -> None:
    printed = (
        "Compilation error:\n/usr/bin/ld: cannot find crti.o: No such file or directory\n"
        "collect2: error: ld returned 1 exit status\n\nCommand line: g++ -shared -fPIC -o trial.so lib0.o"
    )
    assert describe_failure("g++", printed) == (
        "g++ cannot link a library for this machine: /usr/bin/ld: cannot find crti.o: No such file or directory; "
        "collect2: error: ld returned 1 exit status. Install what it links with (on Debian: gcc and libc6-dev), or set "
        "CXX to another compiler"
    )


def test_linker_of_this_machine_links() -> None:
    check_linker(load_device("cpu").target)


def test_compiler_without_its_c_library_is_found_before_anything_is_compiled(
    model: Path, tmp_path: Path, put: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an image that has g++ and no files of the C library, where g++ gives the linker the bare name crti.o."""
    real, path = find_linker(), os.environ["PATH"]
    put("g++", f'PATH={path} exec {real} -nostdlib -Wl,crti.o "$@"')
    compiled: list[object] = []
    monkeypatch.setattr(stage_build, "compile_module", lambda *given: compiled.append(given))
    with pytest.raises(
        BuildError, match=r"g\+\+ cannot link a library for this machine: .*cannot find crti\.o.*Install what"
    ):
        states(model, tmp_path / "build", only=[STAGE])
    assert compiled == []
    assert not list((tmp_path / "build").rglob("*.so"))


@pytest.mark.parametrize("command", ["run", "build"])
def test_kind_for_another_processor_is_refused_at_once(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """On arm64 an x86-64 library could be neither linked nor run."""
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setenv("PATH", "")
    compiled: list[object] = []
    monkeypatch.setattr(stage_build, "compile_module", lambda *given: compiled.append(given))
    graph = small_model.load(model, "devices.host=cpu-avx2:0")
    if command == "run":
        with pytest.raises(RunError) as refused:
            Pipeline(graph, tmp_path).check_devices()
        assert str(refused.value) == (
            "stage 'tokenize': device cpu-avx2:0 runs code for Linux on x86_64, this machine is Linux on aarch64; "
            "change `devices` in the graph, for example to cpu:0"
        )
    else:
        with pytest.raises(BuildError, match=r"no compiler that links for Linux on x86_64; .*g\+\+-x86-64-linux-gnu"):
            build(graph, tmp_path)
    assert compiled == []


@needs_x86
def test_code_for_arm64_needs_no_compiler_for_it_until_it_is_linked(tmp_path: Path) -> None:
    target, dims = resolve_target(load_device("cpu-arm64").target), ModelDims.from_config(small_model.sizes())
    module, _, _ = export("stages.text_encoder", "text_encoder_forward", dims, target)
    headers: list[tuple[int, int]] = []

    def link(_library: str, objects: list[str], **_: object) -> None:
        headers.extend(struct.unpack_from("<4xB13xH", Path(each).read_bytes()) for each in objects)

    with target:
        passes.compile_module(module, target).export_library(str(tmp_path / "a.so"), fcompile=link)
    assert headers == [(ELF64, AARCH64)] * len(headers) != []


@needs_x86
@needs_cross
def test_libraries_for_arm64_are_built_here_and_run_there(model: Path, tmp_path: Path) -> None:
    graph = small_model.load(model, ARM64)
    build(graph, tmp_path)
    path = library(tmp_path, "cpu-arm64")
    manifest = Manifest.read(manifests.manifest_path(path))
    assert struct.unpack_from("<H", path.read_bytes(), 18) == (AARCH64,)
    assert manifest.cpu_features == manifest.host_features == ("fp-armv8", "neon")
    assert stale(graph, tmp_path) == []
    with pytest.raises(
        RunError, match=r"device cpu-arm64:0 runs code for Linux on aarch64, this machine is Linux on x86"
    ):
        Pipeline(graph, tmp_path).load()
    path.write_bytes(path.read_bytes()[:-1])
    assert [stage for stage, _ in stale(graph, tmp_path)] == [STAGE]
