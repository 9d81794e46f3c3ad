"""Compiles the stages of a graph from a checkpoint: finds the stale ones, and builds them in worker processes.

    graph --> recipes --find_reason--> stale ones --check--> in a worker each: lock, compile, pack, write (stage_build)

A stage whose manifest is current is not compiled. Only the workers import TVM's compiler (1.3 s of CPU time, 200 MB); a
single stage, or a machine of one core, is built in this process.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runner.build.locks import WAITING, build_lock
from runner.build.model import Model
from runner.build.staleness import Recipe, find_reason, make_recipes
from runner.errors import BuildError
from runner.runtime.process import prepare_for_compiler
from runner.runtime.threads import available_threads
from runner.runtime.worker_pool import WorkerEndedError, WorkerPool

if TYPE_CHECKING:
    from runner.graph.types import Graph

_PREPARE = "runner.build.build:prepare_worker"

Progress = Callable[[str, str, float], None]
"""`progress(stage, state, seconds)`; the state is "current", "waiting" for another process, "compiling" or "built"."""


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
    size, sources = min(len(todo), available_threads()), [recipe.source for recipe in known]
    if size > 1:
        with _naming_stages(), WorkerPool(size, _PREPARE) as pool:  # workers import the compiler meanwhile
            _compile_in_workers(pool, todo, sources, Model.of(graph), report)
        return
    prepare_for_compiler()
    model = Model.of(graph)
    for recipe in _check(todo, sources, model):
        report(recipe.stage, "compiling", 0.0)
        for state, seconds in _build_stage(recipe, model):
            report(recipe.stage, state, seconds)


def prepare_worker() -> None:
    """Prepare a worker for its stages: it imports the compiler."""
    gc.disable()  # the compiler's objects are counted: looking for cycles among them takes a twentieth of a build
    prepare_for_compiler()
    from runner.build import stage_build  # noqa: F401, PLC0415 - only workers need it


@contextlib.contextmanager
def _naming_stages() -> Iterator[None]:
    """Name the stage whose worker has died."""
    try:
        yield
    except WorkerEndedError as error:
        raise BuildError(f"stage '{error.name}': the process that compiles it ended {error.how}") from None


def _compile_in_workers(
    pool: WorkerPool, todo: Sequence[Recipe], sources: Sequence[str], model: Model, report: Progress
) -> None:
    """Compile several stages at a time."""
    first = todo[0].stage  # whose name an error has if a worker dies
    [(_, ordered)] = pool.work([(first, partial(_check, todo, sources, model))], lambda _: None)
    unfinished = {recipe.stage: recipe.library for recipe in ordered}
    jobs = [(recipe.stage, partial(_build_stage, recipe, model)) for recipe in ordered]
    try:
        for stage, (state, seconds) in pool.work(jobs, lambda stage: report(stage, "compiling", 0.0)):
            report(stage, state, seconds)
            if state != WAITING:
                del unfinished[stage]
    except BaseException:
        pool.end()
        for library in unfinished.values():
            with contextlib.suppress(OSError), build_lock(library, wait=False):
                pass  # taking the lock removes the leftovers of the killed workers
        raise


def _check(todo: Sequence[Recipe], sources: Sequence[str], model: Model) -> list[Recipe]:
    """Call `stage_build.check`, here or in a worker; only that imports the compiler."""
    from runner.build import stage_build  # noqa: PLC0415

    return stage_build.check(todo, sources, model)


def _build_stage(recipe: Recipe, model: Model) -> Iterator[tuple[str, float]]:
    """Call `stage_build.build_stage`, as `_check` does."""
    from runner.build import stage_build  # noqa: PLC0415

    return stage_build.build_stage(recipe, model)
