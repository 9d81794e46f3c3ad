"""`kokoro-run bundle`: puts a graph, and all that it takes to speak, into a folder for machines with Python alone."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli import options
from runner.cli.command import Command

_MEGABYTE = 1e6


@click.command(cls=Command)
@options.graph_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder to write: a new one, an empty one, or an earlier bundle, which is replaced.",
)
@click.option(
    "--voice",
    "voices",
    multiple=True,
    metavar="NAME",
    help="Take this voice along; repeatable.  [default: all of the model that are on this machine]",
)
@options.build_dir
@options.quiet
def bundle(
    graph: str,
    overlays: tuple[str, ...],
    sets: tuple[str, ...],
    output: Path,
    voices: tuple[str, ...],
    build_dir: Path | None,
    quiet: bool,
) -> None:
    """Make a folder that speaks on another machine of this kind: DIR/run --phonemes TEXT -o FILE.wav.

    That machine needs Python of this version, and neither a compiler nor this package. Parameters that --set gives
    are the defaults of DIR/run.
    """
    checked = options.load(graph, overlays, sets)
    from runner.build.staleness import stale
    from runner.bundle.make import check_bundle, make_bundle
    from runner.cli.building import build_stale

    check_bundle(checked, output, build_dir)
    build_stale(checked, build_dir, stale(checked, build_dir), quiet=quiet)
    size = make_bundle(checked, output, build_dir, voices)
    if not quiet:
        click.echo(f"{output}: {size / _MEGABYTE:.1f} MB; {output / 'run'} --help", err=True)
