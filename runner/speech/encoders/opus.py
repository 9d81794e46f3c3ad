"""Encodes Opus, in pages of an Ogg stream."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunError
from runner.speech.encoders.encoder import SampleCount
from runner.speech.encoders.ogg import page_body, put_number, put_position, split_pages
from runner.speech.encoders.sndfile_stream import SndfileStream

if TYPE_CHECKING:
    from runner.runtime.values import Array

_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
# libsndfile's levels 0 to 1 are 256 to 6 kbit/s. At 48 libopus models speech. At 64 it does not, which takes 0.4 of the
# time and comes nearer to the samples: 22 dB instead of 12.
_KBPS = 64
_LEVEL = (256 - _KBPS) / 250
_PAGE_MS = 50.0  # the least that libsndfile takes: it makes pages of three packets
_HEADER_PAGES = 2
_POSITION_HZ = 48_000  # of positions in the stream, at any rate of the audio
_LOOKAHEAD = 312  # of libopus, in such samples: what a decoder drops from the beginning
_PACKETS_A_SECOND = 50


class OpusEncoder:
    """Opus in Ogg, 64 kbit/s in the mean. An `Encoder`.

    The header says how much a decoder puts in front of the first sample, and the last page how many samples there are:
    decoded, it is exactly as long as the audio. libsndfile draws the number of the stream by lot. Here it follows from
    the first page of audio, so that the same audio has the same bytes, while different streams, one after the other in
    a file, have numbers of their own, as Ogg demands.
    """

    media_type = "audio/ogg"
    length = None

    def __init__(self, rate_hz: int, samples: int | None) -> None:
        """Open the encoder.

        Raises:
            RunError: Opus has no such rate.
        """
        if rate_hz not in _RATES_HZ:
            there = ", ".join(map(str, _RATES_HZ))
            raise RunError(f"opus of {rate_hz} Hz: the format has {there} Hz; ask for wav, pcm or flac")
        self._stream = SndfileStream(rate_hz, "OGG", "OPUS", level=_LEVEL)
        self._stream.limit_pages(_PAGE_MS)
        self._rate_hz, self._count = rate_hz, SampleCount(samples)
        self._pages: list[bytes] = []  # those that wait for the stream's number
        self._number: int | None = None

    def begin(self) -> bytes:
        return b""

    def write(self, audio: Array) -> bytes:
        self._count.add(audio)
        return self._take(self._stream.write(np.clip(audio, -1.0, 1.0, dtype=np.float32)))

    def end(self) -> bytes:
        self._count.end()
        if not self._count.samples:
            return b""
        self._pages += split_pages(self._stream.write(self._make_padding()) + self._stream.close())
        end = _LOOKAHEAD + self._count.samples * _POSITION_HZ // self._rate_hz
        self._pages[-1] = put_position(self._pages[-1], end)
        return self._take(b"")

    def correct(self) -> bytes:
        return b""

    def _make_padding(self) -> Array:
        """Make the silence that fills the last packet; the position of the last page cuts it off again.

        libsndfile would end with a packet as short as the rest, of 2.5 to 10 ms. Where that rest is only what the
        encoder still holds back, the packet is nearly empty, and the last 6 ms of the audio are lost.
        """
        lookahead, packet = _LOOKAHEAD * self._rate_hz // _POSITION_HZ, self._rate_hz // _PACKETS_A_SECOND
        return np.zeros(-(self._count.samples + lookahead) % packet, np.float32)

    def _take(self, data: bytes) -> bytes:
        self._pages += split_pages(data)
        if self._number is None and len(self._pages) > _HEADER_PAGES:
            self._number = zlib.crc32(page_body(self._pages[_HEADER_PAGES]))
        if self._number is None:
            return b""
        ready, self._pages = self._pages, []
        return b"".join(put_number(page, self._number) for page in ready)
