"""Encodes FLAC, of 16 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.speech.encoders.encoder import SampleCount
from runner.speech.encoders.sndfile_stream import SndfileStream
from runner.speech.pcm import round_to_16_bits

if TYPE_CHECKING:
    from runner.runtime.values import Array

_TOTAL_AT = 21  # of "fLaC", a block's header and STREAMINFO: the byte in whose lower half the total's 36 bits begin
_TOTAL_BYTES = 5


class FlacEncoder:
    """FLAC, whose header says the number of samples where it is known. An `Encoder`.

    Frames have 4,096 samples, and a sample is sent when its frame is full. The header has no digest of the samples and
    no sizes of frames, which are known at the end alone: it says 0 for them, that is "unknown".
    """

    media_type = "audio/flac"
    length = None

    def __init__(self, rate_hz: int, samples: int | None) -> None:
        """Open the encoder.

        Raises:
            RunError: FLAC has no such rate.
        """
        self._stream = SndfileStream(rate_hz, "FLAC", "PCM_16")
        self._count, self._total = SampleCount(samples), samples

    def begin(self) -> bytes:
        return b""

    def write(self, audio: Array) -> bytes:
        first = self._count.samples == 0
        self._count.add(audio)
        data = self._stream.write(round_to_16_bits(audio))
        return _put_total(data, self._total) if first and data and self._total is not None else data

    def end(self) -> bytes:
        self._count.end()
        return self._stream.close()

    def correct(self) -> bytes:
        return b""


def _put_total(data: bytes, total: int) -> bytes:
    """Put the number of samples into the header that `data` begins with."""
    end = _TOTAL_AT + _TOTAL_BYTES
    field = int.from_bytes(data[_TOTAL_AT:end], "big") | total
    return data[:_TOTAL_AT] + field.to_bytes(_TOTAL_BYTES, "big") + data[end:]
