"""Whether a compiled stage can run on this machine, whatever graph it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.runtime import amx, devices, tvm_runtime
from runner.runtime.manifest import damage

if TYPE_CHECKING:
    from pathlib import Path

    from runner.runtime.manifest import Manifest


def incompatibility(library: Path, manifest: Manifest) -> str | None:
    """Say why `library` cannot run here; None if it can.

    It was built by another TVM, it needs what this CPU lacks or what the system does not let the process use, or its
    files are not those that were built.

    Raises:
        RunError: the system does not say what its CPU offers.
    """
    if manifest.tvm != tvm_runtime.version():
        return f"library {library} was built by TVM {manifest.tvm}, this is {tvm_runtime.version()}"
    missing = devices.missing_features(manifest.cpu_features)
    if missing:
        return f"library {library} was built for a CPU with {', '.join(missing)}, which this one lacks"
    if amx.FEATURE in manifest.cpu_features and amx.refused():
        return f"library {library} uses AMX, which this system does not let the process use: {amx.refused()}"
    return damage(library, manifest)
