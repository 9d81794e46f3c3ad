"""Builds the libraries that a command needs, if they are missing or stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runner.cli import progress

if TYPE_CHECKING:
    from pathlib import Path

    from runner.graph.types import Graph


def build_stale(graph: Graph, build_dir: Path | None, reasons: list[tuple[str, str]], *, quiet: bool) -> None:
    """Compile the stages of `reasons` (`staleness.stale`), and print the reasons on standard error."""
    if not reasons:
        return
    if not quiet:
        for stage, reason in reasons:
            click.echo(f"{stage}: {reason}", err=True)
    from runner.api import compile_stages

    with progress.build_display(len(reasons), quiet=quiet) as show:
        compile_stages(graph, build_dir, [stage for stage, _ in reasons], show)
