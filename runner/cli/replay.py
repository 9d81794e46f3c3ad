"""`kokoro-run replay` and `kokoro-run runs`: runs a recorded run again, and lists recorded runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from runner.cache.cache import Cache, default_root
from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.settings import Settings
from runner.engine import record


@click.command(cls=Command)
@click.argument("name", required=False, metavar="[RUN]")
@options.overlay_options
@click.option("--voice", metavar="VOICE", help="Another voice than that of the run.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Audio file or folder.  [default: that of the run, as NAME.replay.EXT]",
)
@click.option("--explain", is_flag=True, help="Print the plan first.")
@click.option("--cache-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the cache.")
@options.quiet
def replay(name: str | None, overlays: tuple[str, ...], sets: tuple[str, ...], **given: Any) -> None:
    """Run RUN again, or the last run: with its lines, graph and parameters, and with -c and --set laid over the graph.

    RUN is an id that `kokoro-run runs` lists, or the start or the end of one. Only stages that depend on a change run.
    The command is refused if a voice or another input file is missing or has changed since.
    """
    from runner.batch.rows import Row
    from runner.cli.replay_inputs import check_inputs
    from runner.cli.run import execute
    from runner.engine.replay import graph_of

    cache = Cache(given["cache_dir"] or default_root())
    found = record.find(cache.root / "runs", name)
    graph = graph_of(found, overlays, sets)
    then = _make_settings(Settings.from_record(found))
    if given["voice"] is None:
        check_inputs(found, graph)
        given["voice"] = then.voice
    else:
        check_inputs(found, graph, ("vocab", "load"))
    lines = [Row(text.encode("utf-8", "surrogateescape"), origin) for origin, text in found.rows]
    written = _find_output(found)
    given |= {"outputs": given["outputs"] or (() if written is None else (written,)), "overlays": overlays}
    settings = dataclasses.replace(then, **given)
    execute(graph, settings, lines, cache, found).finish(settings)


def _make_settings(then: Settings) -> Settings:
    """Make the settings of a replay from those of the run.

    Options are left out if the recorded graph holds their values, or if they force a stage to run. Timestamps are
    written beside the new audio.
    """
    times = then.timestamps and (Path(then.timestamps).suffix or then.timestamps)
    return dataclasses.replace(
        *(then,),
        speed=None,
        seed=None,
        skip_unknown=False,
        start=None,
        only=None,
        refresh=(),
        save_tensors=None,
        report=None,
        trace=None,
        as_json=False,
        stream=False,
        until=then.until or then.only,
        timestamps=times,
    )


def _find_output(found: record.RunRecord) -> str | None:
    """Find the output of a replay, which never replaces that of the run."""
    written = found.end and found.end.get("output")
    if not written:
        return None
    path = Path(written)
    name = f"{path.stem}.replay{path.suffix}" if path.suffix else f"{path.name}.replay/"
    return f"./{name}"  # a name with '=' is not that of an output


@click.command(cls=Command)
@click.option("-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many to list.")
@click.option("--cache-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the cache.")
def runs(count: int, cache_dir: Path | None) -> None:
    """List the last runs: time, graph, duration, stages that ran."""
    from runner.inspect import runs_text

    folder = Cache(cache_dir or default_root()).root / "runs"
    names = record.runs(folder)
    for name in names[:count]:
        console.echo(runs_text.summary(folder, name))
    if not names:
        console.echo(f"{folder}: no run has left a record there")
