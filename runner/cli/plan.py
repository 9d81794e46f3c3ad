"""`kokoro-run plan`."""

from __future__ import annotations

from typing import Any

import click

from runner.cli import options as cli_options
from runner.cli.command import Verb


@click.command(cls=Verb)
@cli_options.graph_options
@cli_options.input_options
@cli_options.scope_options
@cli_options.cache_options
@cli_options.build_dir
def plan(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], **options: Any) -> None:
    """Say what a run would do: which stages run, and why; nothing is run, built or loaded."""
    from runner.batch import rows
    from runner.build.staleness import check_checkpoint_path, stale
    from runner.engine.pipeline import Pipeline
    from runner.inspect.plan_text import explain
    from runner.speech.speaker import Speaker

    if (options["source"] is None) == (options["phonemes"] is None):
        raise click.UsageError("give one of --input FILE and --phonemes TEXT")
    cache = cli_options.cache_of(options)
    checked = cli_options.load(graph, overlays, sets, cache)
    check_checkpoint_path(checked, options["build_dir"])
    with rows.open_rows(options["source"], options["phonemes"], "--phonemes") as lines:
        vocab = cli_options.vocabulary(options["vocab"])
        pipeline = Pipeline(checked, options["build_dir"], config=vocab, cache=cache)
        speaker = Speaker(
            *(pipeline, options["voice"], cli_options.parameters(options)),
            scope=cli_options.scope(options),
            override=cli_options.arrays(options),
        )
        click.echo(explain(pipeline, speaker.requests(lines), dict(stale(checked, options["build_dir"]))))
