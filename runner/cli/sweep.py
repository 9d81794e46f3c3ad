"""`run --sweep`: runs a graph for each of several values, and computes what they share once, by the cache.

--sweep params.speed=0.8,1,1.2 -o out/    out/speed=0.8.wav, out/speed=1.wav, out/speed=1.2.wav
--sweep ... --sweep ...                   every combination
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.outputs import find_suffix
from runner.cli.run import execute
from runner.engine.observers import Observer
from runner.engine.run_state import Status
from runner.files.errors import writing
from runner.files.locate import find_file, is_folder, is_pipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.batch.rows import Row
    from runner.cache.cache import Cache
    from runner.cli.run import Report
    from runner.cli.settings import Settings
    from runner.engine.pipeline import Result
    from runner.engine.run_state import RunState
    from runner.graph.types import Graph

_EXCLUDED = ("stream", "report", "trace", "save_tensors", "explain", "timestamps", "timings")


@dataclass
class _Counts(Observer):
    """Counts the stages that ran, and those whose results were in the cache."""

    statuses: Counter[Status] = field(default_factory=Counter)

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:  # noqa: ARG002
        self.statuses.update(stage.status for stage in run.stages.values())


@dataclass(frozen=True)
class _Point:
    """One combination of values: its name, as in `speed=0.8`, and the options that set them."""

    name: str
    sets: tuple[str, ...]


def sweep(
    graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], settings: Settings, cache: Cache | None
) -> None:
    """Run the graph for every combination of the values of --sweep, and print a table at the end.

    Raises:
        UsageError: an option has no meaning for a sweep, or a value of --sweep is misspelled.
        SpecError, GraphError: a value is not one that the graph takes; nothing has been run.
    """
    for option in settings.list_given(_EXCLUDED):
        raise click.UsageError(f"--sweep runs the graph many times: leave {option} out")
    if cache is None:
        raise click.UsageError("--sweep computes what is shared once, by the cache: leave --no-cache out")
    points = list(_list_points(settings))
    for pipe in filter(is_pipe, [find_file(graph, "graphs"), *(find_file(name, "configs") for name in overlays)]):
        raise click.UsageError(f"--sweep reads the graph for each value, and {pipe} can be read once; give a file")
    graphs = [options.load(graph, overlays, (*sets, *point.sets), cache) for point in points]  # before the first runs
    outputs = [_place_outputs(point, checked, settings) for point, checked in zip(points, graphs, strict=True)]
    reports: list[tuple[_Point, Report, _Counts, float]] = []
    try:
        with settings.open_rows(graphs[0]) as rows:
            for point, checked, places in zip(points, graphs, outputs, strict=True):
                if not settings.quiet:
                    click.echo(f"{point.name}:", err=True)
                one = dataclasses.replace(settings, outputs=places, sweep=())
                reports.append((point, *_run(checked, one, rows, cache)))
    finally:  # of the points that are done, if another one fails
        if reports and not settings.as_json:
            _print_table(reports)
    if settings.as_json:
        told = [{"sweep": point.name, **report.table} for point, report, _, _ in reports]
        console.echo(json.dumps({"format": 1, "points": told}))
    if any(report.failed for _, report, _, _ in reports):
        click.get_current_context().exit(1)


def _run(graph: Graph, settings: Settings, rows: Iterable[Row] | None, cache: Cache) -> tuple[Report, _Counts, float]:
    counts, start = _Counts(), time.perf_counter()
    report = execute(graph, settings, rows, cache, observers=[counts])
    return report, counts, time.perf_counter() - start


def _place_outputs(point: _Point, graph: Graph, settings: Settings) -> tuple[str, ...]:
    """Name the output of a point: a file for one row and one output, else a folder.

    Raises:
        UsageError: the output is not one folder.
    """
    if not settings.outputs and not graph.audio:
        return ()
    if len(settings.outputs) != 1:
        raise click.UsageError("--sweep writes into a folder: give one, as in -o out/ or -o NAME=out/")
    name, equals, place = settings.outputs[0].partition("=")
    prefix, place = (f"{name}=", place) if equals and name in graph.outputs else ("", settings.outputs[0])
    if Path(place).suffix and not place.endswith("/") and not is_folder(place):
        raise click.UsageError(f"--sweep writes into a folder, and {place} is the name of a file; give {place}/")
    folder = place.rstrip("/") or "/"
    with writing(folder):
        Path(folder).mkdir(exist_ok=True)
    only = name if prefix else next(iter(graph.outputs))
    is_one = settings.source is None and (prefix != "" or len(graph.outputs) == 1)
    return (f"{prefix}{folder}/{point.name}{find_suffix(graph, only) if is_one else '/'}",)


def _list_points(settings: Settings) -> Iterator[_Point]:
    """List the combinations of the values.

    Raises:
        UsageError: a value of --sweep is misspelled, or something else gives the same value.
    """
    axes = [_read_axis(text) for text in settings.sweep]
    keys = Counter(text.partition("=")[0].strip() for text in settings.sweep)
    for key, count in keys.items():
        if count > 1:
            raise click.UsageError(f"--sweep {key} is given {count} times; give all its values in one")
        name = key.removeprefix("params.")
        if name != key and name in settings.params:
            raise click.UsageError(f"--sweep {key} and --{name.replace('_', '-')} give the same value; leave one out")
    for values in itertools.product(*axes):
        yield _Point(",".join(name for name, _ in values), tuple(text for _, text in values))


def _read_axis(text: str) -> list[tuple[str, str]]:
    """Read one --sweep: for each value its name, as in `speed=0.8`, and the option, `params.speed=0.8`."""
    key, equals, values = text.partition("=")
    parts = [value.strip() for value in values.split(",")]
    if not equals or not key.strip() or not all(parts):
        raise click.BadParameter(f"'{text}' is not A.B=VALUE,VALUE, as in params.speed=0.8,1,1.2", param_hint="--sweep")
    if len(set(parts)) < len(parts):
        raise click.BadParameter(f"'{text}' has a value twice", param_hint="--sweep")
    last = key.strip().rpartition(".")[2]
    points = [(f"{last}={value.replace('/', '_')}", f"{key.strip()}={value}") for value in parts]
    if len(dict(points)) < len(points):
        fault = f"'{text}' has two values whose outputs would have one name: a / becomes a _"
        raise click.BadParameter(fault, param_hint="--sweep")
    return points


def _print_table(reports: list[tuple[_Point, Report, _Counts, float]]) -> None:
    """Print what each point took, on standard output."""
    rows: list[tuple[Any, ...]] = [("sweep", "rows", "stages run", "from the cache", "audio [s]", "time [s]")]
    for point, report, counts, seconds in reports:
        done = report.table["utterances"]["spoken"] + report.table["utterances"]["resumed"]
        ran, hit = counts.statuses[Status.RUN], counts.statuses[Status.HIT]
        rows.append((point.name, done, ran, hit, f"{report.table['audio_seconds']:.2f}", f"{seconds:.2f}"))
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        others = (f"{cell!s:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        console.echo("  ".join([f"{row[0]:<{widths[0]}}", *others]))
