"""`kokoro-run plan`: prints what a run would do."""

from __future__ import annotations

from typing import Any

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.settings import Settings


@click.command(cls=Command)
@options.graph_options
@options.input_options
@options.scope_options
@options.cache_options
@options.build_dir
def plan(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], **given: Any) -> None:
    """Print the plan of a run: the stages that would run, and the reasons. Nothing is run, built or loaded.

    If this machine lacks a device of a stage that would run, the plan is printed and the command exits with 2.
    """
    from runner.build.staleness import check_checkpoint_path, stale
    from runner.cli.building import find_covered, make_pipeline
    from runner.cli.inputs import GivenInputs
    from runner.cli.progress import count_display
    from runner.cli.runners import make_runner
    from runner.inspect.plan_text import explain, group_plans

    settings = Settings(**given, overlays=overlays)
    settings.check_source()
    cache = settings.open_cache()
    checked = options.load(graph, overlays, sets, cache)
    check_checkpoint_path(checked, settings.build_dir)
    settings.scope.check(checked)
    with settings.open_rows(checked) as lines:
        pipeline = make_pipeline(checked, settings, cache)
        inputs = GivenInputs(checked, settings)
        rows = [inputs.make_row()] if lines is None else lines
        runner = make_runner(pipeline, inputs, settings.make_run_options())
        reasons = dict(stale(checked, settings.build_dir, find_covered(checked, settings)))
        with count_display("planned") as show:
            groups = group_plans(pipeline, runner.runs(rows), reasons, show)
        console.echo(explain(groups))
        if reasons:
            runner.check_devices()
        for group in groups:
            pipeline.check_devices_of(group.run)
