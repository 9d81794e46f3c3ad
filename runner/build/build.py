"""Compiles the stages of a graph from a checkpoint.

    stage's nn.Module --export--> Relax + TIR --passes--> library.so --+
    checkpoint --take, fold, pack--> stage.weights --------------------+--> manifest stage.json, written last

A stage whose manifest is current is left alone. Files are written under temporary names and put in place whole, the
old manifest is removed first: an interrupted build leaves nothing that a run would trust. Two builds of one stage wait
for each other; what a killed one left is removed by the next.

This module imports TVM's compiler (0.6 s, 200 MB); `runner.build.staleness` tells without it whether there is anything
to build.
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
from runner.build.staleness import Recipe, recipes, why_stale
from runner.build.targets import check_linker, check_target, needed_features, resolve_target, spell_target
from runner.build.weights import check_checkpoint, pack, write_weights
from runner.build.workers import WorkerPool
from runner.errors import BuildError
from runner.graph.model_config import read_model
from runner.model import hub
from runner.model.checkpoint import Checkpoint
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
"""`progress(stage, state, seconds)`, state being "current", "compiling" or "built"."""


@dataclass(frozen=True)
class Model:
    """What a graph's stages are compiled from, beside their code.

    Attributes:
        dims: the model's sizes.
        checkpoint: the file of the weights, and the family that it is one of; None where no stage takes weights.
    """

    dims: Dims
    checkpoint: tuple[Path, Family] | None

    @classmethod
    def of(cls, graph: Graph) -> Model:
        """Find the model of a graph.

        Raises:
            BuildError: its config.json cannot be read, or describes no model.
            WeightsError: the checkpoint is not there.
        """
        dims = read_model(graph.model, BuildError).dims
        if graph.model is None or not any(spec.weights for spec in graph.stages.values()):
            return cls(dims, None)
        return cls(dims, (hub.checkpoint(graph.model), find_family(graph.model.family)))

    def open(self) -> Checkpoint | None:
        """Open the checkpoint.

        Raises:
            WeightsError: it is none.
        """
        return None if self.checkpoint is None else Checkpoint.open(*self.checkpoint)


def build(
    graph: Graph,
    build_root: Path | None = None,
    *,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
) -> None:
    """Compile what is missing or stale of the graph's stages.

    Args:
        build_root: folder of the compiled stages; None for the default one.
        only: names of the stages to consider; None for all.

    Raises:
        WeightsError: the checkpoint is not there, or not that of this model; every missing, extra or misshapen tensor
            is listed.
        BuildError: a stage could not be compiled, or the build folder not be written.
    """
    tell = progress or (lambda stage, state, seconds: None)
    todo, known = [], recipes(graph, build_root)
    for recipe in known:
        if only is not None and recipe.stage not in only:
            continue
        if why_stale(recipe) is None:
            tell(recipe.stage, "current", 0.0)
        else:
            todo.append(recipe)
    if not todo:
        return
    check_linker()
    for recipe in todo:
        check_target(recipe.stage, recipe.target)
    prepare_for_compiler()
    size = min(len(todo), available_threads())
    with WorkerPool(size if size > 1 else 0, __name__) as pool:  # these import the compiler meanwhile
        model = Model.of(graph)
        checkpoint = model.open()
        if checkpoint is not None:
            check_checkpoint(checkpoint, [recipe.source for recipe in known], model.dims)
        if size > 1:
            _compile_in_workers(pool, todo, model, tell)
            return
    for recipe in todo:
        tell(recipe.stage, "compiling", 0.0)
        tell(recipe.stage, *_compile(recipe, model))


def _compile_in_workers(pool: WorkerPool, todo: Sequence[Recipe], model: Model, tell: Progress) -> None:
    """Compile several stages at a time, those with the most layers first: the longest is then no longer alone at the
    end."""
    todo = sorted(todo, key=lambda recipe: count_parameters(recipe.source, model.dims), reverse=True)
    unfinished = {recipe.stage: recipe.library for recipe in todo}
    jobs = [(recipe.stage, partial(_compile, recipe, model)) for recipe in todo]
    try:
        for stage, (state, seconds) in pool.work(jobs, lambda stage: tell(stage, "compiling", 0.0)):
            tell(stage, state, seconds)
            del unfinished[stage]
    except BaseException:
        pool.end()
        for library in unfinished.values():
            with contextlib.suppress(OSError), _build_lock(library, wait=False):
                pass  # what the workers had no time to remove is removed now
        raise


def _compile(recipe: Recipe, model: Model) -> tuple[str, float]:
    """Build one stage, unless another process has done so meanwhile: "built" or "current", and the seconds it took."""
    start = time.perf_counter()
    try:
        with _build_lock(recipe.library):
            stale = why_stale(recipe) is not None
            if stale:
                _build_stage(recipe, model)
    except OSError as error:
        raise BuildError(f"stage '{recipe.stage}': {recipe.library.parent}: {error.strerror or error}") from error
    return "built" if stale else "current", time.perf_counter() - start


@contextlib.contextmanager
def _build_lock(library: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on `library`, and delete leftovers of killed builds of it.

    The lock is the kernel's, and ends with the process that holds it, however that ends.

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
    """Compile one stage and put its three files in place, the manifest last."""
    library = recipe.library
    target = resolve_target(recipe.target)
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
    _manifest(recipe, model.dims, target, layers.contract, tensors).write(manifest.manifest_path(library))


def _manifest(recipe: Recipe, dims: Dims, target: Target, contract: Contract, tensors: tuple[Tensor, ...]) -> Manifest:
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
