"""`run --stream`: each line is spoken as it is read, and its audio is on standard output while the next is computed.

Unlike a run into a file, nothing is checked ahead: a line need not have been written when the one before it is heard.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click
import numpy as np

from runner.cli import console, options
from runner.errors import LineError
from runner.speech.pcm import PcmWriter
from runner.speech.speaker import Speaker
from stages.dims import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.batch.rows import Row
    from runner.cli.settings import Settings
    from runner.engine.pipeline import Pipeline
    from runner.speech.speaker import Part

_ELSEWHERE = (
    "output", "timestamps", "as_json", "report", "trace", "save_tensors", "until", "only", "load", "explain", "timings"
)  # fmt: skip


def check_settings(settings: Settings) -> None:
    """Refuse what has no meaning for a stream, and a terminal that would show it as characters.

    Raises:
        UsageError: such an option was given.
    """
    for option in settings.given(_ELSEWHERE):
        raise click.UsageError(f"--stream takes lines as they come and writes audio only: leave {option} out")
    if sys.stdout is None:
        raise click.UsageError("--stream: standard output is closed")
    if sys.stdout.isatty():
        raise click.UsageError(
            f"--stream: standard output is a terminal; give it to a player, as in "
            f"`| aplay -t raw -f S16_LE -r {SAMPLE_RATE_HZ} -c 1`"
        )


def stream(pipeline: Pipeline, settings: Settings, rows: Iterable[Row]) -> None:
    """Speak `rows`, which are read one at a time.

    Raises:
        LineError: a line cannot be spoken, and `--keep-going` was not given; what precedes it has been delivered.
        BrokenPipeError: the reader of standard output has gone.
        RunError: standard output cannot be written.
    """
    speaker = Speaker(pipeline, settings.voice, settings.run_options())
    failed: list[LineError] = []
    pause = np.zeros(round(settings.pause * SAMPLE_RATE_HZ), np.float32)
    first_s = None
    try:
        with PcmWriter(sys.stdout.buffer, console.OUTPUT, settings.subtype or "PCM_16") as writer:
            for is_new_line, part in _parts(speaker, rows, failed, keep_going=settings.keep_going):
                if is_new_line and writer.samples:
                    writer.write(pause)
                writer.write(part.audio)
                first_s = first_s or time.perf_counter() - options.STARTED
    finally:
        pipeline.evict()
    _report(writer.samples, first_s, failed, settings)


def _parts(
    speaker: Speaker, rows: Iterable[Row], failed: list[LineError], *, keep_going: bool
) -> Iterator[tuple[bool, Part]]:
    """Part after part, and whether it is the first of a line."""
    for row in rows:
        try:
            speaker.check(row)
            speaker.load(row)  # what is wrong with a library or a device is not the line's fault
            for number, part in enumerate(speaker.run(row)):
                yield number == 0, part
        except LineError as error:
            if not keep_going:
                raise
            failed.append(error)


def _report(samples: int, first_s: float | None, failed: list[LineError], settings: Settings) -> None:
    if not settings.quiet and first_s is not None:
        total = time.perf_counter() - options.STARTED
        seconds = samples / SAMPLE_RATE_HZ
        click.echo(f"{seconds:.2f} s of audio in {total:.2f} s, the first of it after {first_s:.2f} s", err=True)
    if failed:
        click.echo(f"{len(failed)} {'line' if len(failed) == 1 else 'lines'} failed:", err=True)
        for error in failed:
            click.echo(str(error), err=True)
        click.get_current_context().exit(1)
