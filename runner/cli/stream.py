"""`run --stream`: speaks each line as it is read, and writes its audio to standard output while the next is computed.

Unlike in a run to a file, lines are not checked before the first is spoken: the input may not be written yet.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
import numpy as np

from runner.cli import console, options
from runner.cli.runners import make_runner
from runner.cli.sample_streams import find_output
from runner.cli.spelling import spell_options
from runner.errors import LineError, RunError
from runner.speech.pcm import PcmWriter
from runner.speech.speaker import Speaker, find_main_audio

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.batch.rows import Row
    from runner.cli.inputs import GivenInputs
    from runner.cli.settings import Settings
    from runner.engine.pipeline import Pipeline
    from runner.speech.speaker import Part

_EXCLUDED = (
    "outputs", "timestamps", "as_json", "report", "trace", "save_tensors", "until", "only", "load", "explain", "timings"
)  # fmt: skip


def check_settings(settings: Settings) -> None:
    """Refuse options that have no meaning for a stream, and a terminal as its output.

    Raises:
        UsageError: such an option was given, or standard output is closed or a terminal.
    """
    for option in settings.list_given(_EXCLUDED):
        raise click.UsageError(f"--stream takes lines as they come and writes audio only: leave {option} out")
    find_output("--stream")


def stream(pipeline: Pipeline, settings: Settings, given: GivenInputs, rows: Iterable[Row]) -> None:
    """Speak `rows`, which are read one at a time.

    Raises:
        LineError: a line cannot be spoken, and `--keep-going` was not given; the lines before it have been written.
        BrokenPipeError: the reader of standard output has closed it.
        RunError: standard output cannot be written.
    """
    main = find_main_audio(pipeline.graph)
    speaker = make_runner(pipeline, given, settings.make_run_options(), how=settings.delivery, main=main)
    if not isinstance(speaker, Speaker):
        raise RunError(
            f"{pipeline.graph.path}: a graph that is streamed takes lines of phonemes, or makes them of text"
        )
    failed: list[LineError] = []
    pause = np.zeros(round(settings.find_pause(pipeline.graph) * speaker.rate_hz), np.float32)
    first_s = None
    try:
        with PcmWriter(find_output("--stream"), console.OUTPUT, settings.subtype) as writer:
            for is_new_line, part in _speak(speaker, rows, failed, keep_going=settings.keep_going):
                if is_new_line and writer.samples:
                    writer.write(pause)
                writer.write(part.audio)
                first_s = first_s or time.perf_counter() - options.STARTED
    finally:
        speaker.sum_up()
        pipeline.evict()
    _report(writer.samples / speaker.rate_hz, first_s, failed, settings)


def _speak(
    speaker: Speaker, rows: Iterable[Row], failed: list[LineError], *, keep_going: bool
) -> Iterator[tuple[bool, Part]]:
    """Speak the rows part by part; gives whether a part is the first of its line, and the part."""
    for row in rows:
        try:
            speaker.check(row)
            speaker.load(row)  # an error of a library or a device is not one of the line
            for number, part in enumerate(speaker.run(row)):
                yield number == 0, part
        except LineError as error:
            if not keep_going:
                raise
            failed.append(error)


def _report(seconds: float, first_s: float | None, failed: list[LineError], settings: Settings) -> None:
    if not settings.quiet and first_s is not None:
        total = time.perf_counter() - options.STARTED
        click.echo(f"{seconds:.2f} s of audio in {total:.2f} s, the first of it after {first_s:.2f} s", err=True)
    if failed:
        click.echo(f"{len(failed)} {'line' if len(failed) == 1 else 'lines'} failed:", err=True)
        for error in failed:
            click.echo(spell_options(str(error)), err=True)
        click.get_current_context().exit(1)
