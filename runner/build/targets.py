"""Makes TVM's targets from the files of device kinds, and checks that this machine can compile and link for them."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tvm
from tvm.target import Target, codegen

from runner.build.linker import describe_failure, require_linker
from runner.build.staleness import NATIVE
from runner.errors import BuildError
from runner.runtime import amx, devices
from runner.runtime.machine import find_other_machine
from stages.kernels.bfloat16 import AMX, BF16
from stages.kernels.simd import arg, kernel, splat, store

ANY_CPU = {"kind": "llvm", "mcpu": "generic"}
"""A target for stages whose parameters are listed, but whose code is not compiled."""


_AVX2 = {"mtriple": "x86_64-unknown-linux-gnu", "mcpu": "haswell"}
"""What the device kind `cpu-avx2` compiles for."""


def check_linker(spec: Mapping[str, Any]) -> None:
    """Link a library of one function, before compiling for minutes: a compiler may lack the files of its C library.

    Args:
        spec: a target that `check_target` has accepted.

    Raises:
        BuildError: there is no compiler that links for this target, or it cannot link.
    """
    other, target = find_other_machine(spec), resolve_target(spec)
    linker = require_linker(other)
    with tempfile.TemporaryDirectory(prefix="kokoro-run-") as folder:
        try:
            _compile_trial(target.host or target).export_library(str(Path(folder) / "trial.so"), cc=linker)
        except RuntimeError as error:
            raise BuildError(describe_failure(linker, str(error), other)) from error


def _compile_trial(target: Target) -> Any:
    """Compile a function that stores one number."""
    with kernel("trial") as builder:
        store(arg("x", [1]), splat(0.0, 1), 0, lanes=1)
    return tvm.compile(tvm.IRModule({"trial": builder.get()}), target=target)


def check_target(stage: str, spec: Mapping[str, Any]) -> None:
    """Check, before compiling for minutes, that the target of `stage` is possible on this machine.

    Raises:
        BuildError: TVM has no such target, or this machine's CPU lacks a feature of it.
    """
    try:
        resolve_target(spec)
    except (BuildError, ValueError) as error:
        raise BuildError(f"stage '{stage}': {error}") from None


def resolve_target(spec: Mapping[str, Any]) -> Target:
    """Make TVM's target. `mcpu: native` becomes this machine's CPU, without features that the system does not offer.

    The host code of a GPU's libraries is compiled for any CPU of this machine's architecture.

    Raises:
        BuildError: the target is this machine's CPU with a feature that it lacks.
        ValueError: TVM has no such target.
    """
    fields = dict(spec)
    if fields["kind"] != "llvm":
        return Target({**fields, "host": {"kind": "llvm"}})
    if fields.get("mcpu") == NATIVE:
        fields |= _describe_cpu(fields)
    fields.setdefault("opt-level", 3)
    return Target(fields)


def _describe_cpu(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Find `mcpu` and `mattr` of this machine's CPU, with the features that `fields` adds to it.

    A CPU with AVX2 and no wider vectors gets the target of `cpu-avx2`, whose libraries have the same code then: on Zen
    3, code for that very CPU gives the same bits in the same time.
    """
    asked = list(fields.get("mattr", ()))
    if not asked and _has_no_more_than_avx2():
        return _AVX2
    lacking = devices.missing_features(feature[1:] for feature in asked if feature.startswith("+"))
    if lacking:
        raise BuildError(
            f"the device's target needs {', '.join(lacking)}, which this CPU lacks; put the stage on another device"
        )
    tiles = BF16 in fields.get("keys", ()) and not devices.missing_features(AMX) and not amx.request_permission()
    asked += [f"+{feature}" for feature in AMX] if tiles else []
    mcpu = codegen.llvm_get_system_cpu()
    usual = devices.used_features(codegen.llvm_get_cpu_features(Target({"kind": "llvm", "mcpu": mcpu})))
    # A library that does not use AMX must not require it, though LLVM's name of this CPU implies it.
    absent = {*devices.missing_features(usual), *(() if tiles else (name for name in usual if name.startswith("amx")))}
    asked += [f"-{feature}" for feature in sorted(absent)]
    return {"mcpu": mcpu, **({"mattr": asked} if asked else {})}


def _has_no_more_than_avx2() -> bool:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64") or "avx512f" in devices.cpu_features():
        return False
    return not devices.missing_features(needed_features(Target({"kind": "llvm", **_AVX2})))


def needed_features(target: Target) -> tuple[str, ...]:
    """List the CPU features that code for `target` uses, as a manifest records them; none for a GPU."""
    if target.kind.name != "llvm":
        return devices.used_features(())
    machine = str(target.attrs["mtriple"]).partition("-")[0] if "mtriple" in target.attrs else None
    return devices.used_features(codegen.llvm_get_cpu_features(target), machine)


def spell_target(target: Target) -> dict[str, Any]:
    """Turn a target into a table that JSON can hold."""
    table: dict[str, Any] = _to_json(target.export())
    return table


def _to_json(value: Any) -> Any:
    """Turn TVM's maps and arrays into dicts and lists."""
    if isinstance(value, Mapping):
        return {key: _to_json(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float) else [_to_json(item) for item in value]
