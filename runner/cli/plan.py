"""`kokoro-run plan`: prints what a run would do."""

from __future__ import annotations

from typing import Any

import click

from runner.cli import options
from runner.cli.command import Command
from runner.cli.settings import Settings


@click.command(cls=Command)
@options.graph_options
@options.input_options
@options.scope_options
@options.cache_options
@options.build_dir
def plan(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], **given: Any) -> None:
    """Print the plan of a run: the stages that would run, and the reasons. Nothing is run, built or loaded."""
    from runner.batch import rows
    from runner.build.staleness import check_checkpoint_path, stale
    from runner.cli.building import make_pipeline
    from runner.inspect.plan_text import explain
    from runner.speech.speaker import Speaker

    settings = Settings(**given, overlays=overlays)
    settings.check_source()
    cache = settings.open_cache()
    checked = options.load(graph, overlays, sets, cache)
    check_checkpoint_path(checked, settings.build_dir)
    with rows.open_rows(settings.source, settings.phonemes, "--phonemes") as lines:
        pipeline = make_pipeline(checked, settings, cache)
        speaker = Speaker(pipeline, settings.voice, settings.make_run_options())
        click.echo(explain(pipeline, speaker.runs(lines), dict(stale(checked, settings.build_dir))))
