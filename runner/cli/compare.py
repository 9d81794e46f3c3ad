"""`kokoro-run compare`: compares two runs or graphs, or one of them with the PyTorch reference."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.completers import complete_side
from runner.cli.settings import Settings
from runner.errors import RunError, suggest

if TYPE_CHECKING:
    from runner.build.probe import Tap
    from runner.inspect.sides import Case, Side


def _refuse_overlay(ctx: click.Context, option: click.Parameter, value: tuple[str, ...]) -> None:
    """Refuse -c and --set, which other commands take for their only graph."""
    if value and not ctx.resilient_parsing:
        laid = "".join(f"+{part}" for part in value)
        raise click.UsageError(f"{option.opts[0]}: write it behind the side that it belongs to: A{laid} or B{laid}")


@click.command(cls=Command)
@click.argument("a", metavar="A", shell_complete=complete_side)
@click.argument("b", metavar="B", shell_complete=complete_side)
@options.input_options
@click.option(
    "--cross",
    is_flag=True,
    help="Give each stage of A the inputs that B's stages gave, so that each stage is compared alone.",
)
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="[PORT=]X",
    help="Exit with 1 if a distance is above this share of the largest value (1e-4), or a signal-to-noise ratio below "
    "this one (60dB). For one stage or port: decoder=60dB. Repeatable.",
)
@click.option(
    "--probe",
    metavar="STAGE",
    help="List the output of each layer in A's STAGE for B's inputs; compiles the stage again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("-c", "--config", multiple=True, hidden=True, expose_value=False, callback=_refuse_overlay)
@click.option("--set", multiple=True, hidden=True, expose_value=False, callback=_refuse_overlay)
@options.cache_options
@options.build_dir
@options.quiet
def compare(a: str, b: str, tolerances: tuple[str, ...], cross: bool, probe: str | None, **given: Any) -> None:
    """Measure how far A is from B, port by port.

    A and B are each GRAPH[+OVERLAY][+NAME=VALUE]..., as in default+configs/static.yaml+params.seed=1; a RUN that
    `kokoro-run runs` lists, or `last`, with the same additions; or `reference`, the PyTorch package. Graphs speak the
    lines of the run they are compared with, unless --input, --phonemes or --text gives others.
    """
    from runner.cli.compare_sides import SideSpec, check_runs, make_sides, match_cases
    from runner.cli.compare_table import PortTable, print_taps
    from runner.inspect.compare import compare as measure
    from runner.inspect.sides import GraphSide
    from runner.inspect.tolerance import Tolerances
    from runner.speech.model import find_frame_samples
    from runner.speech.spectral_distance import spectral_metric

    settings, limits = Settings(**given), Tolerances(tolerances)
    sides = make_sides(SideSpec.read(a), SideSpec.read(b), settings, cross=cross)
    for side in sides:
        limits.check(side.graph)
    metric = spectral_metric(find_frame_samples([side.pipeline for side in sides if isinstance(side, GraphSide)]))
    table = PortTable(limits, [metric])
    prints = not settings.as_json and not settings.quiet
    distances, taps = {}, {}
    every = match_cases(sides, settings)
    check_runs(sides, every, settings, computes=cross or probe is not None)
    for number, cases in enumerate(every, 1):
        label = f"{number}. {cases[0].label}"
        if probe is not None:
            taps[label] = _probe(sides, cases[1], probe)
            if prints:
                print_taps(f"inside {probe} of {sides[0].name}, {cases[0].label}", taps[label])
        distances[label] = measure(*sides, cases, limits, cross=cross, metrics=[metric])
        if prints:
            table.print(f"{sides[0].name} against {sides[1].name}, {cases[0].label}", distances[label])
    within = all(table.is_within(one) for found in distances.values() for one in found)
    if settings.as_json:
        names = {"a": sides[0].name, "b": sides[1].name, "cross": cross}
        utterances = [
            {"line": label, "ports": table.rows(found), "probe": [tap.table() for tap in taps.get(label, [])]}
            for label, found in distances.items()
        ]
        console.echo(json.dumps({"format": 1, **names, "within": within, "utterances": utterances}))
    if not within:
        click.get_current_context().exit(1)


def _probe(sides: tuple[Side, Side], case: Case, stage: str) -> list[Tap]:
    """Run A's stage on the outputs of B's stages, and list the output of each of its layers."""
    from runner.inspect.sides import GraphSide, choose_inputs
    from runner.runtime.process import prepare_for_compiler

    a, b = sides
    if stage not in a.graph.stages:
        raise RunError(f"--probe: no stage is called '{stage}'{suggest(stage, a.graph.stages)}")
    if not isinstance(a, GraphSide):
        raise RunError("--probe needs a compiled stage in A, and the reference has none; give the reference as B")
    prepare_for_compiler()
    from runner.build.probe import probe

    inputs = choose_inputs(a.graph.stages[stage], {**b.given(case), **b.ports(case)})
    return probe(a.graph, stage, a.pad(stage, inputs))
