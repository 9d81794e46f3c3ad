"""`kokoro-run profile`: times every kernel of the compiled stages on the input of one run."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.completers import complete_compiled
from runner.cli.settings import Settings
from runner.errors import RunError, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph
    from runner.inspect.profile_text import Profile
    from runner.inspect.sides import Case, GraphSide

_ROUNDS = 5


@click.command(cls=Command)
@options.graph_options
@options.input_options
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="STAGE",
    shell_complete=complete_compiled,
    help="Only this compiled stage; repeatable.",
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=_ROUNDS, show_default=True, help="Timed calls of each.")
@options.threads
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.json",
    help="An earlier profile, as --json printed it: say how long each kernel took then, and its share now.",
)
@options.as_json
@options.cache_options
@options.build_dir
@options.quiet
def profile(
    graph: str,
    overlays: tuple[str, ...],
    sets: tuple[str, ...],
    stages: tuple[str, ...],
    rounds: int,
    against: Path | None,
    **given: Any,
) -> None:
    """Time every kernel of the compiled stages: calls, shapes, time, speed, share of the FMA peak and of the memory's.

    The graph is run once on the first line of the input, as far as the cache lacks the results. Then each stage is
    called alone, with what the stages before it gave, and its kernels are timed.
    """
    from runner.inspect import profile_text

    settings = Settings(**given, overlays=overlays)
    settings.check_source()
    earlier = None if against is None else profile_text.Earlier(against)
    cache = settings.open_cache()
    checked = options.load(graph, overlays, sets, cache)
    names = _choose_stages(checked, stages)
    from runner.cli.building import build_for, make_pipeline

    pipeline = make_pipeline(checked, settings, cache)
    build_for(pipeline, settings)
    measured = _measure(pipeline, names, settings, rounds)
    difference = None if earlier is None else earlier.describe_difference(measured)
    if difference is not None:
        click.echo(f"warning: {difference}", err=True)
    if settings.as_json:
        console.echo(json.dumps(profile_text.to_table(measured, earlier)))
    else:
        console.echo(profile_text.describe(measured, earlier))


def _choose_stages(graph: Graph, asked: Sequence[str]) -> list[str]:
    """Choose the compiled stages to profile, in the graph's order: of those that an output depends on.

    Raises:
        RunError: one that was asked for is not there, is Python, or does not run; or there is none.
    """
    from runner.graph.selection import find_needed

    needed = {spec.name for spec in find_needed(graph, graph.outputs.values(), ())}
    compiled = [name for name, spec in graph.stages.items() if spec.is_library and name in needed]
    for name in asked:
        if name in graph.stages and name not in needed:
            raise RunError(f"--stage: no output of the graph depends on '{name}'{suggest(name, compiled)}")
        if name not in graph.stages:
            raise RunError(f"--stage: no stage is called '{name}'{suggest(name, compiled)}")
        if name not in compiled:
            raise RunError(f"--stage: '{name}' is a Python stage, which has no kernels{suggest(name, compiled)}")
    if not compiled:
        raise RunError(f"{graph.path}: has no compiled stage, so there are no kernels to profile")
    return [name for name in compiled if name in asked or not asked]


def _measure(pipeline: Pipeline, names: Sequence[str], settings: Settings, rounds: int) -> Profile:
    """Run the graph for the inputs of the stages, and profile each."""
    from runner.inspect.profile import profile_stage
    from runner.inspect.profile_text import Profile
    from runner.inspect.sides import GraphSide, choose_inputs
    from runner.runtime.process import prepare_for_compiler

    side = GraphSide(str(pipeline.graph.path), pipeline)
    case = _read_case(side, settings)
    values = {**side.given(case), **side.ports(case)}
    inputs = {name: choose_inputs(pipeline.graph.stages[name], values) for name in names}
    prepare_for_compiler()
    from runner.build.peak import measure_peak

    threads = pipeline.context.concurrency.threads
    peak = measure_peak(threads)
    profiles = (profile_stage(pipeline, name, inputs[name], rounds, threads, peak) for name in names)
    return Profile(side.name, case.label, threads, rounds, peak, tuple(profiles))


def _read_case(side: GraphSide, settings: Settings) -> Case:
    """Read the input of the first run; a warning says that there are others."""
    from runner.cli.compare_sides import read_cases

    with contextlib.closing(read_cases(side, settings)) as cases:
        case, another = next(cases, None), next(cases, None)
    if case is None:
        raise RunError("the input has no line to profile a run of; give one by --input, --text or --phonemes")
    if another is not None and not settings.quiet:
        click.echo(f"warning: only {case.label} is profiled, or its first part; the input has more", err=True)
    return case
