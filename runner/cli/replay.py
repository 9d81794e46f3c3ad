"""`kokoro-run replay` and `kokoro-run runs`: what earlier runs did, and one of them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cache.cache import Cache, default_root
from runner.cli import options as cli_options
from runner.cli.command import Verb
from runner.engine import record


@click.command(cls=Verb)
@click.argument("name", required=False, metavar="[RUN]")
@cli_options.overlay_options
@click.option("--voice", metavar="VOICE", help="Another voice than then.")
@click.option("-o", "--output", metavar="PATH", help="Audio file or folder.  [default: as then, NAME.replay.EXT]")
@click.option("--explain", is_flag=True, help="Say first what will be done, and why.")
@click.option("--cache-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the cache.")
@cli_options.quiet
def replay(name: str | None, overlays: tuple[str, ...], sets: tuple[str, ...], **options: Any) -> None:
    """Do RUN again, or the last one: its lines, its graph and parameters as they were, under -c and --set.

    RUN is an id that `kokoro-run runs` lists, or either end of one. Only what depends on a change runs. A voice or
    another input that has changed since, or is gone, is refused.
    """
    from runner.batch.rows import Row
    from runner.cli.run import execute
    from runner.engine.replay import check_inputs, graph_of

    cache = Cache(options["cache_dir"] or default_root())
    found = record.find(cache.root / "runs", name)
    graph = graph_of(found, overlays, sets)
    then = _as_then(found.options)
    if options["voice"] is None:
        check_inputs(found, graph)
        options["voice"] = then["voice"]
    else:
        check_inputs(found, graph, ("vocab", "load"))
    lines = [Row(text.encode("utf-8", "surrogateescape"), origin) for origin, text in found.lines]
    execute(graph, {**then, **options, **_output(found, options)}, lines, cache, found)


def _as_then(asked: dict[str, Any]) -> dict[str, Any]:
    """The options of a run, but for those whose effect is in the record already, or was to force a stage to run."""
    paths = {name: asked[name] and Path(asked[name]) for name in ("build_dir", "vocab")}
    neutral = {"speed": None, "seed": None, "skip_unknown": False, "start": None, "only": None, "refresh": ()}
    until = asked["until"] or asked["only"]
    unwritten = {"save_tensors": None, "report": None, "trace": None, "as_json": False, "stream": False}
    return {**asked, **paths, **neutral, **unwritten, "until": until}


def _output(found: record.RunRecord, options: dict[str, Any]) -> dict[str, Any]:
    """Where the audio and its times go: never over those of the run, so that both can be heard."""
    times = found.asked["timestamps"]
    beside = {"timestamps": times and (Path(times).suffix or times)}
    written = found.end and found.end.get("output")
    if options["output"] is not None or not written:
        return {"output": options["output"], **beside}
    path = Path(written)
    return {"output": f"{path.stem}.replay{path.suffix}" if path.suffix else f"{path.name}.replay/", **beside}


@click.command(cls=Verb)
@click.option("-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many to list.")
@click.option("--cache-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the cache.")
def runs(count: int, cache_dir: Path | None) -> None:
    """List the last runs: when, what, how long, which stages ran."""
    folder = Cache(cache_dir or default_root()).root / "runs"
    names = record.runs(folder)
    for name in names[:count]:
        click.echo(record.summary(folder, name))
    if not names:
        click.echo(f"{folder}: no run has left a record there")
