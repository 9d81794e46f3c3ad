"""The targets that stages are compiled for, from a device's file to TVM's own, and what this machine lacks for them."""

from __future__ import annotations

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
"""The target for a stage of which only the structure is wanted, not the code."""


def check_linker() -> None:
    """Find out before minutes go into compiling whether there is a compiler to link with.

    Raises:
        BuildError: there is none.
    """
    compiler = cc.get_cc()
    if compiler is None or shutil.which(compiler) is None:
        said = "no C compiler" if compiler is None else f"CXX or CC says {compiler}, which is not there"
        raise BuildError(f"{said}; one links the compiled stages. Install it (apt-get install gcc), or set CC")


def check_target(stage: str, spec: Mapping[str, Any]) -> None:
    """Find out before minutes go into compiling whether the target of `stage` can be had here.

    Raises:
        BuildError: TVM knows no such target, or this machine's CPU lacks a feature that it asks for.
    """
    try:
        resolve_target(spec)
    except (BuildError, ValueError) as error:
        raise BuildError(f"stage '{stage}': {error}") from None


def resolve_target(spec: Mapping[str, Any]) -> Target:
    """Make TVM's target. `mcpu: native` becomes this machine's CPU without the features that are not offered here.

    The host code of a GPU's stages is compiled for any CPU of this machine's architecture.

    Raises:
        BuildError: this machine's CPU is asked for, with a feature that it lacks.
        ValueError: TVM knows no such target.
    """
    fields = dict(spec)
    if fields["kind"] != "llvm":
        return Target({**fields, "host": {"kind": "llvm"}})
    if fields.get("mcpu") == NATIVE:
        fields |= _native(fields)
    fields.setdefault("opt-level", 3)
    return Target(fields)


def _native(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`mcpu` and `mattr` of this machine's CPU, with the features that `fields` adds to it."""
    asked = list(fields.get("mattr", ()))
    lacking = devices.missing_features(feature[1:] for feature in asked if feature.startswith("+"))
    if lacking:
        raise BuildError(
            f"the device's target needs {', '.join(lacking)}, which this CPU lacks; put the stage on another device"
        )
    tiles = BF16 in fields.get("keys", ()) and not devices.missing_features(AMX) and not amx.request_permission()
    asked += [f"+{feature}" for feature in AMX] if tiles else []
    mcpu = codegen.llvm_get_system_cpu()
    usual = devices.used_features(codegen.llvm_get_cpu_features(Target({"kind": "llvm", "mcpu": mcpu})))
    # A library that does without AMX is not to ask for it, whatever LLVM's name of this CPU stands for.
    absent = {*devices.missing_features(usual), *(() if tiles else (name for name in usual if name.startswith("amx")))}
    asked += [f"-{feature}" for feature in sorted(absent)]
    return {"mcpu": mcpu, **({"mattr": asked} if asked else {})}


def needed_features(target: Target) -> tuple[str, ...]:
    """The instruction sets that code for `target` uses, as a manifest records them; none for a GPU."""
    if target.kind.name != "llvm":
        return devices.used_features(())
    machine = str(target.attrs["mtriple"]).partition("-")[0] if "mtriple" in target.attrs else None
    return devices.used_features(codegen.llvm_get_cpu_features(target), machine)


def spell_target(target: Target) -> dict[str, Any]:
    """Spell a target as a table that JSON can hold."""
    plain: dict[str, Any] = _plain(target.export())
    return plain


def _plain(value: Any) -> Any:
    """TVM's maps and arrays as dicts and lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float) else [_plain(item) for item in value]
