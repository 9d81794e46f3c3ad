"""`kokoro-run plan`."""

from __future__ import annotations

from typing import Any

import click

from runner import cli_options
from runner.verb import Verb


@click.command(cls=Verb)
@cli_options.graph_options
@cli_options.input_options
@cli_options.scope_options
@cli_options.cache_options
@cli_options.build_dir
def plan(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], **options: Any) -> None:
    """Say what a run would do: which stages run, and why; nothing is run, built or loaded."""
    from runner import lines
    from runner.engine import Pipeline
    from runner.freshness import check_checkpoint_path, stale
    from runner.plan_report import explain
    from runner.speak import Speaker

    if (options["source"] is None) == (options["phonemes"] is None):
        raise click.UsageError("give one of --input FILE and --phonemes TEXT")
    cache = cli_options.cache_of(options)
    checked = cli_options.load(graph, overlays, sets, cache)
    check_checkpoint_path(checked, options["build_dir"])
    with lines.utterances(options["source"], options["phonemes"]) as utterances:
        vocab = cli_options.vocabulary(options["vocab"])
        pipeline = Pipeline(checked, options["build_dir"], config=vocab, cache=cache)
        speaker = Speaker(
            *(pipeline, options["voice"], cli_options.parameters(options)),
            scope=cli_options.scope(options),
            override=cli_options.arrays(options),
        )
        click.echo(explain(pipeline, speaker, utterances, dict(stale(checked, options["build_dir"]))))
