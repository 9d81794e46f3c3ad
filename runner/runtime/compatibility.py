"""Checks whether a library can run on this machine; the graph does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.runtime import amx, devices, tvm_runtime
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
    if manifest.tvm != tvm_runtime.version():
        return f"library {library} was built by TVM {manifest.tvm}, this is {tvm_runtime.version()}"
    missing = devices.missing_features(manifest.cpu_features)
    if missing:
        return f"library {library} was built for a CPU with {', '.join(missing)}, which this one lacks"
    if amx.FEATURE in manifest.cpu_features and amx.request_permission():
        return f"library {library} uses AMX, which this system does not let the process use: {amx.request_permission()}"
    return find_damage(library, manifest)
