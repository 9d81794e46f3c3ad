"""Makes the pipeline of a command, and builds the libraries that it needs if they are missing or stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runner.build.staleness import stale
from runner.cli import progress
from runner.cli.runners import find_resolvers
from runner.cli.user_lexicon import check_lexicon
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.graph.selection import find_needed
from runner.graph.types import Ref

if TYPE_CHECKING:
    from pathlib import Path

    from runner.cache.cache import Cache
    from runner.cli.settings import Settings
    from runner.graph.types import Graph


def make_pipeline(graph: Graph, settings: Settings, cache: Cache | None) -> Pipeline:
    """Make the pipeline that the settings ask for; nothing is built or loaded.

    Raises:
        SpecError: the file of --vocab holds no vocabulary.
        RunError: config.json cannot be read, or lacks a key that a stage takes; a line of the user's lexicon is wrong.
    """
    config, resolvers = settings.read_config(), find_resolvers(graph)
    pipeline = Pipeline(graph, settings.build_dir, settings.threads, config, cache, resolvers)
    check_lexicon(graph, pipeline.config, settings)
    return pipeline


def build_for(pipeline: Pipeline, settings: Settings) -> None:
    """Compile what is missing or stale, once it is known that this machine has the devices."""
    reasons = stale(pipeline.graph, settings.build_dir, find_covered(pipeline.graph, settings))
    if reasons:
        pipeline.check_devices(RunOptions(scope=settings.scope))
    build_stale(pipeline.graph, settings.build_dir, reasons, quiet=settings.quiet)


def find_covered(graph: Graph, settings: Settings) -> list[str]:
    """Find the stages that the outputs asked for depend on; the others need not be built."""
    override = {Ref.parse(text.partition("=")[0]) for text in settings.load}
    return [spec.name for spec in find_needed(graph, settings.scope.outputs(graph).values(), override)]


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
