"""`kokoro-run plan`: prints what a run would do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.settings import Settings
from runner.cli.spelling import spell_options
from runner.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.batch.row_runner import BaseRowRunner
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph
    from runner.inspect.plan_text import PlanGroup


@click.command(cls=Command)
@options.graph_options
@options.input_options
@options.scope_options
@options.cache_options
@options.build_dir
@options.as_json
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
        fault = _find_absence(pipeline, runner, groups, is_stale=bool(reasons))
    if settings.as_json:
        _print_table(checked, groups, fault)
        return
    console.echo(explain(groups))
    if fault is not None:
        raise fault


def _print_table(graph: Graph, groups: Sequence[PlanGroup], fault: RunError | None) -> None:
    """Print the object of --json, which holds the error as well, and exit with 2 if there is one."""
    from runner.inspect.plan_table import make_table

    message = None if fault is None else spell_options(str(fault))
    status = {"status": "ok"} if message is None else {"status": "error", "error": message}
    console.echo(json.dumps({"format": 1, **status, "graph": str(graph.path), **make_table(groups)}))
    if message is not None:
        click.echo(message, err=True)
        click.get_current_context().exit(2)


def _find_absence(
    pipeline: Pipeline, runner: BaseRowRunner[Any], groups: Sequence[PlanGroup], *, is_stale: bool
) -> RunError | None:
    """Find a device that a run would need and this machine lacks, as the error that says so; None if it has all."""
    try:
        if is_stale:
            runner.check_devices()
        for group in groups:
            pipeline.check_devices_of(group.run)
    except RunError as error:
        return error
    return None
