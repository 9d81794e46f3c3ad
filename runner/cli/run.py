"""What `run` and `replay` do once they know the graph and the lines."""

from __future__ import annotations

import json
import platform
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.batch import bulk
from runner.build.staleness import check_checkpoint_path
from runner.cli import options as cli_options
from runner.cli import progress
from runner.cli.files import check_files, run_folder
from runner.engine.pipeline import Pipeline
from runner.errors import RunError
from runner.runtime import process, tvm_runtime
from runner.speech.speaker import AUDIO, with_durations
from stages.dims import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from runner.batch.output import Destination
    from runner.batch.rows import Row
    from runner.batch.summary import Summary
    from runner.cache.cache import Cache
    from runner.engine.pipeline import Result
    from runner.engine.record import Recorder, RunRecord
    from runner.engine.run_state import Request
    from runner.graph.types import Graph, StageSpec
    from runner.speech.line_runner import LineRunner, OutputPart


def execute(
    graph: Graph,
    options: Mapping[str, Any],
    rows: Iterable[Row],
    cache: Cache | None,
    replayed: RunRecord | None = None,
) -> None:
    """Run the graph, or the part of it that the options mean, on every utterance.

    Args:
        options: of the command `run`.
        cache: None keeps nothing and leaves no record.
        replayed: the run that this one repeats.
    """
    check_checkpoint_path(graph, options["build_dir"])
    if options["timestamps"] is not None:
        graph = with_durations(graph)
    vocab = cli_options.vocabulary(options["vocab"])
    pipeline = _pipeline_class(options)(graph, options["build_dir"], options["threads"], vocab, cache)
    scope = cli_options.scope(options)
    scope.check(graph)
    if options["stream"]:
        from runner.build.staleness import stale
        from runner.cli.stream import stream

        check_files(graph, options)
        reasons = stale(graph, options["build_dir"])
        if reasons:
            pipeline.check_devices(scope)
        build_stale(graph, options["build_dir"], reasons, quiet=options["quiet"])
        process.use_heap()
        stream(pipeline, options, rows)
        return
    is_part = scope.until is not None or scope.only is not None
    if is_part and AUDIO not in scope.outputs(graph):
        _compute(pipeline, options, rows, replayed)
    else:
        _speak(pipeline, options, rows, replayed)


_ANEW = ("no_resume", "save_tensors", "report", "trace")  # with these, every line is spoken anew


def _pipeline_class(options: Mapping[str, Any]) -> type[Pipeline]:
    """One that notes times, where these are to be written."""
    if options["report"] is not None:
        from runner.speech.sound_panel import check_drawing

        check_drawing()
    if options["report"] is None and options["trace"] is None:
        return Pipeline
    from runner.engine.trace import Traced

    return Traced


def _write_times(pipeline: Pipeline, options: Mapping[str, Any]) -> None:
    """The trace and the report, where they are wanted."""
    if options["trace"] is not None:
        from runner.engine.trace import Traced, write_trace

        assert isinstance(pipeline, Traced)
        write_trace(options["trace"], pipeline.events, f"kokoro-run {pipeline.graph.name}")
    if options["report"] is not None:
        from runner.engine.trace import Traced
        from runner.files.replace import replace_text
        from runner.inspect.report import kept_runs, page
        from runner.speech import sound_panel

        assert isinstance(pipeline, Traced)
        facts = sound_panel.facts(pipeline.graph, kept_runs(pipeline))
        wall_s = time.perf_counter() - cli_options.STARTED
        text = page(pipeline, wall_s, facts=facts, panels=partial(sound_panel.panels, pipeline))
        replace_text(options["report"], text)


