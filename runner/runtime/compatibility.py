"""Checks whether a library can run on this machine; the graph does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.runtime import amx, devices, tvm_runtime
from runner.runtime.machine import find_other_machine, this_machine
from runner.runtime.manifest import find_damage

if TYPE_CHECKING:
    from pathlib import Path

    from runner.runtime.manifest import Manifest


def find_incompatibility(library: Path, manifest: Manifest) -> str | None:
    """Find the reason why `library` cannot run on this machine; None if it can.

    It was built by another TVM, it needs features that this CPU lacks or that the system does not permit, or its files
    are not those that were built.

    Raises:
        RunError: the system does not say what its CPU offers.
    """
    obstacle = find_obstacle(manifest)
    return find_damage(library, manifest) if obstacle is None else f"library {library} {obstacle}"


def find_obstacle(manifest: Manifest) -> str | None:
    """Find what keeps a library from running on this machine, wherever its files are; None if nothing does.

    Raises:
        RunError: the system does not say what its CPU offers.
    """
    if manifest.tvm != tvm_runtime.version():
        return f"was built by TVM {manifest.tvm}, this is {tvm_runtime.version()}"
    other = find_other_machine(manifest.target)
    if other is not None:
        return f"was built for {other}, this machine is {this_machine()}"
    missing = devices.missing_features(manifest.cpu_features)
    if missing:
        return f"was built for a CPU with {', '.join(missing)}, which this one lacks"
    denied = amx.request_permission() if amx.FEATURE in manifest.cpu_features else None
    return f"uses AMX, which this system does not let the process use: {denied}" if denied else None
