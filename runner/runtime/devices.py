"""Finds devices of this machine, libraries for device kinds, and features of the CPU.

`cpu:0` in a graph is kind `cpu`, index 0. Kinds with the same runtime (`cpu`, `cpu-avx2`) are one device to the
runtime; their libraries differ.
"""

from __future__ import annotations

import functools
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import RunError
from runner.files.locate import BUILD_ROOT, data_root
from runner.runtime import tvm_runtime
from runner.runtime.machine import Machine, find_other_machine, spell_processor, this_machine
from runner.runtime.sysctl import find_apple_features

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.graph.types import StageSpec

_CPUINFO = Path("/proc/cpuinfo")
_APPLE = Machine("aarch64", "Darwin")

# The instruction sets that a compiler may use: LLVM's name -> the Linux kernel's. LLVM has more features of CPUs (aes,
# clwb, mwaitx, tuning hints), which never appear in a compiled stage.
X86 = {
    **{
        name: name for name in ("cmov", "sse", "sse2", "ssse3", "popcnt", "movbe", "avx", "avx2", "f16c", "fma", "bmi2")
    },
    **{name: name for name in ("adx", "gfni", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")},
    **{name: name for name in ("avx512ifma", "avx512vbmi", "avx512er", "avx512pf", "fma4", "xop", "tbm", "sse4a")},
    "sse3": "pni",
    "sse4.1": "sse4_1",
    "sse4.2": "sse4_2",
    "bmi": "bmi1",
    "lzcnt": "abm",
    "cx16": "cx16",
    "avx512bf16": "avx512_bf16",
    "avx512bitalg": "avx512_bitalg",
    "avx512fp16": "avx512_fp16",
    "avx512vbmi2": "avx512_vbmi2",
    "avx512vnni": "avx512_vnni",
    "avx512vp2intersect": "avx512_vp2intersect",
    "avx512vpopcntdq": "avx512_vpopcntdq",
    "avxifma": "avx_ifma",
    "avxvnni": "avx_vnni",
    "avxvnniint8": "avx_vnni_int8",
    "avxneconvert": "avx_ne_convert",
    "amx-bf16": "amx_bf16",
    "amx-int8": "amx_int8",
    "amx-tile": "amx_tile",
}
ARM64 = {
    "fp-armv8": "fp",
    "neon": "asimd",
    "lse": "atomics",
    "rdm": "asimdrdm",
    "fullfp16": "asimdhp",
    "dotprod": "asimddp",
    "fp16fml": "asimdfhm",
    "sve": "sve",
    "sve2": "sve2",
    "bf16": "bf16",
    "i8mm": "i8mm",
    "jsconv": "jscvt",
    "complxnum": "fcma",
    "rcpc": "lrcpc",
    "cssc": "cssc",  # minimum, maximum and absolute value of integers
    "sha3": "sha3",  # exclusive or of three vectors, which plain code uses too
    "mops": "mops",  # copies and fills of memory
}


# The features that decide which vector registers a library uses and, in bfloat16, which matrix units.
VECTORS = frozenset(("sse4.1", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "neon"))
MATRICES = frozenset(("amx-bf16", "amx-tile"))


def place(spec: StageSpec) -> tvm_runtime.Device:
    """Give the device of a stage, whether or not this machine has it."""
    return spec.kind.runtime, int(spec.device.partition(":")[2])


def find(spec: StageSpec) -> tvm_runtime.Device:
    """Find the device of a stage.

    Raises:
        RunError: this machine does not have it, and the message lists its devices; or the code of its kind is for
            another kind of machine.
    """
    device, other = place(spec), find_other_machine(spec.kind.target)
    if other is not None:
        raise RunError(
            f"device {spec.device} runs code for {other}, this machine is {this_machine()}; change `devices` in the "
            "graph, for example to cpu:0"
        )
    if not tvm_runtime.present(device):
        found, reason = ", ".join(tvm_runtime.present_devices()), tvm_runtime.why_absent(device)
        known = f" ({reason})" if reason else ""
        raise RunError(
            f"device {spec.device} is not present{known}: this machine has {found}; change `devices` in the graph"
        )
    return device


def library_path(spec: StageSpec, model: str, build_root: Path | None = None) -> Path:
    """Find the library of a stage: its `module` with placeholders filled in, and with the build root for `build/`.

    Args:
        model: value of {model}.
        build_root: the build root; None for the default one.
    """
    path = spec.module.replace("{model}", model).replace("{device}", spec.kind.kind)
    path = path.removesuffix(".so") + spec.kind.suffix
    if path.startswith(BUILD_ROOT):
        return (build_root or default_build_root()) / path.removeprefix(BUILD_ROOT)
    return Path(path)


def default_build_root() -> Path:
    """Find the default build root: `build` in a checkout, else the user's cache folder."""
    root = data_root()
    if (root / "pyproject.toml").is_file():
        return root / "build"
    import platformdirs  # noqa: PLC0415 - a few ms that a checkout saves

    return platformdirs.user_cache_path("kokoro-run")


def _known_features(machine: str) -> dict[str, str]:
    return {"x86_64": X86, "aarch64": ARM64}.get(spell_processor(machine), {})


def used_features(features: Iterable[str], machine: str | None = None) -> tuple[str, ...]:
    """Select the features that compiled code needs, which a manifest records, from LLVM's features of a target.

    Args:
        machine: architecture of the target (`x86_64`, `aarch64`); None for that of this machine.
    """
    return tuple(sorted(set(features) & _known_features(machine or platform.machine()).keys()))


@functools.cache
def cpu_features() -> frozenset[str]:
    """Find the features of this machine's CPU, by LLVM's names.

    Raises:
        RunError: the system, which is not macOS, has no /proc/cpuinfo.
    """
    if this_machine() == _APPLE:
        return find_apple_features()
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RunError(f"{_CPUINFO}: {error.strerror}; without it the CPU's features are not known") from None
    return parse_cpuinfo(text, _known_features(platform.machine()))


def parse_cpuinfo(text: str, known: dict[str, str]) -> frozenset[str]:
    """Find the features in the text of /proc/cpuinfo that are in `known` (LLVM's name -> the kernel's)."""
    lines = (line.partition(":") for line in text.splitlines())
    flags = next((value.split() for key, _, value in lines if key.strip() in ("flags", "Features")), [])
    return frozenset(name for name, flag in known.items() if flag in flags)


def missing_features(needed: Iterable[str]) -> list[str]:
    """List the features in `needed` (a manifest's `cpu_features`) that this machine's CPU lacks or that are unknown."""
    return sorted(set(needed) - cpu_features())
