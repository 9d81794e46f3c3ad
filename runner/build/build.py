"""Compiles the stages of a graph from a checkpoint.

    stage's nn.Module --export--> Relax + TIR --passes--> library.so --+
    checkpoint --take, fold, pack--> stage.weights --------------------+--> manifest stage.json, written last

A stage whose manifest is current is not compiled. Files are written under temporary names and then renamed, after the
old manifest is removed: a run never trusts the files of an interrupted build. Two builds of a stage wait for each
other, which the second one reports; a build removes the leftovers of killed builds.

This module imports TVM's compiler (0.6 s, 200 MB); `runner.build.staleness` finds the stages to build without it.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runner.build.export import count_parameters, export, name_stage_in_errors
from runner.build.passes import compile_module
from runner.build.sources import list_paths
from runner.build.staleness import Recipe, find_reason, make_recipes
from runner.build.targets import check_linker, check_target, needed_features, resolve_target, spell_target
from runner.build.weights import check_checkpoint, pack, write_weights
from runner.build.workers import WorkerPool
from runner.errors import BuildError
from runner.graph.model_config import read_model
from runner.model.checkpoint import Checkpoint
from runner.model.packages import find_checkpoint
from runner.runtime import devices, manifest, tvm_runtime
from runner.runtime.manifest import File, Manifest
from runner.runtime.process import prepare_for_compiler
from runner.runtime.threads import available_threads
from stages.families import Dims, Family, find_family

if TYPE_CHECKING:
    from tvm.target import Target

    from runner.graph.types import Graph
    from runner.runtime.manifest import Tensor
    from stages.contract import Contract

Progress = Callable[[str, str, float], None]
"""`progress(stage, state, seconds)`; the state is "current", "waiting" for another process, "compiling" or "built"."""


_WAITING = "waiting"
_imported: dict[Path, str] = {}  # source -> its sha256 when this process first imported it


@dataclass(frozen=True)
class Model:
    """The inputs of a build beside the code of the stages.

    Attributes:
        dims: sizes of the model.
        checkpoint: the parts of the file of the weights, and its family; None if no stage takes weights.
    """

    dims: Dims
    checkpoint: tuple[tuple[Path, ...], Family] | None

    @classmethod
    def of(cls, graph: Graph) -> Model:
        """Find the model of a graph.

        Raises:
            BuildError: its config.json cannot be read, or describes no model.
            WeightsError: the checkpoint is missing.
        """
        dims = read_model(graph.model, BuildError).dims
        if graph.model is None or not any(spec.weights for spec in graph.stages.values()):
            return cls(dims, None)
        return cls(dims, (find_checkpoint(graph.model), find_family(graph.model.family)))

    def open(self) -> Checkpoint | None:
        """Open the checkpoint; None if there is none.

        Raises:
            WeightsError: the file is no checkpoint.
        """
        return None if self.checkpoint is None else Checkpoint.open(*self.checkpoint)


def build(
    graph: Graph,
    build_root: Path | None = None,
    *,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
) -> None:
    """Compile the stages of a graph whose libraries are missing or stale.

    Args:
        build_root: folder of the libraries; None for the default one.
        progress: called when the state of a stage changes.
        only: names of the stages to consider; None for all.

    Raises:
        WeightsError: the checkpoint is missing, or does not fit the model; every missing, extra or misshapen tensor is
            listed.
        BuildError: a stage could not be compiled, or the build root not be written.
    """
    report = progress or (lambda stage, state, seconds: None)
    known = make_recipes(graph, build_root)
    todo: dict[tuple[Path, str], list[Recipe]] = {}  # the stages of one library
    for recipe in known:
        if only is not None and recipe.stage not in only:
            continue
        if find_reason(recipe) is None:
            report(recipe.stage, "current", 0.0)
        else:
            todo.setdefault((recipe.library, recipe.key), []).append(recipe)
    if not todo:
        return
    _compile_all([recipes[0] for recipes in todo.values()], known, graph, report)
    for recipe in (recipe for recipes in todo.values() for recipe in recipes[1:]):
        report(recipe.stage, "current", 0.0)


def _compile_all(todo: Sequence[Recipe], known: Sequence[Recipe], graph: Graph, report: Progress) -> None:
    """Compile the recipes `todo`, each of another library; `known` are all those of the graph."""
    check_linker()
    for recipe in todo:
        check_target(recipe.stage, recipe.target)
    prepare_for_compiler()
    size = min(len(todo), available_threads())
    with WorkerPool(size if size > 1 else 0, __name__) as pool:  # workers import the compiler meanwhile
        model = Model.of(graph)
        checkpoint = model.open()
        if checkpoint is not None:
            check_checkpoint(checkpoint, [recipe.source for recipe in known], model.dims)
        if size > 1:
            _compile_in_workers(pool, todo, model, report)
            return
    for recipe in todo:
        report(recipe.stage, "compiling", 0.0)
        for state, seconds in _compile(recipe, model):
            report(recipe.stage, state, seconds)


def _find_changed(recipe: Recipe) -> str | None:
    """Find a source that this process has imported, and that has changed since; the others count as imported now."""
    found = None
    for name, path in list_paths(recipe.source, recipe.sources).items():
        if _imported.setdefault(path, recipe.sources[name]) != recipe.sources[name]:
            found = found or name
    return found


def _compile_in_workers(pool: WorkerPool, todo: Sequence[Recipe], model: Model, report: Progress) -> None:
    """Compile several stages at a time; those with the most parameters first, so that no long one is left."""
    for recipe in todo:
        _find_changed(recipe)  # counting imports them; what is compiled is imported by the workers
    todo = sorted(todo, key=lambda recipe: count_parameters(recipe.source, model.dims), reverse=True)
    unfinished = {recipe.stage: recipe.library for recipe in todo}
    jobs = [(recipe.stage, partial(_compile, recipe, model)) for recipe in todo]
    try:
        for stage, (state, seconds) in pool.work(jobs, lambda stage: report(stage, "compiling", 0.0)):
            report(stage, state, seconds)
            if state != _WAITING:
                del unfinished[stage]
    except BaseException:
        pool.end()
        for library in unfinished.values():
            with contextlib.suppress(OSError), _build_lock(library, wait=False):
                pass  # taking the lock removes the leftovers of the killed workers
        raise


def _compile(recipe: Recipe, model: Model) -> Iterator[tuple[str, float]]:
    """Build a stage unless another process does so; gives "waiting" if one does, then "built" or "current".

    Each state comes with the seconds so far.
    """
    start = time.perf_counter()
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(_build_lock(recipe.library, wait=False))
            except BlockingIOError:
                yield _WAITING, 0.0
                stack.enter_context(_build_lock(recipe.library))
            stale = find_reason(recipe) is not None
            if stale:
                _build_stage(recipe, model)
    except OSError as error:
        raise BuildError(f"stage '{recipe.stage}': {recipe.library.parent}: {error.strerror or error}") from error
    yield "built" if stale else "current", time.perf_counter() - start


@contextlib.contextmanager
def _build_lock(library: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on `library`, and delete leftovers of killed builds of it.

    The kernel releases the lock when the process ends, also if it is killed.

    Raises:
        BlockingIOError: another process holds it, and `wait` is false.
    """
    library.parent.mkdir(parents=True, exist_ok=True)
    lock = library.with_name(f".{library.stem}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in library.parent.glob(f".{library.stem}.*"):
            if left.is_dir():
                shutil.rmtree(left)
            elif left != lock:
                left.unlink(missing_ok=True)
        yield


def _build_stage(recipe: Recipe, model: Model) -> None:
    """Compile a stage and write its three files, the manifest last."""
    library = recipe.library
    target = resolve_target(recipe.target)
    changed = _find_changed(recipe)
    if changed is not None:
        fact = f"{changed} changed while this process was running, which has imported it; start it again"
        raise BuildError(f"stage '{recipe.stage}': {fact}")
    with name_stage_in_errors(recipe.stage, target):
        module, layers, names = export(recipe.source, recipe.entry, model.dims, target)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=f".{library.stem}.") as scratch:
        compiled, weights = Path(scratch) / library.name, Path(scratch) / manifest.weights_path(library).name
        with name_stage_in_errors(recipe.stage, target), target:
            compile_module(module, target).export_library(str(compiled))
            arrays = pack(layers, recipe.source, model.open(), names)
        tensors = write_weights(weights, arrays)
        manifest.manifest_path(library).unlink(missing_ok=True)
        compiled.replace(library)
        weights.replace(manifest.weights_path(library))
    _make_manifest(recipe, model.dims, target, layers.contract, tensors).write(manifest.manifest_path(library))


def _make_manifest(
    recipe: Recipe, dims: Dims, target: Target, contract: Contract, tensors: tuple[Tensor, ...]
) -> Manifest:
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
        cpu_features=needed_features(target),
        host_features=tuple(sorted(devices.cpu_features())),
        tvm=tvm_runtime.version(),
        sources=recipe.sources,
        checkpoint=recipe.digests.get("checkpoint", ""),
    )
