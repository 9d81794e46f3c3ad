"""Finds a library whose code another build has already compiled, so that only the weights are to be packed.

    sources, entry, sizes of the model, resolved target, TVM's version --> code --> a manifest with the same code?

The weights are no part of a library: another checkpoint of the same sizes, or another device with the same target, has
the same code; where the checkpoint is the same too, so are the weights. The libraries of a build root are their own
store: nothing is kept that no build asked for, and what is damaged, or replaced while it is read, is made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import RunError
from runner.runtime import manifest as manifests
from runner.runtime import tvm_runtime
from runner.runtime.manifest import File, Manifest

if TYPE_CHECKING:
    from runner.build.staleness import Recipe
    from stages.families import Dims


def digest_code(recipe: Recipe, dims: Dims, target: dict[str, Any]) -> str:
    """Compute the digest of all that decides the bytes of a library, without its weights.

    Args:
        target: the resolved target (`targets.spell_target`).
    """
    parts = {
        "format": manifests.FORMAT,
        "entry": recipe.entry,
        "source": recipe.source,
        "sources": recipe.sources,
        "dims": repr(dims),
        "target": target,
        "forms": recipe.forms,
        "tvm": tvm_runtime.version(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def copy_library(library: Path, code: str, copy: Path) -> tuple[Path, Manifest] | None:
    """Copy a library with this code from the build root of `library` to `copy`.

    Returns:
        the folder and the manifest of the one that was copied; None if there is no such library, or a damaged one.

    Raises:
        OSError: `copy` cannot be written.
    """
    # build/MODEL/DEVICE/STAGE.json
    for path in sorted(library.parent.parent.parent.glob(f"*/*/{manifests.manifest_path(library).name}")):
        try:
            manifest = Manifest.read(path)
        except RunError:
            continue  # damaged, or being replaced
        if manifest.code == code and _copy(path.parent, manifest.library, copy):
            return path.parent, manifest
    return None


def copy_weights(folder: Path, manifest: Manifest, checkpoint: str, copy: Path) -> bool:
    """Copy the weights of a library with the same code, if they were packed from this checkpoint, and are whole.

    Raises:
        OSError: `copy` cannot be written.
    """
    return manifest.checkpoint == checkpoint and _copy(folder, manifest.weights, copy)


def _copy(folder: Path, file: File, copy: Path) -> bool:
    """Copy a file, unless it is missing or not what its manifest describes."""
    if not (folder / file.file).is_file():
        return False
    shutil.copyfile(folder / file.file, copy)
    if File.of(copy).sha256 == file.sha256:
        return True
    copy.unlink()
    return False
