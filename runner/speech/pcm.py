"""Writes raw samples to a pipe, in a thread of its own while the next ones are computed."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np

from runner.errors import RunError

if TYPE_CHECKING:
    from types import TracebackType

    import numpy.typing as npt

    from runner.runtime.values import Array

SUBTYPES = {"PCM_16": "<i2", "FLOAT": "<f4"}
_QUEUED = 2  # parts that wait for a slow reader, beside the one being written and the one being queued


def round_to_16_bits(audio: Array) -> npt.NDArray[np.int16]:
    """Round `audio` float32 [samples] to int16, so that it is what a .wav holds.

    That is libsndfile's way: to 32 bits, of which the upper 16 are kept.
    """
    full = np.clip(np.rint(audio.astype(np.float64) * 2**31), -(2**31), 2**31 - 1)
    return (full.astype(np.int64) >> 16).astype("<i2")


def check_subtype(subtype: str | None) -> str:
    """Find the name of a sample's format in a stream; 16 bits for None.

    Raises:
        RunError: there are no streams of it.
    """
    name = "PCM_16" if subtype is None else subtype.upper()
    if name not in SUBTYPES:
        raise RunError(f"subtype {subtype}: a stream takes {' or '.join(SUBTYPES)}")
    return name


class PcmWriter:
    """Writes audio, little-endian and without a header; leaving the `with` block waits for the reader.

    Attributes:
        samples: samples so far.
        clipped: those beyond [-1, 1] that the format has clipped.
        peak: the largest magnitude so far.
    """

    def __init__(self, file: BinaryIO, name: str, subtype: str | None = None) -> None:
        """Prepare to write to `file`.

        Args:
            name: of the file, in messages.
            subtype: of a sample: PCM_16, clipped and scaled as in a .wav of that name, or FLOAT; None for the first.

        Raises:
            RunError: another subtype.
        """
        self._file, self._name, self._dtype = file, name, np.dtype(SUBTYPES[check_subtype(subtype)])
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED)
        self._error: OSError | None = None
        # A daemon: after an interrupt nobody waits for what a slow reader has not taken.
        self._thread = threading.Thread(target=self._write_queued, name="pcm", daemon=True)
        self.samples, self.clipped, self.peak = 0, 0, 0.0

    def write(self, audio: Array) -> None:
        """Queue `audio` [samples]; waits only while the reader is several parts behind.

        Raises:
            BrokenPipeError: the reader of standard output has gone.
            RunError: the file cannot be written.
        """
        self._check()
        self.samples += audio.size
        size = np.abs(audio)
        self.peak = max(self.peak, float(size.max(initial=0.0)))
        if self._dtype.kind == "i":
            self.clipped += int(np.count_nonzero(size > 1.0))
            audio = round_to_16_bits(audio)
        self._queue.put(audio.astype(self._dtype).tobytes())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            return
        self._queue.put(None)
        self._thread.join()
        if kind is None:
            self._check()

    def _write_queued(self) -> None:
        while (data := self._queue.get()) is not None:
            if self._error is None:
                try:
                    rest = memoryview(data)
                    while rest:
                        rest = rest[self._file.write(rest) :]
                    self._file.flush()
                except OSError as error:
                    self._error = error

    def _check(self) -> None:
        if isinstance(self._error, BrokenPipeError) and self._error.filename is not None:  # of standard output
            raise self._error
        if self._error is not None:
            raise RunError(f"{self._name}: cannot be written: {self._error.strerror}") from self._error
