"""`kokoro-run tune`: measures the forms of the convolutions of a graph on this CPU; `build` then uses the fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.errors import RunError

if TYPE_CHECKING:
    from runner.build.forms import Row
    from runner.build.tune import Measurement
    from stages.kernels.filters import Form


@click.command(cls=Command)
@options.graph_options
@click.option("--rounds", type=click.IntRange(min=1), default=15, show_default=True, help="Calls of each form.")
@options.quiet
def tune(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], rounds: int, quiet: bool) -> None:
    """Measure the forms of each convolution on this CPU, and keep the fastest for `build`.

    Forms are the direct sum and minimal filtering with several sizes. It takes a minute; libraries are built with
    the new forms when they are needed next.
    """
    checked = options.load(graph, overlays, sets)
    from runner.build.forms import prepare_table, write_forms
    from runner.runtime.process import prepare_for_compiler

    prepare_table()
    prepare_for_compiler()
    from runner.build.tune import find_shapes, measure

    shapes = find_shapes(checked)
    if not shapes:
        fact = "no stage is compiled for this CPU and has a convolution with more than one form"
        raise RunError(f"{checked.path}: {fact}, so there is nothing to measure; give a graph with a decoder on `cpu`")
    rows: list[Row] = []
    for shape, target in shapes:
        found = measure(shape, target, rounds)
        rows.append((*shape, found.chosen))
        if not quiet:
            click.echo(_describe(found), err=True)
    console.echo(str(write_forms(rows)))


def _describe(found: Measurement) -> str:
    """Describe a measurement in a line: the shape, the chosen form, and how much faster it is than the usual one."""
    inputs, outputs, taps, dilation = found.shape
    what = f"{inputs} to {outputs}, {taps} taps, dilation {dilation}"
    gain = found.seconds[found.usual] / found.seconds[found.chosen]
    return f"{what}: {_name(found.chosen)}, {gain:.2f} times as fast as {_name(found.usual)}"


def _name(form: Form | None) -> str:
    return "direct sum" if form is None else f"F({form.m}, {form.r}) in blocks of {form.tiles} tiles"
