"""`kokoro-run replay` and `kokoro-run runs`: runs a recorded run again, and lists recorded runs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from runner.cache.cache import Cache, default_root
from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.completers import complete_run
from runner.cli.settings import Settings
from runner.engine import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.graph.types import Graph

_ROWS = {"source", "phonemes", "text"}  # settings that give rows
_LEFT_OUT = (  # options of a run that a replay does not take over
    *("speed", "seed", "alphabet", "skip_unknown", "lexicon"),  # the recorded graph holds their values
    *("start", "only", "refresh", "no_resume"),  # they force stages to run
    *("outputs", "timestamps", "save_tensors", "report", "trace", "stream"),  # files, which a replay does not replace
    *("as_json", "explain", "timings", "quiet", "cache_dir", "no_cache"),  # of the command itself
)


@click.command(cls=Command)
@click.argument("name", required=False, metavar="[RUN]", shell_complete=complete_run)
@options.overlay_options
@options.output_option("that of the run, as NAME.replay.EXT")
@options.run_options
def replay(name: str | None, overlays: tuple[str, ...], sets: tuple[str, ...], **values: Any) -> None:
    """Run RUN again, or the last run: with its lines, graph and options, and with -c and --set laid over the graph.

    RUN is an id that `kokoro-run runs` lists, the start or the end of one, or `last`. The options are those of `run`,
    and each that is given replaces that of the run. Only stages that depend on a change run. The command is refused if
    a voice or another input file is missing or has changed since, unless an option replaces it.
    """
    from runner.cli.replay_inputs import check_inputs, gives_lines, leave_out, take_rows
    from runner.cli.run import execute, execute_stream
    from runner.engine.replay import graph_of

    source = click.get_current_context().get_parameter_source
    given = {option: value for option, value in values.items() if source(option) is not ParameterSource.DEFAULT}
    cache = Cache(given.get("cache_dir") or default_root())
    found = record.find(cache.root / "runs", name)
    graph = graph_of(found, overlays, sets)
    then, rows = take_rows(found)
    inputs, load = (leave_out(getattr(then, name), given.get(name, ())) for name in ("inputs", "load"))
    given |= {name: (*kept, *given[name]) for name, kept in (("inputs", inputs), ("load", load)) if name in given}
    has_lines = bool(_ROWS & given.keys())
    if has_lines:
        load = ()  # its arrays are of the lines of the run
        given = {**dict.fromkeys(_ROWS), "load": load, **given}
    elif gives_lines(graph, given.get("inputs", ())):
        rows, given = None, {**dict.fromkeys(_ROWS), **given}
    options = ["load", "inputs", *(name for name in ("vocab", "voice") if name not in given)]
    check_inputs(found, graph, options, dataclasses.replace(then, inputs=inputs, load=load))
    settings = _make_settings(found, then, graph, {**given, "overlays": overlays})
    settings.check_source()
    with settings.open_rows(graph, once=settings.stream) if has_lines else contextlib.nullcontext(rows) as lines:
        if settings.stream:
            execute_stream(graph, settings, lines, None if settings.no_cache else cache)
        else:
            execute(graph, settings, lines, None if settings.no_cache else cache, found).finish(settings)


def _make_settings(found: record.RunRecord, then: Settings, graph: Graph, given: Mapping[str, Any]) -> Settings:
    """Make the settings of a replay: those of the run, with those that are given in their place.

    Outputs and timestamps are put beside those of the run.

    Raises:
        UsageError: options exclude each other.
    """
    until = None if {"until", "only"} & given.keys() else then.until or then.only
    plain = {name: getattr(Settings(), name) for name in _LEFT_OUT}
    settings = dataclasses.replace(then, **{**plain, "until": until, **given})
    settings.scope.check(graph)
    if settings.stream:
        from runner.cli.stream import check_settings

        check_settings(settings)
        return settings
    from runner.cli.outputs import choose_targets

    times = then.timestamps and (Path(then.timestamps).suffix or then.timestamps)
    beside: dict[str, Any] = {"outputs": _find_outputs(found, then, graph), "timestamps": times}
    whole = dataclasses.replace(settings, **{name: beside[name] for name in beside if name not in given})
    names = {target.name for target in choose_targets(graph, whole)}
    is_part = settings.until is not None or settings.only is not None
    return settings if is_part and not names <= settings.scope.outputs(graph).keys() else whole


def _find_outputs(found: record.RunRecord, then: Settings, graph: Graph) -> tuple[str, ...]:
    """Find the outputs of a replay, which never replace those of the run."""
    from runner.batch.rows import STDIN

    if then.outputs:
        return tuple(_rename(text, graph) for text in then.outputs)
    if found.end is not None and not found.end.get("output"):
        return ()  # the values were printed
    stem = Path(then.source).stem if then.source not in (None, STDIN) else "speech"
    if len(graph.audio) == 1:
        return (f"{stem}.replay.wav",)
    return tuple(f"{name}={stem}.{name}.replay.wav" for name in graph.audio)


def _rename(text: str, graph: Graph) -> str:
    """Rename the path of `[NAME=]PATH`, a file or a folder, to one in the working folder; a stream stays."""
    from runner.cli.sample_streams import is_stream

    name, equals, rest = text.partition("=")
    prefix, path = (f"{name}=", Path(rest)) if equals and name in graph.outputs else ("", Path(text))
    if is_stream(rest if prefix else text):
        return text
    is_file = path.suffix and not text.endswith("/")
    name = f"{path.stem}.replay{path.suffix}" if is_file else f"{path.name}.replay/"
    return prefix + (f"./{name}" if "=" in name else name)  # a name with '=' is not that of an output


@click.command(cls=Command)
@click.option("-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many to list.")
@click.option("--cache-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the cache.")
@options.as_json
def runs(count: int, cache_dir: Path | None, *, as_json: bool) -> None:
    """List the last runs: time, graph, duration, stages that ran."""
    from runner.inspect import runs_text

    folder = Cache(cache_dir or default_root()).root / "runs"
    names = record.runs(folder)
    if as_json:
        rows = [runs_text.make_table(folder, name) for name in names[:count]]
        head = {"format": 1, "status": "ok", "folder": str(folder), "total": len(names)}
        console.echo(json.dumps({**head, "runs": rows}))
        return
    for name in names[:count]:
        console.echo(runs_text.summary(folder, name))
    if not names:
        console.echo(f"{folder}: no run has left a record there")
