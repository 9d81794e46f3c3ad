"""Finds stale libraries: those that were not made from their present recipe. Never imports TVM.

    stage's source file -> every `stages` module it imports -> digests --+
    BUILDER, the runner's modules that compile and pack ----> digests ---+
    config.json, checkpoint, TVM's version, device's target -------------+--> key --> the manifest's key?

The digest of a checkpoint is stored beside the libraries, and used while its size, modification time and inode stay. A
checkpoint that is missing counts as unchanged: libraries that were built from it run without it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.build.forms import Row, digest_forms, read_forms
from runner.build.linker import find_linker
from runner.build.sources import digest_file, digest_source, find_sources, spell_source, unchanged_sources
from runner.errors import BuildError, RunError, WeightsError
from runner.files import atomic
from runner.files.errors import reading
from runner.runtime import devices, tvm_runtime
from runner.runtime import manifest as manifests
from runner.runtime.compatibility import find_incompatibility
from runner.runtime.machine import find_other_machine
from runner.runtime.manifest import Manifest, find_damage

if TYPE_CHECKING:
    from runner.graph.types import Graph, ModelSpec, StageSpec

NATIVE = "native"  # `mcpu` of a device kind whose libraries are compiled for the CPU that builds them
_LOG = logging.getLogger("kokoro_run")


@dataclass(frozen=True)
class Recipe:
    """All that a library is made from, before it is made.

    Attributes:
        library: file of the library.
        target: TVM's target as in the file of the device kind; `mcpu: native` is not resolved yet.
        sources: file -> sha256.
        digests: sha256 of config.json and of the checkpoint, if the stage depends on them.
        forms: the forms of convolutions that were measured on this CPU, if the library is compiled for it.
    """

    stage: str
    entry: str
    source: str
    library: Path
    target: dict[str, Any]
    sources: dict[str, str]
    digests: dict[str, str]
    forms: tuple[Row, ...] = ()

    @property
    def key(self) -> str:
        """The digest of all that decides the library's bytes."""
        parts = {
            "format": manifests.FORMAT,
            "entry": self.entry,
            "source": spell_source(self.source),
            "target": self.target,
            "sources": self.sources,
            "digests": self.digests,
            "forms": self.forms,
            "tvm": tvm_runtime.version(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def make_recipes(graph: Graph, build_root: Path | None, only: Collection[str] | None = None) -> list[Recipe]:
    """Make the recipe of each compiled stage that has a source.

    Args:
        only: names of the stages to consider; None for all.

    Raises:
        WeightsError: the checkpoint is missing and its digest is not known, it cannot be fetched from the hub, or its
            digest is not the model's sha256.
        BuildError: config.json, the checkpoint or a source cannot be read.
    """
    compiled = [
        spec for spec in graph.stages.values() if spec.source is not None and (only is None or spec.name in only)
    ]
    if not compiled:
        return []
    checkpoint = _find_checkpoint(graph, build_root)
    takes_weights = any(spec.weights for spec in compiled)
    known = {} if checkpoint is None or not takes_weights else {"checkpoint": _find_checkpoint_digest(*checkpoint)}
    config = {} if graph.model is None else {"config": digest_file(graph.model.config)}
    # The stages share most of their sources, and this CPU's forms; the caches last for this call only.
    digest, measured = functools.cache(digest_source), functools.cache(read_forms)
    return [
        _make_recipe(spec, graph, build_root, {**config, **(known if spec.weights else {})}, digest, measured)
        for spec in compiled
    ]


def _find_checkpoint(graph: Graph, build_root: Path | None) -> tuple[ModelSpec, Path] | None:
    """Find the model, and the record of its checkpoint's digest; None if no stage takes weights."""
    weighted = next((spec for spec in graph.stages.values() if spec.weights), None)
    if graph.model is None or weighted is None:
        return None
    return graph.model, checkpoint_record(devices.library_path(weighted, graph.model_name, build_root))


def check_checkpoint_path(graph: Graph, build_root: Path | None) -> None:
    """Check that a checkpoint exists which an overlay or an option names; call it before other files are read.

    Raises:
        WeightsError: it is missing, and no library in the build root was built from it.
    """
    found = _find_checkpoint(graph, build_root)
    if found is None:
        return
    model, record = found
    path = model.checkpoint
    if path is None or "checkpoint" not in model.overridden or path.is_file():
        return
    if _read_digest(record, path.resolve()) is None:
        from runner.model.packages import find_checkpoint  # noqa: PLC0415 - 10 ms that a file does not need

        find_checkpoint(model)


def checkpoint_record(library: Path) -> Path:
    """Give the file with the digest of the checkpoint that a library was built from."""
    return library.parents[1] / "checkpoint.json"


def stale(graph: Graph, build_root: Path | None = None, only: Collection[str] | None = None) -> list[tuple[str, str]]:
    """List the stages that `build` would compile, each with the reason.

    Args:
        only: names of the stages to consider; None for all.
    """
    reasons = ((recipe.stage, find_reason(recipe)) for recipe in make_recipes(graph, build_root, only))
    return [(stage, reason) for stage, reason in reasons if reason is not None]


def find_reason(recipe: Recipe) -> str | None:
    """Find the reason why the library of `recipe` must be built; None if it is current."""
    path = manifests.manifest_path(recipe.library)
    if not path.is_file():
        return "not built yet"
    try:
        manifest = Manifest.read(path)
    except RunError as error:
        return str(error)
    if manifest.key != recipe.key:
        return _describe_difference(manifest, recipe)
    if find_other_machine(recipe.target) is not None:
        return find_damage(recipe.library, manifest)  # it is not meant to run here
    return find_incompatibility(recipe.library, manifest) or _find_faster(recipe, manifest)


def _find_faster(recipe: Recipe, manifest: Manifest) -> str | None:
    """Find the reason why a library would run faster if it were compiled for this CPU; None if it would not.

    If it cannot be built again here, a warning is logged instead.
    """
    if recipe.target.get("mcpu") != NATIVE:
        return None
    decisive = devices.VECTORS | (devices.MATRICES if "bf16" in recipe.target.get("keys", ()) else frozenset())
    unused = sorted(devices.cpu_features() & decisive - set(manifest.host_features))
    if not unused:
        return None
    fact = f"built for a CPU without {', '.join(unused)}, which this one has"
    obstacle = _find_obstacle(recipe.library.parent)
    if obstacle is None:
        return fact
    _LOG.warning("stage '%s': %s; %s it is not built again", recipe.stage, fact, obstacle)
    return None


def _find_obstacle(folder: Path) -> str | None:
    """Find the reason why nothing can be built into `folder`; None if it can."""
    if find_linker() is None:
        return "without a C compiler to link with"
    return None if os.access(folder, os.W_OK) else f"where {folder} is read-only"


def _describe_difference(manifest: Manifest, recipe: Recipe) -> str:
    if manifest.tvm != tvm_runtime.version():
        return f"built by TVM {manifest.tvm}, this is {tvm_runtime.version()}"
    if manifest.checkpoint != recipe.digests.get("checkpoint", ""):
        return "the checkpoint has changed"
    known = manifest.sources
    changed = [name for name, digest in recipe.sources.items() if known.get(name) != digest]
    if changed:
        return f"{', '.join(changed[:3])}{' ...' if len(changed) > 3 else ''} changed"
    if manifest.forms != digest_forms(recipe.forms):
        return "other forms of convolutions were measured on this CPU"
    return "its config.json, entry or device has changed"


def _make_recipe(
    spec: StageSpec,
    graph: Graph,
    build_root: Path | None,
    digests: dict[str, str],
    digest: Callable[[str], str],
    measured: Callable[[], tuple[Row, ...]],
) -> Recipe:
    source = spec.source
    if source is None or spec.entry is None:
        raise BuildError(f"stage '{spec.name}' has no source to build from")
    library = devices.library_path(spec, graph.model_name, build_root)
    return Recipe(
        stage=spec.name,
        entry=spec.entry,
        source=source,
        library=library,
        target=spec.kind.target,
        sources=unchanged_sources(library, source, digest) or find_sources(source),
        digests=digests,
        forms=measured() if spec.kind.target.get("mcpu") == NATIVE else (),
    )


def _find_checkpoint_digest(model: ModelSpec, record: Path) -> str:
    """Find the sha256 of the model's checkpoint.

    If the file is missing, it is the model's `sha256`, else the one in `record`; `build` fails without the file itself.
    """
    path = model.checkpoint
    if path is None or not path.is_file():
        recorded = None if path is None else _read_digest(record, path.resolve())
        # The model's sha256 is that of its own checkpoint, not of a path that was set in its place.
        known = recorded if "checkpoint" in model.overridden else model.sha256 or recorded
        if known is None:
            from runner.model.packages import find_checkpoint  # noqa: PLC0415 - 10 ms that a file does not need

            parts = find_checkpoint(model)
            path, known = parts[0], _digest_once(parts[0], record) if len(parts) == 1 else digest_file(*parts)
    else:
        known = _digest_once(path, record)
    if model.sha256 not in (None, known):
        raise WeightsError(
            f"{path}: sha256 is {known}, the model says {model.sha256}; "
            "get the file again, or remove `sha256` from the model if this is the one you mean"
        )
    return known


def _digest_once(path: Path, record: Path) -> str:
    """Find the sha256 of a large file: from `record` if the file has not changed, else computed and recorded."""
    with reading(path, BuildError):
        status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
    known = _read_digest(record, path.resolve(), stamp)
    if known is not None:
        return known
    sha256 = digest_file(path)
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        fields = {"path": str(path.resolve()), "stamp": stamp, "sha256": sha256}
        atomic.write_text(record, json.dumps(fields) + "\n")
    except OSError:
        pass  # a read-only build root: the next run computes the digest again
    return sha256


def _read_digest(record: Path, path: Path, stamp: list[int] | None = None) -> str | None:
    """Read the sha256 of the file at `path` from `record`; None if it has none, or has another `stamp`."""
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        same = known["path"] == str(path) and stamp in (None, known["stamp"])
        return str(known["sha256"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no record, or another file
