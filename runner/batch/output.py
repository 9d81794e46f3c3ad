"""Where the audio of a run goes: one file for all lines, or a folder with a file for each; each with its timestamps.

                                         take a line      finish
    folder   line --> samples in a temporary file --> AudioFile --> 0007.wav, 0007.srt --> journal
    one file line --> samples, as they come, in a spool --> journal ........ all lines --> AudioFile --> ipa.wav, x.srt

One file is encoded when all lines are spoken: until then a line that fails can be taken back, and one that is finished
outlives the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from runner.batch.journal import Entry, Journal
from runner.batch.rows import STDIN
from runner.batch.spool import Spool
from runner.errors import RunError, SizeError
from runner.files.digest import file_sha256
from runner.files.errors import writing
from runner.files.replace import check_writable, place_of, sweep
from runner.speech import timestamps
from runner.speech.audio_file import AudioFile, choose_format
from runner.speech.timestamps import Span, Timing
from stages.dims import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.batch.rows import Utterance
    from runner.speech.speaker import Part

_STATE = ".kokoro-run"
_IN_MEMORY = 1 << 24  # bytes of a line's samples that are in memory; the others are in a temporary file
_ENDLESS = ".w64"  # of a format that holds any number of samples
_ABANDONED_S = 3600.0  # after which an unfinished file of a single line, for which nothing is locked, is nobody's
_LOG = logging.getLogger("kokoro_run")


class Destination:
    """The place that the options name, and what lies there when a run begins."""

    def __init__(
        self,
        output: str | None,
        source: str | None,
        subtype: str | None,
        pause: float,
        times: str | None = None,
    ) -> None:
        """Choose the place, and refuse one that cannot be written before any work is done.

        Args:
            output: the file; a folder, if it ends with a slash or exists; None for a file named after `source`.
            source: the input file, '-', or None for phonemes of an option.
            subtype: how samples are stored; None for the format's default.
            pause: silence between two utterances of one file [s].
            times: the file of timestamps, or an extension alone for one beside the audio; None for none. In a folder
                each line has its own, beside the audio, and only the extension of `times` is taken.

        Raises:
            RunError: unknown format, or the place cannot be written.
        """
        if output == "":
            raise RunError("-o is empty; give a file, or a folder for a file a line")
        stem = Path(source).stem if source not in (None, STDIN) else "speech"
        self.is_folder = output is not None and (output.endswith("/") or Path(output).is_dir())
        self.path = Path(output) if output is not None else Path(f"{stem}.wav")
        self.subtype, self.pause = subtype, pause
        if self.is_folder:
            _make_folder(self.path)
        first = self.path / "0001.wav" if self.is_folder else self.path
        choose_format(first, subtype)
        check_writable(first)
        self.times = _times(times, None if self.is_folder else self.path)
        if self.times is not None:
            timestamps.check_form(self.times)
            if not self.is_folder:
                check_writable(self.times)

    @property
    def timed(self) -> bool:
        return self.times is not None

    @property
    def times_spelled(self) -> str | None:
        """Where the timestamps go, as a person would say it: of a folder, which names they have."""
        if self.times is None:
            return None
        return str(self.path / f"*{self.times.suffix}") if self.is_folder else str(self.times)

    def files(self, total: int) -> Iterator[tuple[str, Path]]:
        """What writing `total` lines makes, but for the lines' own files, with the option that says where."""
        if not self.is_folder:
            yield "-o", self.path
            if self.times is not None:
                yield "--timestamps", self.times
        if total > 1:
            yield "-o", self.journal
            yield from [] if self.is_folder else [("-o", self.spool)]

    def line_files(self, total: int) -> Iterator[tuple[str, Path]]:
        """The files of `total` lines in a folder, likewise."""
        for number in range(1, total + 1 if self.is_folder else 1):
            path = self.line(number, total)
            yield "-o", path
            times = self.line_times(path)
            if times is not None:
                yield "--timestamps", times

    def line(self, number: int, total: int) -> Path:
        """The file of the line `number` in a folder."""
        return self.path / f"{number:0{max(4, len(str(total)))}}.wav"

    def line_times(self, path: Path) -> Path | None:
        """The timestamps of the line in the file at `path`."""
        return None if self.times is None else path.with_suffix(self.times.suffix)

    @property
    def journal(self) -> Path:
        """Where what is finished of several lines is noted."""
        return self.path / f"{_STATE}.jsonl" if self.is_folder else self.spool.with_suffix(".jsonl")

    @property
    def spool(self) -> Path:
        """Where the samples of several lines are before they become one file."""
        return _spool_of(self.path)

    def open(self, total: int, *, resume: bool) -> contextlib.AbstractContextManager[Place]:
        """Begin to write `total` lines.

        Args:
            resume: take up what a run that was ended has finished, where its lines and settings are the same.

        Raises:
            RunError: the place cannot be written, or another run is at it.
        """
        if self.is_folder:
            return _folder(self, total, resume=resume)
        return _one_file(self, total, resume=resume)


