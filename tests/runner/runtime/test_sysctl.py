"""Features of Apple's processors, asked of a C library that answers as macOS does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from runner.runtime import devices
from runner.runtime.machine import Machine
from runner.runtime.sysctl import APPLE, find_apple_features

# sysctlbyname of macOS: the number's size is in and out; -1 for an unknown name and for too little room.
SOURCE = """
#include <stddef.h>
#include <string.h>
static const struct { const char *name; int value; } known[] = { %s };
int sysctlbyname(const char *name, void *old, size_t *size, void *new_value, size_t new_size) {
  (void)new_size;
  for (size_t at = 0; at < sizeof known / sizeof *known; at++)
    if (!strcmp(known[at].name, name)) {
      if (new_value || *size < sizeof(int)) return -1;
      *size = sizeof(int);
      memcpy(old, &known[at].value, *size);
      return 0;
    }
  return -1;
}
"""
M1 = dict.fromkeys(
    (
        "hw.optional.floatingpoint", "hw.optional.AdvSIMD", "hw.optional.neon", "hw.optional.arm.FEAT_LSE",
        "hw.optional.arm.FEAT_RDM", "hw.optional.arm.FEAT_FP16", "hw.optional.arm.FEAT_DotProd",
        "hw.optional.arm.FEAT_FHM", "hw.optional.arm.FEAT_SHA3", "hw.optional.arm.FEAT_JSCVT",
        "hw.optional.arm.FEAT_FCMA", "hw.optional.arm.FEAT_LRCPC",
    ),
    1,
) | dict.fromkeys(("hw.optional.arm.FEAT_BF16", "hw.optional.arm.FEAT_I8MM"), 0)  # fmt: skip
M1_FEATURES = {
    "fp-armv8", "neon", "lse", "rdm", "fullfp16", "dotprod", "fp16fml", "sha3", "jsconv", "complxnum", "rcpc",
}  # fmt: skip
BIG_SUR = dict.fromkeys(  # macOS 11, which has none of the names under `arm`
    (
        "hw.optional.floatingpoint", "hw.optional.neon", "hw.optional.armv8_1_atomics", "hw.optional.neon_fp16",
        "hw.optional.armv8_2_fhm", "hw.optional.armv8_2_sha3", "hw.optional.armv8_3_compnum",
    ),
    1,
)  # fmt: skip


def compile_library(path: Path, answers: dict[str, int]) -> str:
    """Compile a C library that answers so, or skip where there is no compiler for C."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    rows = ", ".join(f'{{"{name}", {value}}}' for name, value in answers.items())
    path.with_suffix(".c").write_text(SOURCE % rows, "utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, path.with_suffix(".c")], check=True)
    return str(path)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (M1, M1_FEATURES),
        (M1 | {"hw.optional.arm.FEAT_BF16": 1, "hw.optional.arm.FEAT_CSSC": 1}, {*M1_FEATURES, "bf16", "cssc"}),
        (BIG_SUR, {"fp-armv8", "neon", "lse", "fullfp16", "fp16fml", "sha3", "complxnum"}),
        ({"hw.ncpu": 8}, set()),
    ],
    ids=["M1", "newer", "macOS 11", "nothing"],
)
def test_features_are_those_that_the_system_names(tmp_path: Path, answers: dict[str, int], expected: set[str]) -> None:
    assert find_apple_features(compile_library(tmp_path / "libc.so", answers)) == expected


def test_apples_features_are_among_those_of_arm64() -> None:
    assert APPLE.keys() < devices.ARM64.keys()
    assert devices.ARM64.keys() - APPLE.keys() == {"sve", "sve2", "mops"}


def test_a_mac_is_asked_by_sysctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "this_machine", lambda: Machine("aarch64", "Darwin"))
    monkeypatch.setattr(devices, "find_apple_features", lambda: frozenset({"neon", "lse"}))
    devices.cpu_features.cache_clear()
    try:
        assert devices.missing_features(["lse", "sve"]) == ["sve"]
    finally:
        devices.cpu_features.cache_clear()
