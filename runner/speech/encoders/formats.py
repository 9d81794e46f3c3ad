"""The audio formats that the encoders make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import RunError, suggest
from runner.speech.encoders.aac import AacEncoder
from runner.speech.encoders.flac import FlacEncoder
from runner.speech.encoders.mp3 import Mp3Encoder
from runner.speech.encoders.opus import OpusEncoder
from runner.speech.encoders.pcm import PcmEncoder, WavEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.speech.encoders.encoder import Encoder

_ENCODERS: Mapping[str, type[Encoder]] = {
    "mp3": Mp3Encoder,
    "opus": OpusEncoder,
    "aac": AacEncoder,
    "flac": FlacEncoder,
    "wav": WavEncoder,
    "pcm": PcmEncoder,
}
FORMATS: Mapping[str, str] = {name: encoder.media_type for name, encoder in _ENCODERS.items()}  # with media types


def make_encoder(format: str, rate_hz: int, samples: int | None) -> Encoder:  # noqa: A002 - what OpenAI calls it, too
    """Make an encoder of mono audio.

    Args:
        format: one of `FORMATS`.
        samples: of the whole, if the header is to say it; None if it is not known yet.

    Raises:
        RunError: another format, one that does not take the rate, or one whose encoder is not installed.
    """
    if format not in _ENCODERS:
        raise RunError(f"format {format}: there is none of this name{suggest(format, _ENCODERS)}")
    return _ENCODERS[format](rate_hz, samples)