def _speak(pipeline: Pipeline, options: Mapping[str, Any], rows: Iterable[Row], replayed: RunRecord | None) -> None:
    from runner.batch.output import Destination
    from runner.speech.audio_output import AudioWriter
    from runner.speech.speaker import Speaker

    build_dir, keep_going = options["build_dir"], options["keep_going"]
    writer = AudioWriter(options["subtype"], options["pause"])
    place = Destination(options["output"], options["source"], writer, options["timestamps"])
    parameters = cli_options.parameters(options)
    speaker = Speaker(pipeline, options["voice"], parameters, timed=place.side is not None, **_how(options))
    checked = bulk.check(speaker, rows, keep_going=keep_going)
    _refuse_many(options, checked.total)
    passed = checked.passed(rows)
    runs = _runs(speaker, options, passed)
    check_files(pipeline.graph, options, place, checked.total, runs)
    if len(checked.failed) < checked.total:
        _make_ready(pipeline, speaker, options, passed)
    recorder = _watch(pipeline, runs, options, rows, replayed)
    settings = speaker.identity(build_dir) if checked.total > 1 else ""  # of no use to a single line: 50 ms
    against = [f"--{name.replace('_', '-')}" for name in _ANEW if options[name]]
    with (
        progress.speaking(checked.total, lambda: speaker.stage, quiet=options["quiet"]) as shown,
        place.open(checked.total, settings, resume=not against) as output,
    ):
        summary = bulk.run(
            *(speaker, rows, checked, output, shown),
            rate_hz=SAMPLE_RATE_HZ,
            keep_going=keep_going,
            against=against,
        )
    pipeline.tidy()
    _write_times(pipeline, options)
    if recorder is not None:
        recorder.close(output=str(place.path.absolute()), failed=len(summary.failed))
    _report(pipeline.graph, place, summary, options)
    if summary.failed:
        click.get_current_context().exit(1)


def _compute(pipeline: Pipeline, options: Mapping[str, Any], rows: Iterable[Row], replayed: RunRecord | None) -> None:
    """Run a part of the graph that gives no audio, and list what it gives."""
    for name in ("output", "timestamps"):
        if options[name] is not None:
            raise click.UsageError(f"--{name}: this part of the graph gives no audio; use --save-tensors")
    from runner.batch.listing import Listing
    from runner.speech.line_runner import OutputRunner

    runner = OutputRunner(pipeline, options["voice"], cli_options.parameters(options), **_how(options))
    checked = bulk.check(runner, rows, keep_going=options["keep_going"])
    _refuse_many(options, checked.total)
    passed = checked.passed(rows)
    runs = _runs(runner, options, passed)
    check_files(pipeline.graph, options, runs=runs)
    if len(checked.failed) < checked.total:
        _make_ready(pipeline, runner, options, passed)
    recorder = _watch(pipeline, runs, options, rows, replayed)
    place, silent = Listing(partial(_list, options)), progress.Speaking()
    keep_going = options["keep_going"]
    summary = bulk.run(runner, rows, checked, place, silent, rate_hz=SAMPLE_RATE_HZ, keep_going=keep_going)
    pipeline.tidy()
    _write_times(pipeline, options)
    if recorder is not None:
        recorder.close(output=None, failed=len(summary.failed))
    _report(pipeline.graph, None, summary, options)
    if summary.failed:
        click.get_current_context().exit(1)


def _list(options: Mapping[str, Any], part: OutputPart) -> None:
    """Say what a part of the graph gave: on standard error, where --json has standard output for itself."""
    if options["quiet"]:
        return
    lines = [f"  {name}: {a.dtype.name}{list(a.shape)}" for name, a in part.outputs.items()]
    click.echo("\n".join([f"{part.origin}:", *lines]), err=options["as_json"])


def _how(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "scope": cli_options.scope(options),
        "override": cli_options.arrays(options),
        "keep": options["save_tensors"] is not None or options["report"] is not None,
    }


def _refuse_many(options: Mapping[str, Any], total: int) -> None:
    if options["load"] and total > 1:
        raise RunError(f"--load: an array is of one utterance, and there are {total}")
    if options["report"] is not None:
        from runner.inspect.report import check_count

        check_count(total)


def _runs(runner: LineRunner[Any], options: Mapping[str, Any], rows: Iterable[Row]) -> int:
    """How many runs of the graph the lines take, where that names files."""
    if options["save_tensors"] is None:
        return 1
    return sum(1 for _ in runner.requests(rows))


def _make_ready(pipeline: Pipeline, runner: LineRunner[Any], options: Mapping[str, Any], rows: Iterable[Row]) -> None:
    """Say what will be done if asked, build what is stale, and load what the first utterance needs."""
    from runner.build.staleness import stale

    reasons = stale(pipeline.graph, options["build_dir"])
    if options["explain"]:
        from runner.inspect.plan_text import explain

        click.echo(explain(pipeline, runner.requests(rows), dict(reasons)), err=True)
    if reasons:
        runner.check_devices()  # before minutes go into compiling for one that is not there
    build_stale(pipeline.graph, options["build_dir"], reasons, quiet=options["quiet"])
    process.use_heap()  # not before: a build in this process frees much that it would keep
    first = next(iter(rows), None)
    if first is not None:
        runner.load(first)


