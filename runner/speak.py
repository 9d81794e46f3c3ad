"""From lines of phonemes to audio files: all lines are checked, then what is stale is built, then they are spoken."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.audio import AudioFile, check_writable, choose_format
from runner.errors import RunError
from runner.lines import STDIN
from stages.contract import parse_type
from stages.dims import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runner.engine import Pipeline, Request
    from runner.graph import Graph
    from runner.lines import Utterance
    from runner.ports import Array

AUDIO, VOICE = "audio", "voice"  # the output of a graph that is written to the file, the input that --voice sets
_AUDIO_TYPE = parse_type("float32[samples]")
_LOG = logging.getLogger("kokoro_run")


class Destination:
    """Where the audio goes: one file for all utterances, or a folder with a file for each."""

    def __init__(self, output: str | None, source: str | None, subtype: str | None, pause: float) -> None:
        """Choose the place, and refuse one that cannot be written before any work is done.

        Args:
            output: the file; a folder, if it ends with a slash or exists; None for a file named after `source`.
            source: the input file, '-', or None for phonemes of an option.
            subtype: how samples are stored; None for the format's default.
            pause: silence between two utterances of one file [s].

        Raises:
            RunError: unknown format, or the place cannot be written.
        """
        stem = Path(source).stem if source not in (None, STDIN) else "speech"
        self.is_folder = output is not None and (output.endswith("/") or Path(output).is_dir())
        self.path = Path(output) if output is not None else Path(f"{stem}.wav")
        self._subtype, self._pause = subtype, pause
        if self.is_folder:
            _make_folder(self.path)
        choose_format(self._numbered(1), subtype)
        check_writable(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self.path / f"{number:04}.wav" if self.is_folder else self.path

    def write(self, spoken: Iterator[Array]) -> float:
        """Write the utterances as they come; seconds of audio.

        Raises:
            RunError: a file could not be written; of that file nothing is left.
        """
        return self._write_each(spoken) if self.is_folder else self._write_joined(spoken)

    def _write_each(self, spoken: Iterator[Array]) -> float:
        samples = 0
        for number, audio in enumerate(spoken, 1):
            with AudioFile(self._numbered(number), SAMPLE_RATE_HZ, self._subtype) as file:
                file.write(audio)
            _report_clipping(file)
            samples += file.samples
        return samples / SAMPLE_RATE_HZ

    def _write_joined(self, spoken: Iterator[Array]) -> float:
        with AudioFile(self.path, SAMPLE_RATE_HZ, self._subtype) as file:
            for number, audio in enumerate(spoken):
                if number:
                    file.silence(self._pause)
                file.write(audio)
        _report_clipping(file)
        return file.samples / SAMPLE_RATE_HZ


def prepare(
    pipeline: Pipeline, utterances: Sequence[Utterance], voice: str | None, params: Mapping[str, object]
) -> list[Request]:
    """Check every utterance before the first is spoken.

    Raises:
        RunError: the graph gives no audio; or the bad lines, all of them.
        WeightsError: the voice is not there, or not one of this model.
    """
    _check_output(pipeline.graph)
    voiced = voice is not None or VOICE in pipeline.graph.inputs
    inputs: dict[str, Any] = {VOICE: pipeline.voice(voice)} if voiced else {}
    requests, mistakes = [], []
    for utterance in utterances:
        try:
            with _located(utterance.origin):
                requests.append(pipeline.prepare(params=params, phonemes=utterance.phonemes, **inputs))
        except RunError as error:
            mistakes.append(f"{utterance.origin}: {error}")
    if mistakes:
        raise RunError("\n".join(mistakes))
    return requests


def speak(
    pipeline: Pipeline, utterances: Sequence[Utterance], requests: list[Request], place: Destination
) -> tuple[float, Counter[str]]:
    """Speak what was prepared.

    Returns:
        seconds of audio, and seconds of work by stage.

    Raises:
        RunError: a stage refused what it got, naming the line; or a file could not be written.
    """
    timings: Counter[str] = Counter()

    def spoken() -> Iterator[Array]:
        for utterance in utterances:
            try:
                result = pipeline.finish(requests.pop(0))
            except RunError as error:
                raise RunError(f"{utterance.origin}: {error}") from error
            timings.update(result.timings)
            yield result[AUDIO]

    return place.write(spoken()), timings


def _check_output(graph: Graph) -> None:
    ref = graph.outputs.get(AUDIO)
    given = None if ref is None else graph.stages[ref.stage].outputs[ref.port]
    if given != _AUDIO_TYPE:
        found = "has none" if given is None else f"has one of {given}"
        raise RunError(f"{graph.path}: a graph that speaks has an output '{AUDIO}' of {_AUDIO_TYPE}; this one {found}")


@contextlib.contextmanager
def _located(origin: str) -> Iterator[None]:
    """Begin each warning with the line that it is about."""

    def locate(record: logging.LogRecord) -> bool:
        record.msg = f"{origin}: {record.msg}"
        return True

    _LOG.addFilter(locate)
    try:
        yield
    finally:
        _LOG.removeFilter(locate)


def _report_clipping(file: AudioFile) -> None:
    if file.clipped:
        _LOG.warning(
            "%s: %d of %d samples are beyond [-1, 1] (up to %.3g) and were clipped; --subtype FLOAT keeps them",
            *(file.path, file.clipped, file.samples, file.peak),
        )


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be made: {error.strerror}") from error
