"""Executes `run` and `replay`, once the graph and the rows are known.

rows --> check all --> build what is stale --> load --> run each row --> output, record, trace, report
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from runner.batch import bulk
from runner.build.staleness import check_checkpoint_path, stale
from runner.cli import console, options, progress
from runner.cli.building import build_for, build_stale, find_covered, make_pipeline
from runner.cli.files import check_files
from runner.cli.inputs import GivenInputs
from runner.cli.outputs import OutputPlaces, Target, choose_targets, removing_empty_folders, select_outputs
from runner.cli.recording import observe, start_trace, write_trace
from runner.cli.run_folders import RunFolders
from runner.cli.runners import has_tokenizer, make_runner
from runner.cli.spelling import spell_options
from runner.errors import RunError, line_label
from runner.runtime import process

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from runner.batch.row_runner import BaseRowRunner, OutputPart
    from runner.batch.rows import Row
    from runner.batch.summary import Summary
    from runner.cache.cache import Cache
    from runner.cli.settings import Settings
    from runner.engine.observers import Observer
    from runner.engine.pipeline import Pipeline
    from runner.engine.record import RunRecord
    from runner.engine.trace import Trace
    from runner.graph.types import Graph

_FRESH = ("no_resume", "save_tensors", "report", "trace")  # with these, an earlier run is not resumed


@dataclass(frozen=True)
class Report:
    """What a run has done.

    Attributes:
        table: what --json prints.
        failed: whether rows have failed.
    """

    table: dict[str, Any]
    failed: bool

    def finish(self, settings: Settings) -> None:
        """Print the table if the settings ask for it, and exit with 1 if rows have failed."""
        if settings.as_json:
            console.echo(json.dumps(self.table))
        if self.failed:
            click.get_current_context().exit(1)


def execute(
    graph: Graph,
    settings: Settings,
    rows: Iterable[Row] | None,
    cache: Cache | None,
    replayed: RunRecord | None = None,
    observers: Sequence[Observer] = (),
) -> Report:
    """Run the graph, or the part of it that the settings name, on every row.

    Args:
        rows: None for the one row of inputs that the settings give.
        cache: the cache; None keeps no results and writes no record.
        replayed: the recorded run that this one replays.
        observers: of the pipeline.
    """
    check_checkpoint_path(graph, settings.build_dir)
    scope = settings.scope
    scope.check(graph)
    given = GivenInputs(graph, settings)
    rows = [given.make_row()] if rows is None else rows
    targets = choose_targets(graph, settings)
    is_part = scope.until is not None or scope.only is not None
    if is_part and not {target.name for target in targets} <= scope.outputs(graph).keys():
        for option in settings.list_given(("outputs", "timestamps")):
            raise click.UsageError(f"{option}: this part of the graph does not give that output; use --save-tensors")
        targets = []
    graph = graph if is_part else select_outputs(graph, targets)
    if settings.timestamps is not None:
        graph = with_durations(graph, settings)
    pipeline = make_pipeline(graph, settings, cache)
    pipeline.observers.extend(observers)
    trace = start_trace(pipeline, settings)
    if not targets:
        return _show(pipeline, settings, given, rows, trace, replayed)
    with removing_empty_folders(targets):
        return _write(pipeline, settings, given, rows, targets, trace, replayed)


def execute_stream(graph: Graph, settings: Settings, rows: Iterable[Row] | None, cache: Cache | None) -> None:
    """Run the graph on every row as it comes, and write the audio to standard output."""
    check_checkpoint_path(graph, settings.build_dir)
    settings.scope.check(graph)
    given = GivenInputs(graph, settings)
    rows = [given.make_row()] if rows is None else rows
    _stream(make_pipeline(graph, settings, cache), settings, given, rows)


def with_durations(graph: Graph, settings: Settings) -> Graph:
    """Add the output that timestamps are made of.

    Raises:
        RunError: the graph has no tokens to tell the times of.
    """
    if not has_tokenizer(graph):
        raise RunError(f"--timestamps {settings.timestamps}: {graph.path} has no tokens whose times could be told")
    from runner.speech.speaker import with_durations as add

    return add(graph)


def _stream(pipeline: Pipeline, settings: Settings, given: GivenInputs, rows: Iterable[Row]) -> None:
    from runner.cli.stream import stream

    check_files(pipeline.graph, settings)
    build_for(pipeline, settings)
    process.use_heap()
    stream(pipeline, settings, given, rows)


def _write(
    pipeline: Pipeline,
    settings: Settings,
    given: GivenInputs,
    rows: Iterable[Row],
    targets: list[Target],
    trace: Trace | None,
    replayed: RunRecord | None,
) -> Report:
    """Run rows, and write their outputs."""
    place = OutputPlaces(pipeline.graph, targets, settings)
    runner = make_runner(
        pipeline, given, settings.make_run_options(), how=settings.delivery, main=place.main_name, timed=place.timed
    )
    checked, folders = _check(pipeline, settings, runner, rows, place)
    recorder = observe(pipeline, settings, rows, folders, replayed)
    identity = runner.identity(settings.build_dir) if checked.total > 1 else ""  # 50 ms that one row does not need
    fresh = settings.list_given(_FRESH)
    running = progress.StageObserver()
    pipeline.observers.append(running)
    with recorder or contextlib.nullcontext():
        with (
            progress.run_display(checked.total, lambda: running.stage, quiet=settings.quiet) as display,
            place.open(checked, identity, resume=not fresh) as output,
        ):
            summary = bulk.run(
                *(runner, rows, checked, output, display),
                rate_hz=place.rate_hz,
                keep_going=settings.keep_going,
                against=fresh,
            )
        pipeline.evict()
        write_trace(pipeline, trace, settings)
        if recorder is not None:
            main = next(iter(place.paths.values()))
            recorder.close(output=str(main.absolute()), failed=len(summary.failed))
    return _report(pipeline.graph, place, summary, settings)


def _show(
    pipeline: Pipeline,
    settings: Settings,
    given: GivenInputs,
    rows: Iterable[Row],
    trace: Trace | None,
    replayed: RunRecord | None,
) -> Report:
    """Run rows, and print the outputs of the graph, or of a part of it."""
    from runner.batch.listing import Listing
    from runner.cli.values import spell_value, to_json

    runner = make_runner(pipeline, given, settings.make_run_options(), how=settings.delivery)
    checked, folders = _check(pipeline, settings, runner, rows)
    recorder = observe(pipeline, settings, rows, folders, replayed)
    listed: list[dict[str, Any]] = []

    def show(part: OutputPart) -> None:
        if settings.as_json:
            row = {"line": part.origin, **({} if part.id is None else {"id": part.id})}
            listed.append({**row, "outputs": {n: to_json(v) for n, v in part.outputs.items()}})
        elif not settings.quiet:
            values = (f"  {name}: {spell_value(value)}" for name, value in part.outputs.items())
            console.echo("\n".join([f"{line_label(part.origin, part.id)}:", *values]))

    with recorder or contextlib.nullcontext():
        summary = bulk.run(
            *(runner, rows, checked, Listing(show), progress.ProgressDisplay()),
            rate_hz=None,
            keep_going=settings.keep_going,
        )
        pipeline.evict()
        write_trace(pipeline, trace, settings)
        if recorder is not None:
            recorder.close(output=None, failed=len(summary.failed))
    return _report(pipeline.graph, None, summary, settings, listed)


def _check(
    pipeline: Pipeline,
    settings: Settings,
    runner: BaseRowRunner[Any],
    rows: Iterable[Row],
    place: OutputPlaces | None = None,
) -> tuple[bulk.CheckResult, RunFolders | None]:
    """Check rows and files, and prepare the pipeline; gives the result of the check, and the folders of ports."""
    with progress.count_display("checked", quiet=settings.quiet) as show:
        checked = bulk.check(runner, rows, keep_going=settings.keep_going, show=show)
    _refuse_many(settings, checked.total)
    passed = checked.passed(rows)
    folders = None if settings.save_tensors is None else RunFolders(settings.save_tensors, passed, checked)
    runs = () if folders is None else folders.runs(runner)
    check_files(pipeline.graph, settings, place, checked, passed, runs)
    if len(checked.failed) < checked.total:
        _prepare(pipeline, settings, runner, passed)
    return checked, folders


def _refuse_many(settings: Settings, total: int) -> None:
    if settings.load and total > 1:
        raise RunError(f"--load: an array is of one utterance, and there are {total}")
    if settings.report is not None:
        from runner.inspect.report import check_count

        check_count(total)


def _prepare(pipeline: Pipeline, settings: Settings, runner: BaseRowRunner[Any], rows: Iterable[Row]) -> None:
    """Print the plan if asked, build stale libraries, and load those that the first row needs."""
    reasons = stale(pipeline.graph, settings.build_dir, find_covered(pipeline.graph, settings))
    if settings.explain:
        from runner.inspect.plan_text import explain, group_plans

        with progress.count_display("planned", quiet=settings.quiet) as show:
            groups = group_plans(pipeline, runner.runs(rows), dict(reasons), show)
        click.echo(explain(groups), err=True)
    if reasons:
        runner.check_devices()  # before compiling, which takes minutes, for a missing device
    build_stale(pipeline.graph, settings.build_dir, reasons, quiet=settings.quiet)
    process.use_heap()  # after the build, whose freed memory the heap would keep
    first = next(iter(rows), None)
    if first is not None:
        runner.load(first)


def _report(
    graph: Graph,
    place: OutputPlaces | None,
    summary: Summary,
    settings: Settings,
    listed: list[dict[str, Any]] | None = None,
) -> Report:
    """Print the summary on standard error."""
    total = time.perf_counter() - options.STARTED
    if settings.timings:
        other = max(0.0, total - sum(summary.timings.values()))  # stages may have run concurrently
        for name, spent in [*summary.timings.items(), ("all else", other)]:
            click.echo(f"{name:>12} {spent:8.3f} s", err=True)
    paths = {} if place is None or not summary.done else place.paths
    if not settings.quiet and summary.resumed:
        click.echo(f"{summary.resumed} of {summary.total} lines were finished by an earlier run", err=True)
    if not settings.quiet:
        _print_paths(paths, place, summary, total)
    if summary.failed:
        click.echo(f"{len(summary.failed)} of {summary.total} lines failed:", err=True)
        for error in summary.failed:
            click.echo(spell_options(str(error)), err=True)
    main = None if place is None else place.main
    written = main is not None and summary.samples
    table = summary.table()
    table |= {
        "failed": [{**entry, "error": spell_options(entry["error"])} for entry in table["failed"]],
        "graph": str(graph.path),
        "output": str(main.path) if main is not None and written else None,
        "outputs": {name: str(path) for name, path in paths.items()},
        "timestamps": main.side_pattern if main is not None and written else None,
        "wall_seconds": round(total, 6),
    }
    return Report(table if listed is None else {**table, "rows": listed}, failed=bool(summary.failed))


def _print_paths(paths: Mapping[str, Path], place: OutputPlaces | None, summary: Summary, total: float) -> None:
    """Print where the outputs are, each path once."""
    main = None if place is None else place.main
    if main is not None and summary.samples:
        seconds = summary.table()["audio_seconds"]
        click.echo(f"{main.path}: {seconds:.2f} s of audio in {total:.2f} s", err=True)
    for path in dict.fromkeys(paths.values()):
        if main is None or path != main.path:
            click.echo(f"{path}: {', '.join(name for name, other in paths.items() if other == path)}", err=True)