def build_stale(graph: Graph, build_dir: Path | None, reasons: list[tuple[str, str]], *, quiet: bool) -> None:
    """Compile the stages of `reasons` (`staleness.stale`)."""
    if not reasons:
        return
    if not quiet:
        for stage, reason in reasons:
            click.echo(f"{stage}: {reason}", err=True)
    from runner.api import compile_stages

    with progress.display(len(reasons), quiet=quiet) as shown:
        compile_stages(graph, build_dir, [stage for stage, _ in reasons], shown)


def _watch(
    pipeline: Pipeline,
    runs: int,
    options: Mapping[str, Any],
    rows: Iterable[Row],
    replayed: RunRecord | None,
) -> Recorder | None:
    """Save and record what runs give, as far as the options want it."""
    watchers: list[Callable[[Request, Result], None]] = []
    if options["save_tensors"] is not None:
        watchers.append(_saver(options["save_tensors"], runs))
    recorder = None if pipeline.keeper is None else _recorder(pipeline, options, rows, replayed)
    if recorder is not None:
        watchers.append(lambda request, _result: recorder.add(request, _identities(pipeline, request.needed)))
    pipeline.finished = lambda request, result: [watch(request, result) for watch in watchers]
    return recorder


def _saver(folder: Path, runs: int) -> Callable[[Request, Result], None]:
    """Writes every port to `folder`; of many utterances, those of the first to `folder`/0001 and so on."""
    from runner.files.npy import write_arrays

    count = 0

    def save(_request: Request, result: Result) -> None:
        nonlocal count
        count += 1
        write_arrays(run_folder(folder, count, runs), {name: array for name, array in result.items() if "." in name})

    return save


def _recorder(
    pipeline: Pipeline, options: Mapping[str, Any], rows: Iterable[Row], replayed: RunRecord | None
) -> Recorder:
    from runner.engine.record import Recorder, absolute
    from runner.graph import snapshot

    assert pipeline.keeper is not None
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    asked = {**absolute(asked, Path.cwd()), "replays": replayed and replayed.id, "folder": str(Path.cwd())}
    if replayed is not None:
        tell_differences(replayed, pipeline)
    head = {"asked": asked, "graph": snapshot.to_fields(pipeline.graph), "versions": _versions()}
    return Recorder(pipeline.keeper.cache.root / "runs", head, rows)


def tell_differences(record: RunRecord, pipeline: Pipeline) -> None:
    """Say what is other than it was in a run that `pipeline` is to do again."""
    from runner.engine.replay import differences

    for difference in differences(record, _identities(pipeline, pipeline.graph.stages.values()), _versions()):
        click.echo(f"not as in run {record.id}: {difference}", err=True)


def _versions() -> dict[str, str]:
    """Of what a run depends on beside the graph and the code of its stages."""
    import numpy as np

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "tvm": tvm_runtime.version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _identities(pipeline: Pipeline, stages: Iterable[StageSpec]) -> dict[str, Any]:
    keeper = pipeline.keeper
    return {} if keeper is None else {spec.name: keeper.identity(spec) for spec in stages}


def _report(graph: Graph, place: Destination[Any] | None, summary: Summary, options: Mapping[str, Any]) -> None:
    total = time.perf_counter() - cli_options.STARTED
    if options["timings"]:
        other = max(0.0, total - sum(summary.timings.values()))  # stages may have run side by side
        for name, spent in [*summary.timings.items(), ("all else", other)]:
            click.echo(f"{name:>12} {spent:8.3f} s", err=True)
    seconds = summary.table()["audio_seconds"]
    if not options["quiet"] and summary.resumed:
        click.echo(f"{summary.resumed} of {summary.total} lines were finished by a run before", err=True)
    if not options["quiet"] and place is not None and summary.samples:
        click.echo(f"{place.path}: {seconds:.2f} s of audio in {total:.2f} s", err=True)
    if summary.failed:
        click.echo(f"{len(summary.failed)} of {summary.total} lines failed:", err=True)
        for error in summary.failed:
            click.echo(str(error), err=True)
    if options["as_json"]:
        written = {"graph": str(graph.path), "output": None, "timestamps": None, "wall_seconds": round(total, 6)}
        if place is not None and summary.samples:
            written |= {"output": str(place.path), "timestamps": place.side_pattern}
        click.echo(json.dumps({**summary.table(), **written}))
