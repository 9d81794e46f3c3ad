"""Encodes audio without a codec: raw samples of 16 bits, and WAV."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from runner.errors import SizeError
from runner.speech.encoders.encoder import SampleCount
from runner.speech.pcm import round_to_16_bits

if TYPE_CHECKING:
    from runner.runtime.values import Array

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_UNKNOWN = 2**32 - 1
_SAMPLE_BYTES = 2
_BEHIND_SIZE = _HEADER.size - 8  # what the first size of a header counts beside the samples
_MOST_BYTES = _UNKNOWN - 1 - _BEHIND_SIZE  # of samples


class PcmEncoder:
    """Raw samples: signed, 16 bits, little-endian. An `Encoder`."""

    media_type = "audio/pcm"

    def __init__(self, rate_hz: int, samples: int | None) -> None:  # noqa: ARG002 - the format does not say its rate
        self.length = None if samples is None else _SAMPLE_BYTES * samples
        self._count = SampleCount(samples)

    def begin(self) -> bytes:
        return b""

    def write(self, audio: Array) -> bytes:
        self._count.add(audio)
        return round_to_16_bits(audio).tobytes()

    def end(self) -> bytes:
        self._count.end()
        return b""

    def correct(self) -> bytes:
        return b""


class WavEncoder(PcmEncoder):
    """A WAV file of 16 bits: the samples after a header of 44 bytes. An `Encoder`."""

    media_type = "audio/wav"

    def __init__(self, rate_hz: int, samples: int | None) -> None:
        """Make the header.

        Args:
            samples: of the whole. None for a header without sizes: both are 2**32 - 1, which the wave module of
                Python, libsndfile and FFmpeg take for "until the end"; 0 would be an empty file to the first two.

        Raises:
            SizeError: a WAV file cannot hold so many.
        """
        super().__init__(rate_hz, samples)
        self._rate_hz, self._header = rate_hz, _make_header(rate_hz, self.length)
        if self.length is not None:
            self.length += len(self._header)

    def begin(self) -> bytes:
        return self._header

    def correct(self) -> bytes:
        size = _SAMPLE_BYTES * self._count.samples
        return b"" if self.length is not None or size > _MOST_BYTES else _make_header(self._rate_hz, size)


def _make_header(rate_hz: int, data_bytes: int | None) -> bytes:
    if data_bytes is not None and data_bytes > _MOST_BYTES:
        raise SizeError(f"wav: holds at most 4 GB, and this is {data_bytes} bytes; ask for flac or mp3")
    riff, data = (_UNKNOWN, _UNKNOWN) if data_bytes is None else (_BEHIND_SIZE + data_bytes, data_bytes)
    mono = (16, 1, 1, rate_hz, _SAMPLE_BYTES * rate_hz, _SAMPLE_BYTES, 8 * _SAMPLE_BYTES)  # of PCM, one channel
    return _HEADER.pack(b"RIFF", riff, b"WAVE", b"fmt ", *mono, b"data", data)