class Place(Protocol):
    """Takes lines in any order, each once."""

    def finished(self, number: int, digest: str) -> Entry | None:
        """What is there already of line `number`, if it is what `digest` says."""

    def take(self, number: int, utterance: Utterance, digest: str, parts: Iterable[Part]) -> Entry:
        """Write a line; if `parts` raises, nothing of it stays."""

    def finish(self, utterances: Iterable[Utterance]) -> tuple[int, bool]:
        """Complete the output, of the lines that were finished: samples, and whether anything was written."""

    def close(self, *, complete: bool) -> bool:
        """End: with nothing left but the output if `complete`, else whether something is left to resume from."""


class _Folder:
    """A file a line."""

    def __init__(self, destination: Destination, total: int, journal: Journal) -> None:
        self._to, self._total, self._journal = destination, total, journal
        self._samples = 0

    def finished(self, number: int, digest: str) -> Entry | None:
        entry = self._journal.find(number)
        path = self._to.line(number, self._total)
        if entry is None or entry.digest != digest or entry.file is None or entry.file[0] != path.name:
            return None
        times = self._to.line_times(path)
        if not path.is_file() or file_sha256(path) != entry.file[1] or not (times is None or times.is_file()):
            return None
        self._samples += entry.samples
        return entry

    def take(self, number: int, utterance: Utterance, digest: str, parts: Iterable[Part]) -> Entry:
        path = self._to.line(number, self._total)
        samples = 0
        chunks: list[list[Span]] = []
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as unnamed:
            spool = Spool(unnamed, Path(tempfile.gettempdir()))
            for part in parts:
                chunks.append([span.later(samples) for span in part.spans])
                spool.write(part.audio, samples)
                samples += part.audio.size
            with AudioFile(path, SAMPLE_RATE_HZ, self._to.subtype, samples) as file:
                for block in spool.read(0, samples):
                    file.write(block)
        _report_clipping(file)
        times = self._to.line_times(path)
        if times is not None:
            timing = Timing(utterance.origin, utterance.phonemes, 0, file.samples, chunks)
            timestamps.write(times, lambda: [timing], file.samples)
        entry = Entry(number, digest, file.samples, file=(path.name, file_sha256(path)))
        self._journal.add(entry)
        self._samples += file.samples
        return entry

    def finish(self, utterances: Iterable[Utterance]) -> tuple[int, bool]:  # noqa: ARG002 - every file is complete
        return self._samples, True

    def close(self, *, complete: bool) -> bool:
        keep = not complete and len(self._journal) > 0
        if not keep:
            self._journal.remove()
        return keep


