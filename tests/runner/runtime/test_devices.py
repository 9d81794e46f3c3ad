"""Devices, CPU features and paths of libraries."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from runner.errors import RunError
from runner.files.locate import data_root
from runner.graph.load import StageSpec
from runner.graph.validate import load_device
from runner.runtime import devices, tvm_runtime

ZEN = "processor\t: 0\nflags\t\t: fpu sse sse2 pni ssse3 sse4_1 avx2 fma avx512f avx512_bf16 abm\nbugs\t: none\n"


def stage(module: str, on: str = "cpu:0") -> StageSpec:
    kind = load_device(on.partition(":")[0])
    return StageSpec("bert", module, "bert_forward", "stages.bert", "host", on, kind, True, {}, {})


def test_parse_cpuinfo_speaks_llvm() -> None:
    found = devices.parse_cpuinfo(ZEN, devices.X86)
    assert {"sse3", "sse4.1", "avx512bf16", "lzcnt"} <= found
    assert "avx512vnni" not in found


def test_parse_cpuinfo_of_arm64_speaks_llvm() -> None:
    text = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm atomics asimdhp sha3 cssc mops\n"
    expected = {"fp-armv8", "neon", "lse", "fullfp16", "sha3", "cssc", "mops"}
    assert devices.parse_cpuinfo(text, devices.ARM64) == expected


def test_parse_cpuinfo_of_nothing_is_nothing() -> None:
    assert devices.parse_cpuinfo("", devices.X86) == frozenset()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names features of x86-64")
def test_cpu_features_of_this_machine_hold_the_baseline() -> None:
    assert {"sse", "sse2"} <= devices.cpu_features()


def test_missing_features_are_those_absent_or_unknown() -> None:
    here = sorted(devices.cpu_features())[0]
    assert devices.missing_features([here, "warp-drive"]) == ["warp-drive"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names features of x86-64")
def test_used_features_leave_out_what_no_compiler_emits() -> None:
    assert devices.used_features(["clwb", "avx2", "fast-lzcnt", "sse2"]) == ("avx2", "sse2")


def test_find_gives_the_runtime_of_a_kind() -> None:
    assert devices.find(stage("", "cpu:0")) == devices.find(stage("", "cpu-avx2:0")) == ("cpu", 0)


def test_find_refuses_an_absent_device_and_lists_those_present() -> None:
    with pytest.raises(RunError) as error:
        devices.find(stage("", "cpu:1"))
    assert "device cpu:1 is not present: this machine has cpu:0" in str(error.value)


def test_cuda_is_present_only_with_a_driver() -> None:
    there = tvm_runtime.present(("cuda", 0))
    assert there == ("cuda:0" in tvm_runtime.present_devices())


@pytest.mark.parametrize(
    ("module", "on", "expected"),
    [
        ("build/{model}/{device}/bert.so", "cpu:0", "/root/mini/cpu/bert.so"),
        ("build/{model}/{device}/bert.so", "cpu-avx2:0", "/root/mini/cpu-avx2/bert.so"),
        ("/else/where/bert.so", "cpu:0", "/else/where/bert.so"),
    ],
)
def test_library_path(module: str, on: str, expected: str) -> None:
    assert devices.library_path(stage(module, on), "mini", Path("/root")) == Path(expected)


def test_default_build_root_is_in_the_checkout() -> None:
    assert devices.default_build_root() == data_root() / "build"


def test_default_build_root_is_a_cache_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "data_root", lambda: tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert devices.default_build_root() == tmp_path / "cache" / "kokoro-run"
