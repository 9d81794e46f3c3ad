"""Writes audio files: beside their place, and moved there when they are whole."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import soundfile

from runner.errors import RunError, SizeError
from runner.files.atomic import take_place
from runner.files.errors import writing
from runner.files.replace import create_beside, resolve_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy.typing as npt

_EXTENSIONS = {"AIF": "AIFF", "OGA": "OGG", "OPUS": "OGG"}
_SUBTYPES = {
    "OPUS": "OPUS",
    "RAW": "PCM_16",
}  # where the container has no default, or the extension means another
_REFUSED = {"SD2"}  # it has its header in another file, which a rename leaves behind
_UNCLIPPED = {"FLOAT", "DOUBLE"}
# What the size fields of a format can hold. Beyond that libsndfile writes wrong sizes, or reads less than it wrote.
_MAX_BYTES = {**dict.fromkeys(("WAV", "WAVEX", "AIFF", "SVX", "MAT5", "WVE", "XI"), 2**32), "HTK": 2**31, "VOC": 2**24}
_MAX_SAMPLES = {"AVR": 2**32, "MPC2K": 2**32, "MAT4": 2**31, "SDS": 2**21}
_HEADER_BYTES = 4096  # more than any of these formats puts around the samples
_SAMPLE_BYTES = {
    **dict.fromkeys(("PCM_S8", "PCM_U8", "ULAW", "ALAW", "DPCM_8"), 1), "PCM_16": 2, "DPCM_16": 2,
    "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8,
}  # fmt: skip
_ENDLESS = ".w64, .rf64 or .flac"


class AudioFile:
    """A mono audio file that takes its place when the `with` block ends without an error; else it is removed.

    Attributes:
        path: the file.
        clipped: samples so far that are beyond [-1, 1] and that the format has clipped.
        peak: the largest magnitude so far.
        samples: samples so far.
    """

    def __init__(self, path: Path, rate_hz: int, subtype: str | None = None, samples: int = 0) -> None:
        """Prepare to write `path`; the format is that of its extension.

        Args:
            subtype: of a sample: 'PCM_16', 'FLOAT', ...; None for the format's own default.
            samples: number of samples to come; a .wav of more than 4 GB becomes an RF64.

        Raises:
            RunError: unknown extension or subtype, more samples than the format holds, or the place cannot be written.
        """
        self.format, self.subtype = choose_format(path, subtype, samples)
        self.path = path
        self.clipped, self.peak, self.samples = 0, 0.0, 0
        self._rate_hz = rate_hz
        self._target = resolve_target(path)
        self._temporary = create_beside(path, self._target)

    def __enter__(self) -> Self:
        try:
            with self._writing():
                self._file = self._open("w")
        except BaseException:
            self._temporary.unlink(missing_ok=True)
            raise
        return self

    def _open(self, mode: str) -> soundfile.SoundFile:
        # A file without a header says nothing of itself, so that the reader is told what the writer was.
        known = (self._rate_hz, 1, self.subtype, "LITTLE") if self.format == "RAW" else ()
        told = known or ((self._rate_hz, 1, self.subtype) if mode == "w" else ())
        format_ = self.format if told else None
        return soundfile.SoundFile(os.fsencode(self._temporary), mode, *told, format=format_)

    def write(self, audio: npt.NDArray[np.float32]) -> None:
        """Append `audio` [samples].

        Raises:
            RunError: the file cannot be written.
        """
        size = np.abs(audio)
        self.peak = max(self.peak, float(size.max(initial=0.0)))
        if self.subtype not in _UNCLIPPED:
            self.clipped += int(np.count_nonzero(size > 1.0))
        self.samples += audio.size
        with self._writing():
            self._file.write(audio)

    def silence(self, seconds: float) -> None:
        """Append a pause."""
        self.write(np.zeros(round(seconds * self._rate_hz), np.float32))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._writing():
                self._file.close()
                if kind is None:
                    self._commit()
        finally:
            self._temporary.unlink(missing_ok=True)

    def _commit(self) -> None:
        # An encoder writes its last block on closing, where libsndfile does not report a full disk.
        with self._open("r") as file:
            written = file.frames
        if written != self.samples:
            cause = os.strerror(_probe(self._temporary) or errno.EIO)
            raise OSError(errno.EIO, f"{cause}: {written} of {self.samples} samples were written")
        take_place(self._temporary, self._target)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Name the file and the cause of a failed write, for which libsndfile's message is 'System error'."""
        try:
            with writing(self.path):
                yield
        except soundfile.LibsndfileError as error:
            fact = os.strerror(cause) if (cause := _probe(self._temporary)) else error.error_string
            raise RunError(f"{self.path}: cannot be written: {fact}") from error


def choose_format(path: Path, subtype: str | None = None, samples: int = 0) -> tuple[str, str]:
    """Choose libsndfile's format and subtype for a file of `samples` at `path`.

    Raises:
        RunError: libsndfile writes no format of this extension, or the format has no such subtype.
        SizeError: the format cannot hold the samples.
    """
    extension = path.suffix[1:].upper()
    format_ = _EXTENSIONS.get(extension, extension)
    known = soundfile.available_formats().keys() - _REFUSED
    if format_ not in known:
        there = ", ".join(f".{name.lower()}" for name in sorted(known | _EXTENSIONS.keys()))
        fact = f"no audio format is called '{path.suffix}'" if path.suffix else "its name says no audio format"
        raise RunError(f"{path}: {fact}; there are {there}; a folder is spelled with a slash at its end")
    chosen = subtype.upper() if subtype else _SUBTYPES.get(extension, soundfile.default_subtype(format_))
    if not soundfile.check_format(format_, chosen):
        there = ", ".join(soundfile.available_subtypes(format_))
        raise RunError(f"{path}: {format_} has no subtype '{chosen}'; it has {there}")
    most = _most_samples(format_, chosen)
    if most is None or samples <= most:
        return format_, chosen
    if format_ == "WAV" and soundfile.check_format("RF64", chosen):
        return "RF64", chosen
    raise SizeError(f"{path}: {format_} holds at most {most} samples of {chosen}, and this is more; give {_ENDLESS}")


def _most_samples(format_: str, subtype: str) -> int | None:
    """The samples that a file can hold; None where there is no limit, or where it depends on the samples themselves."""
    if format_ in _MAX_BYTES and subtype in _SAMPLE_BYTES:
        return (_MAX_BYTES[format_] - _HEADER_BYTES) // _SAMPLE_BYTES[subtype]
    return _MAX_SAMPLES.get(format_)


def _probe(path: Path) -> int:
    """Append some bytes to the file at `path`. Returns the errno, or 0 if that works."""
    try:
        with path.open("ab", buffering=0) as file:
            file.write(bytes(4096))
    except OSError as error:
        return error.errno or 0
    return 0
