"""Makes TVM's targets from the files of device kinds, and checks that this machine can compile for them."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from typing import Any

from tvm.support import cc
from tvm.target import Target, codegen

from runner.build.staleness import NATIVE
from runner.errors import BuildError
from runner.runtime import amx, devices
from stages.kernels.bfloat16 import AMX, BF16

ANY_CPU = {"kind": "llvm", "mcpu": "generic"}
"""A target for stages whose parameters are listed, but whose code is not compiled."""


_AVX2 = {"mtriple": "x86_64-unknown-linux-gnu", "mcpu": "haswell"}
"""What the device kind `cpu-avx2` compiles for."""


def check_linker() -> None:
    """Check, before compiling for minutes, that there is a C compiler to link with.

    Raises:
        BuildError: there is none.
    """
    compiler = cc.get_cc()
    if compiler is None or shutil.which(compiler) is None:
        fact = "no C compiler" if compiler is None else f"CXX or CC names {compiler}, which does not exist"
        raise BuildError(
            f"{fact}; libraries are linked with a C compiler. Install one (apt-get install gcc), or set CC"
        )


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