class _OneFile:
    """All lines in one file, with a pause between two."""

    def __init__(self, destination: Destination, journal: Journal, spool: BinaryIO, path: Path | None) -> None:
        self._to, self._journal, self._path = destination, journal, path
        self._spool = Spool(spool, path or Path(tempfile.gettempdir()))
        self._pause = round(destination.pause * SAMPLE_RATE_HZ)
        self._here: set[int] = set()  # the journal may also tell of lines that have since become bad
        self._samples = 0  # of the output so far, pauses included

    def finished(self, number: int, digest: str) -> Entry | None:
        entry = self._journal.find(number)
        if entry is None or entry.digest != digest or entry.offset + entry.samples > self._spool.end():
            return None
        self._count(entry)
        return entry

    def take(self, number: int, utterance: Utterance, digest: str, parts: Iterable[Part]) -> Entry:  # noqa: ARG002
        begin = self._spool.begin()
        samples, chunks = 0, []
        try:
            for part in parts:
                chunks.append([_fields(span.later(samples)) for span in part.spans])
                self._spool.write(part.audio, begin + samples)
                samples += part.audio.size
                # Not at the end alone: hours may lie between.
                choose_format(self._to.path, self._to.subtype, self._with(samples))
        except BaseException as error:
            self._spool.cut(begin)
            if isinstance(error, SizeError):
                raise SizeError(f"{error}{self._hand_over()}") from error
            raise
        entry = Entry(number, digest, samples, begin, chunks=chunks)
        self._journal.add(entry)
        self._count(entry)
        return entry

    def _hand_over(self) -> str:
        """Leave what is finished to a run whose output can hold it; what that run is called."""
        output = self._to.path.with_suffix(_ENDLESS)
        if self._path is None or not self._here or _spool_of(output).exists():
            return ""
        self._path = self._path.rename(_spool_of(output))
        self._journal.rename(self._path.with_suffix(".jsonl"))
        return f"; with -o {output} the same command goes on from here"

    def _count(self, entry: Entry) -> None:
        self._samples = self._with(entry.samples)
        self._here.add(entry.number)

    def _with(self, samples: int) -> int:
        """How many samples the output has with a line of so many more."""
        return self._samples + (self._pause if self._here else 0) + samples

    def finish(self, utterances: Iterable[Utterance]) -> tuple[int, bool]:
        if not self._here:
            return 0, False
        with AudioFile(self._to.path, SAMPLE_RATE_HZ, self._to.subtype, self._samples) as file:
            for _, entry in self._entries(utterances):
                if file.samples:
                    file.write(np.zeros(self._pause, np.float32))
                for block in self._spool.read(entry.offset, entry.samples):
                    file.write(block)
        _report_clipping(file)
        if self._to.times is not None:
            timestamps.write(self._to.times, lambda: self._timings(utterances), file.samples)
        return file.samples, True

    def close(self, *, complete: bool) -> bool:
        keep = not complete and self._path is not None and len(self._journal) > 0
        if not keep:
            self._journal.remove()
            if self._path is not None:
                self._path.unlink(missing_ok=True)
        return keep

    def _entries(self, utterances: Iterable[Utterance]) -> Iterator[tuple[Utterance, Entry]]:
        for number, utterance in enumerate(utterances, 1):
            entry = self._journal.find(number) if number in self._here else None
            if entry is not None:
                yield utterance, entry

    def _timings(self, utterances: Iterable[Utterance]) -> Iterator[Timing]:
        start = 0
        for utterance, entry in self._entries(utterances):
            chunks = [[Span(*fields).later(start) for fields in chunk] for chunk in entry.chunks]
            yield Timing(utterance.origin, utterance.phonemes, start, start + entry.samples, chunks)
            start += entry.samples + self._pause


@contextlib.contextmanager
def _folder(destination: Destination, total: int, *, resume: bool) -> Iterator[Place]:
    # One line has nothing to resume.
    path = destination.journal if total > 1 else None
    with Journal(path, resume=resume) as journal:
        if path is not None:
            sweep(destination.path, r"\d{4,}\.\w+")
        yield _Folder(destination, total, journal)


@contextlib.contextmanager
def _one_file(destination: Destination, total: int, *, resume: bool) -> Iterator[Place]:
    target = place_of(destination.path)
    if total <= 1:
        sweep(target.parent, re.escape(target.name), _ABANDONED_S)
        with Journal(None, resume=False) as journal, tempfile.TemporaryFile() as unnamed:
            yield _OneFile(destination, journal, unnamed, None)
        return
    path = destination.spool
    with Journal(destination.journal, resume=resume) as journal:
        for place in (destination.path, destination.times):
            if place is not None:
                sweep(place_of(place).parent, re.escape(place_of(place).name))
        with writing(path):
            if not len(journal):
                path.unlink(missing_ok=True)
            path.touch()
            spool = path.open("r+b")
        with spool:
            yield _OneFile(destination, journal, spool, path)


def _spool_of(output: Path) -> Path:
    target = place_of(output)
    return target.with_name(f".{target.name}{_STATE}.f32")


def digest_of(utterance: Utterance, settings: str, destination: Destination) -> str:
    """What a finished line must have been made from to be taken for this one."""
    form = [destination.subtype, str(destination.times), utterance.origin] if destination.is_folder else []
    text = json.dumps([settings, *form])
    return hashlib.sha256(text.encode() + b"\n" + utterance.data).hexdigest()


def _fields(span: Span) -> tuple[str, int, int, int]:
    return span.text, span.column, span.start, span.end


def _times(given: str | None, audio: Path | None) -> Path | None:
    if given is None:
        return None
    path = Path(given)
    if given.startswith(".") and not path.suffix and path.name == given:  # an extension alone
        return Path(f"0001{given}") if audio is None else audio.with_suffix(given)
    return path


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
