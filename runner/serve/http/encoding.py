"""Encodes what a request speaks, in a thread: the loop of all requests goes on meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunError
from runner.serve.http.errors import HttpError
from runner.speech.encoders.formats import make_encoder

if TYPE_CHECKING:
    from runner.runtime.values import Array
    from runner.serve.events import Spoken
    from runner.speech.encoders.encoder import Encoder


class Encoding:
    """The bytes of one request's audio, as they are made.

    Attributes:
        samples: that were encoded.
    """

    def __init__(self, encoder: Encoder) -> None:
        """Take an encoder that has begun nothing."""
        self._encoder, self._header = encoder, encoder.begin()
        self.samples = 0

    @classmethod
    async def begin(cls, format: str, rate_hz: int, samples: int | None) -> Encoding:  # noqa: A002 - as OpenAI calls it
        """Begin an encoding.

        Args:
            samples: of the whole, if they are known.

        Raises:
            HttpError: the server cannot encode to this format.
        """
        try:
            return cls(await asyncio.to_thread(make_encoder, format, rate_hz, samples))
        except RunError as error:
            raise HttpError(400, str(error), param="response_format") from None

    @property
    def length(self) -> int | None:
        """The bytes of the whole; None if they are not known yet."""
        return self._encoder.length

    @property
    def media_type(self) -> str:
        """The type of the bytes."""
        return self._encoder.media_type

    def take_header(self) -> bytes:
        """The bytes in front of the first sample, unless they have been given already."""
        header, self._header = self._header, b""
        return header

    async def encode(self, event: Spoken) -> bytes:
        """Encode a part, and the silence in front of it; the bytes that are finished by now."""
        audio: Array = np.concatenate([np.zeros(event.silence, np.float32), event.audio])
        self.samples += audio.size
        return self.take_header() + await asyncio.to_thread(self._encoder.write, audio)

    async def end(self) -> bytes:
        """The bytes that were not finished before."""
        return self.take_header() + await asyncio.to_thread(self._encoder.end)

    def correct(self) -> bytes:
        """The first bytes of a file that is kept, if they are others than those that were sent; else none."""
        return self._encoder.correct()
