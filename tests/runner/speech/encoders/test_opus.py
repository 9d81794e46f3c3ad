"""Opus in Ogg: exact lengths, short pages, and a stream number that follows from the audio."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest

from runner.speech.encoders.formats import make_encoder
from tests.runner.speech.encoders.decoding import (
    RATE_HZ,
    cut,
    decode_with_av,
    decode_with_soundfile,
    encode,
    make_audio,
)


def read_pages(data: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """The pages of an Ogg stream, with their flags, position [48 kHz samples] and stream number."""
    while data:
        magic, version, flags, position, number = struct.unpack("<4sBBqI", data[:18])
        assert (magic, version) == (b"OggS", 0)
        sizes = data[27 : 27 + data[26]]
        end = 27 + len(sizes) + sum(sizes)
        yield data[:end], flags, position, number
        data = data[end:]


def slow_checksum(page: bytes) -> int:
    """The CRC-32 of RFC 3533, bit by bit."""
    crc = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 2**31 else 0)) & 0xFFFFFFFF
    return crc


def test_pages_have_their_checksums_and_one_number() -> None:
    data = encode(make_encoder("opus", RATE_HZ, None), cut(make_audio(20_000), 1_500))
    pages = list(read_pages(data))
    assert len(pages) > 10
    assert len({number for *_, number in pages}) == 1
    for page, *_ in pages:
        assert struct.unpack("<I", page[22:26]) == (slow_checksum(page),)


def test_pages_are_60_ms_long_and_the_last_one_ends_the_stream() -> None:
    data = encode(make_encoder("opus", RATE_HZ, None), cut(make_audio(20_000), 1_500))
    positions = [position for _, _, position, _ in read_pages(data)]
    flags = [flag for _, flag, _, _ in read_pages(data)]
    assert positions[:2] == [0, 0]
    assert max(np.diff(positions[1:-1])) == 2_880
    assert positions[-1] - positions[-2] <= 3_840  # a fourth packet instead of a page of its own
    assert (flags[0], flags[-1]) == (2, 4)


def test_streams_of_different_audio_have_different_numbers() -> None:
    numbers = set()
    for seed in range(5):
        audio = np.random.default_rng(seed).normal(0, 0.1, 5_000).astype(np.float32)
        numbers |= {number for *_, number in read_pages(encode(make_encoder("opus", RATE_HZ, None), [audio]))}
    assert len(numbers) == 5


@pytest.mark.parametrize("rate_hz", [8_000, 12_000, 16_000, 24_000, 48_000])
def test_decoders_give_exactly_the_samples(rate_hz: int) -> None:
    for samples in (1, 5, 479, 480, 481, *range(rate_hz // 3, rate_hz // 3 + rate_hz // 50, 37)):
        data = encode(make_encoder("opus", rate_hz, None), cut(make_audio(samples, rate_hz), 1_000))
        assert decode_with_av(data)[0].size == samples * 48_000 // rate_hz
        assert decode_with_soundfile(data)[0].size == samples


def test_last_milliseconds_are_there_wherever_the_audio_ends_in_a_packet() -> None:
    """As libsndfile ends a stream, the last 6 ms are silent at more than a third of all lengths."""
    for samples in range(12_000, 12_480, 20):
        audio = np.sin(np.arange(samples) * 0.5).astype(np.float32)
        decoded, _ = decode_with_soundfile(encode(make_encoder("opus", RATE_HZ, None), [audio]))
        assert np.sqrt(np.mean(decoded[-48:] ** 2)) == pytest.approx(0.71, abs=0.1)


def test_audio_begins_where_it_did() -> None:
    audio = np.cumsum(np.random.default_rng(4).normal(0, 0.01, 12_000)).astype(np.float32)
    audio = (audio - np.convolve(audio, np.ones(200) / 200, "same")).astype(np.float32)
    decoded = decode_with_soundfile(encode(make_encoder("opus", RATE_HZ, None), [audio]))[0]
    match = np.correlate(decoded[1_000:9_000], audio[1_100:8_900], "valid")
    assert np.argmax(match) == 100
