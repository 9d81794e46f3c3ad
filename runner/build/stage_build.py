"""Builds one stage: compiles it, packs its weights, and writes its three files.

    stage's nn.Module --export--> Relax + TIR --passes--> library.so --+      (or a copy of one with the same code)
    checkpoint --take, fold, pack--> stage.weights --------------------+--> manifest stage.json, written last

Files are written under temporary names and then renamed, after the old manifest is removed: a run never trusts the
files of an interrupted build. Two builds of a stage wait for each other, which the second one reports; a build removes
the leftovers of killed builds.

This module imports TVM's compiler (1.3 s of CPU time, 200 MB).
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.build.export import export, find_class, name_stage_in_errors
from runner.build.forms import digest_forms
from runner.build.linker import require_linker
from runner.build.locks import WAITING, build_lock
from runner.build.model import Model
from runner.build.passes import compile_module
from runner.build.reuse import copy_library, copy_weights, digest_code
from runner.build.sources import list_paths
from runner.build.staleness import Recipe, find_reason
from runner.build.targets import check_linker, check_target, needed_features, resolve_target, spell_target
from runner.build.weights import check_stages, pack, write_weights
from runner.errors import BuildError
from runner.runtime import devices, manifest, tvm_runtime
from runner.runtime.machine import find_other_machine
from runner.runtime.manifest import File, Manifest
from stages.families import Dims
from stages.kernels.filters import make_forms, prefer_forms

if TYPE_CHECKING:
    from tvm.relax.frontend import nn
    from tvm.target import Target

    from runner.runtime.manifest import Tensor
    from stages.contract import Contract

_imported: dict[Path, str] = {}  # source -> its sha256 when this process first imported it


def check(todo: Sequence[Recipe], sources: Sequence[str], model: Model) -> list[Recipe]:
    """Check what can be checked before compiling for minutes: the targets, their linkers and the checkpoint.

    Args:
        sources: all compiled stages of the graph, which the checkpoint has to fit.

    Returns:
        `todo`, those with the most parameters first: at the end no long one is left.

    Raises:
        WeightsError: the checkpoint does not fit the model; every missing, extra or misshapen tensor is listed.
        BuildError: a target is not possible on this machine, or no compiler can link for it.
    """
    for recipe in todo:
        check_target(recipe.stage, recipe.target)
    for target in {find_other_machine(recipe.target): recipe.target for recipe in todo}.values():
        check_linker(target)
    counts = check_stages(sources, model.open(), model.dims)
    for recipe in todo:
        find_changed(recipe)  # the check has imported their sources
    return sorted(todo, key=lambda recipe: counts[recipe.source], reverse=True)


def find_changed(recipe: Recipe) -> str | None:
    """Find a source that this process has imported, and that has changed since; the others count as imported now."""
    found = None
    for name, path in list_paths(recipe.source, recipe.sources).items():
        if _imported.setdefault(path, recipe.sources[name]) != recipe.sources[name]:
            found = found or name
    return found


def build_stage(recipe: Recipe, model: Model) -> Iterator[tuple[str, float]]:
    """Build a stage unless another process does so; gives "waiting" if one does, then "built" or "current".

    Each state comes with the seconds so far.
    """
    start = time.perf_counter()
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(build_lock(recipe.library, wait=False))
            except BlockingIOError:
                yield WAITING, 0.0
                stack.enter_context(build_lock(recipe.library))
            stale = find_reason(recipe) is not None
            if stale:
                _write_stage(recipe, model)
    except OSError as error:
        raise BuildError(f"stage '{recipe.stage}': {recipe.library.parent}: {error.strerror or error}") from error
    yield "built" if stale else "current", time.perf_counter() - start


def _write_stage(recipe: Recipe, model: Model) -> None:
    """Compile a stage and write its three files, the manifest last."""
    library = recipe.library
    target = resolve_target(recipe.target)
    changed = find_changed(recipe)
    if changed is not None:
        fact = f"{changed} changed while this process was running, which has imported it; start it again"
        raise BuildError(f"stage '{recipe.stage}': {fact}")
    code = digest_code(recipe, model.dims, spell_target(target))
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=f".{library.stem}.") as scratch:
        compiled, weights = Path(scratch) / library.name, Path(scratch) / manifest.weights_path(library).name
        with name_stage_in_errors(recipe.stage, target), target, prefer_forms(make_forms(recipe.forms)):
            contract, tensors = _make_files(recipe, model, target, code, compiled, weights)
        manifest.manifest_path(library).unlink(missing_ok=True)
        compiled.replace(library)
        weights.replace(manifest.weights_path(library))
    described = _make_manifest(recipe, model.dims, target, contract, tensors, code)
    described.write(manifest.manifest_path(library))


def _make_files(
    recipe: Recipe, model: Model, target: Target, code: str, library: Path, weights: Path
) -> tuple[Contract, tuple[Tensor, ...]]:
    """Write `library` and `weights`, or copy what an equal build has; gives the contract and the tensors."""
    found = copy_library(recipe.library, code, library)
    if found is None:
        layers, names = _compile(recipe, model.dims, target, library)
    else:
        layers, names = find_class(recipe.source)(model.dims), [tensor.name for tensor in found[1].tensors]
        if copy_weights(*found, recipe.digests.get("checkpoint", ""), weights):
            return layers.contract, found[1].tensors
    return layers.contract, write_weights(weights, pack(layers, recipe.source, model.open(), names))


def _compile(recipe: Recipe, dims: Dims, target: Target, library: Path) -> tuple[nn.Module, list[str]]:
    """Compile a stage into `library`; gives its `nn.Module` and the names of its parameters in the entry's order."""
    module, layers, names = export(recipe.source, recipe.entry, dims, target)
    linker = require_linker(find_other_machine(recipe.target))
    compile_module(module, target).export_library(str(library), cc=linker)
    return layers, names


def _make_manifest(
    recipe: Recipe, dims: Dims, target: Target, contract: Contract, tensors: tuple[Tensor, ...], code: str
) -> Manifest:
    features = needed_features(target)
    is_for_other = find_other_machine(recipe.target) is not None
    return Manifest(
        stage=recipe.stage,
        entry=recipe.entry,
        source=recipe.source,
        key=recipe.key,
        library=File.of(recipe.library),
        weights=File.of(manifest.weights_path(recipe.library), stamped=True),
        tensors=tensors,
        inputs={name: str(port.type) for name, port in contract.inputs.items()},
        outputs={name: str(port.type) for name, port in contract.outputs.items()},
        dims=dims.named(),
        target=spell_target(target),
        cpu_features=features,
        host_features=features if is_for_other else tuple(sorted(devices.cpu_features())),
        tvm=tvm_runtime.version(),
        sources=recipe.sources,
        checkpoint=recipe.digests.get("checkpoint", ""),
        code=code,
        forms=digest_forms(recipe.forms),
    )
