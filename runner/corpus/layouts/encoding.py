"""Encodes the whole audio of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.speech.encoders.formats import make_encoder

if TYPE_CHECKING:
    from runner.runtime.values import Array

FORMATS = ("flac", "wav", "opus", "mp3")
"""The audio formats of data sets. FLAC and WAV hold the samples rounded to 16 bits; the other two are lossy."""


def encode(audio: Array, rate_hz: int, format: str) -> bytes:  # noqa: A002 - as `make_encoder` calls it
    """Encode `audio` float32 [samples] in one of `FORMATS`; the same samples give the same bytes.

    Raises:
        RunError: the format does not take the rate.
    """
    encoder = make_encoder(format, rate_hz, audio.size)
    return encoder.begin() + encoder.write(audio) + encoder.end()
