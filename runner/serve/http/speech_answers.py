"""Answers with speech as it is made: its audio, or server-sent events.

    Measured(n) --> Content-Length, header of the file     mp3, wav and pcm, whose bytes follow from their samples
    Spoken      --> bytes                                  | data: {"type": "speech.audio.delta", "audio": "UklGR..."}
    Ended       --> bytes that were kept back              | data: {"type": "speech.audio.done", "usage": {...}}

Nothing is sent before the first bytes of audio are there, or their number: until then an error has its status. When the
client has the last byte, the whole can be had again. A client of HTTP/1.0 could not tell an answer that breaks off from
one that ends, unless it knows the length: it gets the whole at once.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

from runner.serve.events import Ended, Measured, Opened, Spoken
from runner.serve.http.encoding import Encoding
from runner.serve.http.errors import HttpError, spell_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.serve.events import Event
    from runner.serve.http.sending import Answer
    from runner.serve.results import Draft
    from runner.serve.service import Request as SpeechRequest

_DELTA = 24 << 10  # bytes of audio in an event, 32 KiB of base64: some clients limit the length of a line
_FRAMES_PER_S = 40  # by which audio is counted as tokens


class SpeechAnswer:
    """The audio itself; a `SpokenAnswer`."""

    def __init__(
        self,
        answer: Answer,
        draft: Draft,
        format: str,  # noqa: A002 - as OpenAI calls it
        rate_hz: int,
        headers: Mapping[str, str],
        *,
        timed: bool,
        streams: bool = True,
    ) -> None:
        """Send nothing yet.

        Args:
            draft: keeps the audio.
            headers: beside those that the format gives.
            timed: whether the client asked for the times of words.
            streams: whether the client can tell where audio ends whose length it does not know.
        """
        self._answer, self._draft, self._format, self._rate_hz = answer, draft, format, rate_hz
        self._headers, self._timed, self._streams = dict(headers), timed, streams
        self._encoding: Encoding | None = None
        self._symbols, self._size, self._last = 0, 0, bytearray()
        self._words: list[dict[str, Any]] = []  # with times [s], as far as they are spoken, if they were asked for

    @property
    def audio_s(self) -> float:
        """The audio that was encoded [s]."""
        return 0.0 if self._encoding is None else self._encoding.samples / self._rate_hz

    async def begin(self, samples: int | None = None) -> Encoding:
        """Begin to encode.

        Args:
            samples: of the whole, if they are known.

        Raises:
            HttpError: the server cannot encode to this format.
        """
        self._encoding = await Encoding.begin(self._format, self._rate_hz, samples)
        return self._encoding

    @property
    def is_begun(self) -> bool:
        """Whether the status has been sent."""
        return self._answer.is_begun

    async def send(self, request: SpeechRequest) -> None:
        """Send what a request speaks. The whole can be had again when the last bytes are sent."""
        with self._draft:
            async for event in request:
                await self._take(event)
            if self._timed:
                self._draft.add_timing(json.dumps({"words": self._words}, ensure_ascii=False).encode())
        await self._end()

    async def _end(self) -> None:
        """Send the last bytes, and that these were the last."""
        await self._begin_answer()
        await self._send_audio(self._last)
        await self._answer.end()

    async def break_off(self, error: HttpError) -> None:
        """Say what is wrong, if the format has a place for it; the connection is closed after that."""

    async def _take(self, event: Event) -> None:
        match event:
            case Opened():
                self._symbols += len(event.phonemes)
            case Measured(samples):
                encoding = await self.begin(samples)
                if encoding.length is not None:
                    await self._write(encoding.take_header())
            case Spoken():
                encoding = self._encoding or await self.begin()
                data = await encoding.encode(event)
                if self._timed:
                    await self._take_words(event)
                await self._write(data)
            case Ended():
                encoding = self._encoding or await self.begin()
                await self._write(await encoding.end(), is_last=True)
                self._draft.replace_start(encoding.correct())

    async def _write(self, data: bytes, *, is_last: bool = False) -> None:
        """Send bytes of audio, unless they are the last; an encoder may have none yet."""
        assert self._encoding is not None
        self._draft.write(data)
        self._size += len(data)
        is_whole = self._size == self._encoding.length  # then no more come, but the client must not know it yet
        if is_last or is_whole or not (self._streams or self._encoding.length is not None):
            self._last += data
        elif data:
            await self._begin_answer()
            await self._send_audio(data)

    async def _begin_answer(self) -> None:
        if not self._answer.is_begun:
            assert self._encoding is not None
            await self._answer.begin({**self._headers, **self._describe_audio(self._encoding)})

    def _describe_audio(self, encoding: Encoding) -> dict[str, str]:
        size = encoding.length if self._streams or encoding.length is not None else len(self._last)
        length = {} if size is None else {"Content-Length": str(size)}
        return {"Content-Type": encoding.media_type, "X-Audio-Length": "exact" if length else "unknown", **length}

    async def _send_audio(self, data: bytes | bytearray) -> None:
        await self._answer.write(data)

    async def _take_words(self, event: Spoken) -> list[dict[str, Any]]:
        """Keep the words of a part with their times."""
        words = [
            {
                "word": word.text,
                "start": (event.start + word.start) / self._rate_hz,
                "end": (event.start + word.end) / self._rate_hz,
                "phonemes": word.phonemes,
                "paragraph": event.row,
                "column": word.column,
            }
            for word in event.words
            if word.text
        ]
        self._words += words
        return words


class EventAnswer(SpeechAnswer):
    """Server-sent events, each with a piece of the audio."""

    async def _end(self) -> None:
        await self._begin_answer()
        await self._send_audio(self._last)
        spoken = round(self.audio_s * _FRAMES_PER_S)
        usage = {"input_tokens": self._symbols, "output_tokens": spoken, "total_tokens": self._symbols + spoken}
        await self._send_event({"type": "speech.audio.done", "usage": usage})
        await self._answer.end()

    async def break_off(self, error: HttpError) -> None:
        await self._send_event({"type": "error", **spell_error(error)})

    def _describe_audio(self, encoding: Encoding) -> dict[str, str]:  # noqa: ARG002 - the base's
        return {"Content-Type": "text/event-stream; charset=utf-8"}

    async def _send_audio(self, data: bytes | bytearray) -> None:
        for start in range(0, len(data), _DELTA):
            audio = await asyncio.to_thread(base64.b64encode, data[start : start + _DELTA])
            await self._send_event({"type": "speech.audio.delta", "audio": audio.decode("ascii")})

    async def _take_words(self, event: Spoken) -> list[dict[str, Any]]:
        """Send the words of a part with their times, in front of its audio."""
        words = await super()._take_words(event)
        if words:
            await self._begin_answer()
            await self._send_event({"type": "speech.audio.timing", "words": words})
        return words

    async def _send_event(self, event: Mapping[str, Any]) -> None:
        data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        await self._answer.write(f"data: {data}\n\n".encode())
