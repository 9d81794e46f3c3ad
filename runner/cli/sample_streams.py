"""Finds outputs that are streams of samples rather than files: standard output, pipes and devices."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from runner.cli import console
from runner.files.errors import writing
from stages.dims import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.cli.settings import Settings
    from runner.speech.audio_output import AudioWriter
    from runner.speech.pcm_output import PcmDestination

_STDOUT = Path("/dev/stdout")
_STANDARD_OUTPUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_PLAYER = "give it to a player, as in `| aplay -t raw -f S16_LE -r {} -c 1`"


def is_stream(output: str) -> bool:
    """Whether the path of an output is standard output, a pipe or a device, rather than a file or a folder."""
    if output in _STANDARD_OUTPUT:
        return True
    try:
        mode = os.stat(output).st_mode  # noqa: PTH116 - Path("") is the working folder
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def make_destination(path: str, writer: AudioWriter, side: str | None, settings: Settings) -> PcmDestination:
    """Make the place of audio whose path is that of a stream.

    Args:
        side: the file of its timestamps.

    Raises:
        UsageError: it is a terminal, or standard output that is closed or used by --json.
    """
    from runner.speech.pcm_output import PcmDestination

    if path in _STANDARD_OUTPUT:
        if settings.as_json:
            raise click.UsageError(f"-o {path} and --json both write standard output; give one of them a file")
        file, target = find_output("-o", writer.rate_hz), Path(f"/dev/fd/{console.output_handle()}").resolve()
        return PcmDestination(_STDOUT, lambda: contextlib.nullcontext(file), writer, target=target, side=side)
    place = Path(path)
    _refuse_terminal(place, writer.rate_hz)
    return PcmDestination(place, lambda: _open(place), writer, target=place, side=side)


def _refuse_terminal(path: Path, rate_hz: int) -> None:
    if path.is_char_device():
        with writing(path), path.open("wb", buffering=0) as file:
            if file.isatty():
                raise click.UsageError(f"-o: {path} is a terminal; {_PLAYER.format(rate_hz)}")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    with writing(path):
        file = path.open("wb", buffering=0)
    with file:
        yield file


def find_output(option: str, rate_hz: int = SAMPLE_RATE_HZ) -> BinaryIO:
    """Find standard output, to write samples to.

    Args:
        option: the option that asks for it, for messages.

    Raises:
        UsageError: it is closed, or a terminal.
    """
    output = console.output()
    if output is None:
        raise click.UsageError(f"{option}: standard output is closed")
    if output.isatty():
        raise click.UsageError(f"{option}: standard output is a terminal; {_PLAYER.format(rate_hz)}")
    return output.buffer
