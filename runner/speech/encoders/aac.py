"""Encodes AAC, in the frames of ADTS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunError
from runner.files.locate import install_command
from runner.speech.encoders.encoder import SampleCount

if TYPE_CHECKING:
    from collections.abc import Callable

    from av import AudioCodecContext, AudioFrame

    from runner.runtime.values import Array

# In the order of the format's table
_RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_BIT_RATE = 96_000  # the encoder takes less where a frame cannot hold it
_FRAME_SAMPLES = 1024
_HEADER_BYTES = 7
_SYNC, _LOW_COMPLEXITY, _MONO, _VARIABLE_RATE = 0xFFF1, 1, 1, 0x7FF


class AacEncoder:
    """AAC (low complexity) in ADTS, by FFmpeg's encoder, 96 kbit/s. An `Encoder`.

    ADTS has no place for the number of samples or the delay. Decoded, 1,024 samples of silence come first, and the last
    frame is filled up. The first frame cannot be left out: the second one needs it, since frames overlap.
    """

    media_type = "audio/aac"
    length = None

    def __init__(self, rate_hz: int, samples: int | None) -> None:
        """Open the encoder.

        Raises:
            RunError: AAC has no such rate, or PyAV is not installed.
        """
        if rate_hz not in _RATES_HZ:
            there = ", ".join(map(str, reversed(_RATES_HZ)))
            raise RunError(f"aac of {rate_hz} Hz: the format has {there} Hz; ask for wav, pcm or flac")
        self._codec, self._make_frame = _open_codec(rate_hz)
        self._rate_hz, self._count = rate_hz, SampleCount(samples)
        self._rest = np.zeros(0, np.float32)  # what does not fill a frame yet

    def begin(self) -> bytes:
        return b""

    def write(self, audio: Array) -> bytes:
        self._count.add(audio)
        waiting = np.concatenate((self._rest, np.clip(audio, -1.0, 1.0, dtype=np.float32)))
        whole = waiting.size - waiting.size % _FRAME_SAMPLES
        self._rest = waiting[whole:]
        return b"".join(map(self._encode, waiting[:whole].reshape(-1, _FRAME_SAMPLES)))

    def end(self) -> bytes:
        self._count.end()
        if not self._count.samples:
            return b""
        return (self._encode(self._rest) if self._rest.size else b"") + self._drain(None)

    def correct(self) -> bytes:
        return b""

    def _encode(self, audio: Array) -> bytes:
        frame = self._make_frame(audio.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = self._rate_hz
        return self._drain(frame)

    def _drain(self, frame: AudioFrame | None) -> bytes:
        packets = map(bytes, self._codec.encode(frame))
        return b"".join(_make_header(_RATES_HZ.index(self._rate_hz), len(packet)) + packet for packet in packets)


def _open_codec(rate_hz: int) -> tuple[AudioCodecContext, Callable[..., AudioFrame]]:
    try:
        import av  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError:
        raise RunError(f"aac: PyAV, whose encoder makes it, is not installed: {install_command('aac')}") from None
    codec = av.CodecContext.create("aac", "w")
    codec.options = {"aac_coder": "fast"}  # the other one distorts the first frames
    codec.sample_rate, codec.bit_rate, codec.layout, codec.format = rate_hz, _BIT_RATE, "mono", "fltp"
    return codec, av.AudioFrame.from_ndarray


def _make_header(rate_index: int, packet_bytes: int) -> bytes:
    """The header of a frame (ISO/IEC 14496-3, 1.A.2.2): MPEG-4 without a CRC, one channel, a variable bit rate."""
    fields = _SYNC << 40 | _LOW_COMPLEXITY << 38 | rate_index << 34 | _MONO << 30
    return (fields | (_HEADER_BYTES + packet_bytes) << 13 | _VARIABLE_RATE << 2).to_bytes(_HEADER_BYTES, "big")
