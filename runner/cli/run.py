"""Executes `run` and `replay`, once the graph and the rows are known.

rows --> check all --> build what is stale --> load --> run each row --> output, record, trace, report
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from runner.batch import bulk
from runner.build.staleness import check_checkpoint_path, stale
from runner.cli import options, progress
from runner.cli.building import build_for, build_stale, make_pipeline
from runner.cli.files import check_files
from runner.cli.recording import observe, start_trace, write_trace
from runner.cli.spelling import spell_options
from runner.errors import RunError
from runner.runtime import process
from runner.speech.speaker import AUDIO, Speaker, with_durations
from stages.dims import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.batch.output import Destination
    from runner.batch.rows import Row
    from runner.batch.summary import Summary
    from runner.cache.cache import Cache
    from runner.cli.settings import Settings
    from runner.engine.pipeline import Pipeline
    from runner.engine.record import RunRecord
    from runner.engine.trace import Trace
    from runner.graph.types import Graph
    from runner.speech.line_runner import LineRunner, OutputPart

_FRESH = ("no_resume", "save_tensors", "report", "trace")  # with these, an earlier run is not resumed


def execute(
    graph: Graph, settings: Settings, rows: Iterable[Row], cache: Cache | None, replayed: RunRecord | None = None
) -> None:
    """Run the graph, or the part of it that the settings name, on every row.

    Args:
        cache: the cache; None keeps no results and writes no record.
        replayed: the recorded run that this one replays.
    """
    check_checkpoint_path(graph, settings.build_dir)
    if settings.timestamps is not None:
        graph = with_durations(graph)
    pipeline = make_pipeline(graph, settings, cache)
    trace = start_trace(pipeline, settings)
    scope = settings.scope
    scope.check(graph)
    if settings.stream:
        _stream(pipeline, settings, rows)
    elif (scope.until is not None or scope.only is not None) and AUDIO not in scope.outputs(graph):
        _compute(pipeline, settings, rows, trace, replayed)
    else:
        _speak(pipeline, settings, rows, trace, replayed)


def _stream(pipeline: Pipeline, settings: Settings, rows: Iterable[Row]) -> None:
    from runner.cli.stream import stream

    check_files(pipeline.graph, settings)
    build_for(pipeline, settings)
    process.use_heap()
    stream(pipeline, settings, rows)


def _speak(
    pipeline: Pipeline, settings: Settings, rows: Iterable[Row], trace: Trace | None, replayed: RunRecord | None
) -> None:
    """Run rows to audio, in one file or a folder."""
    from runner.batch.output import Destination
    from runner.speech.audio_output import AudioWriter

    writer = AudioWriter(settings.subtype, settings.pause)
    place = Destination(settings.output, settings.source, writer, settings.timestamps)
    speaker = Speaker(pipeline, settings.voice, settings.make_run_options(), timed=place.side is not None)
    checked, runs = _check(pipeline, settings, speaker, rows, place)
    recorder = observe(pipeline, settings, rows, runs, replayed)
    identity = (
        speaker.identity(settings.build_dir) if checked.total > 1 else ""
    )  # 50 ms that a single row does not need
    fresh = settings.list_given(_FRESH)
    running = progress.StageObserver()
    pipeline.observers.append(running)
    with (
        progress.run_display(checked.total, lambda: running.stage, quiet=settings.quiet) as display,
        place.open(checked.total, identity, resume=not fresh) as output,
    ):
        summary = bulk.run(
            *(speaker, rows, checked, output, display),
            rate_hz=SAMPLE_RATE_HZ,
            keep_going=settings.keep_going,
            against=fresh,
        )
    pipeline.evict()
    write_trace(pipeline, trace, settings)
    if recorder is not None:
        recorder.close(output=str(place.path.absolute()), failed=len(summary.failed))
    _report(pipeline.graph, place, summary, settings)


def _compute(
    pipeline: Pipeline, settings: Settings, rows: Iterable[Row], trace: Trace | None, replayed: RunRecord | None
) -> None:
    """Run a part of the graph that gives no audio, and list its outputs."""
    for option in settings.list_given(("output", "timestamps")):
        raise click.UsageError(f"{option}: this part of the graph gives no audio; use --save-tensors")
    from runner.batch.listing import Listing
    from runner.speech.line_runner import OutputRunner

    runner = OutputRunner(pipeline, settings.voice, settings.make_run_options())
    checked, runs = _check(pipeline, settings, runner, rows)
    recorder = observe(pipeline, settings, rows, runs, replayed)
    summary = bulk.run(
        *(runner, rows, checked, Listing(partial(_list, settings)), progress.ProgressDisplay()),
        rate_hz=SAMPLE_RATE_HZ,
        keep_going=settings.keep_going,
    )
    pipeline.evict()
    write_trace(pipeline, trace, settings)
    if recorder is not None:
        recorder.close(output=None, failed=len(summary.failed))
    _report(pipeline.graph, None, summary, settings)


def _check(
    pipeline: Pipeline,
    settings: Settings,
    runner: LineRunner[Any],
    rows: Iterable[Row],
    place: Destination[Any] | None = None,
) -> tuple[bulk.CheckResult, int]:
    """Check rows and files, and prepare the pipeline; gives the result of the check and the number of runs."""
    checked = bulk.check(runner, rows, keep_going=settings.keep_going)
    _refuse_many(settings, checked.total)
    passed = checked.passed(rows)
    # The number of runs is only needed for names of files.
    runs = 1 if settings.save_tensors is None else sum(1 for _ in runner.runs(passed))
    check_files(pipeline.graph, settings, place, checked.total, runs)
    if len(checked.failed) < checked.total:
        _prepare(pipeline, settings, runner, passed)
    return checked, runs


def _list(settings: Settings, part: OutputPart) -> None:
    """Print the outputs of a part of the graph; on standard error if standard output is for --json."""
    if settings.quiet:
        return
    lines = [f"  {name}: {a.dtype.name}{list(a.shape)}" for name, a in part.outputs.items()]
    click.echo("\n".join([f"{part.origin}:", *lines]), err=settings.as_json)


def _refuse_many(settings: Settings, total: int) -> None:
    if settings.load and total > 1:
        raise RunError(f"--load: an array is of one utterance, and there are {total}")
    if settings.report is not None:
        from runner.inspect.report import check_count

        check_count(total)


def _prepare(pipeline: Pipeline, settings: Settings, runner: LineRunner[Any], rows: Iterable[Row]) -> None:
    """Print the plan if asked, build stale libraries, and load those that the first row needs."""
    reasons = stale(pipeline.graph, settings.build_dir)
    if settings.explain:
        from runner.inspect.plan_text import explain

        click.echo(explain(pipeline, runner.runs(rows), dict(reasons)), err=True)
    if reasons:
        runner.check_devices()  # before compiling, which takes minutes, for a missing device
    build_stale(pipeline.graph, settings.build_dir, reasons, quiet=settings.quiet)
    process.use_heap()  # after the build, whose freed memory the heap would keep
    first = next(iter(rows), None)
    if first is not None:
        runner.load(first)


def _report(graph: Graph, place: Destination[Any] | None, summary: Summary, settings: Settings) -> None:
    """Print the summary, and exit with 1 if rows have failed."""
    total = time.perf_counter() - options.STARTED
    if settings.timings:
        other = max(0.0, total - sum(summary.timings.values()))  # stages may have run concurrently
        for name, spent in [*summary.timings.items(), ("all else", other)]:
            click.echo(f"{name:>12} {spent:8.3f} s", err=True)
    seconds = summary.table()["audio_seconds"]
    if not settings.quiet and summary.resumed:
        click.echo(f"{summary.resumed} of {summary.total} lines were finished by an earlier run", err=True)
    if not settings.quiet and place is not None and summary.samples:
        click.echo(f"{place.path}: {seconds:.2f} s of audio in {total:.2f} s", err=True)
    if summary.failed:
        click.echo(f"{len(summary.failed)} of {summary.total} lines failed:", err=True)
        for error in summary.failed:
            click.echo(spell_options(str(error)), err=True)
    if settings.as_json:
        written = {"graph": str(graph.path), "output": None, "timestamps": None, "wall_seconds": round(total, 6)}
        if place is not None and summary.samples:
            written |= {"output": str(place.path), "timestamps": place.side_pattern}
        failed = [{"line": error.origin, "error": spell_options(error.fact)} for error in summary.failed]
        click.echo(json.dumps({**summary.table(), "failed": failed, **written}))
    if summary.failed:
        click.get_current_context().exit(1)
