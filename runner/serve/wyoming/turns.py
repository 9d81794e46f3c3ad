"""Speaks for one client of Wyoming: its texts one after another, each sentence by sentence as it arrives.

    reading    synthesize, or synthesize-start and -chunk --> sentences --> turns
    speaking   turns --> service --> audio-start, audio-chunk ..., audio-stop [, synthesize-stopped]

A turn takes one place of the service's queue at a time: that of the sentence which is spoken. Few sentences wait; with
more, the client is read no further until one is spoken.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.tts import SynthesizeStopped

from runner.serve.events import Spoken
from runner.serve.service import BusyError
from runner.serve.utterance import Utterance
from runner.serve.wyoming.voices import LANG
from runner.speech.pauses import PARAGRAPH_PAUSE_S
from runner.speech.pcm import round_to_16_bits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.runtime.values import Array
    from runner.serve.service import Request, Service
    from runner.serve.wyoming.protocol import Stream

_WAITING = 16  # sentences of a turn
_CHUNK_S = 0.1
_RETRY_S = 0.1
_WIDTH, _CHANNELS = 2, 1
_NEW_PARAGRAPH = re.compile(r"\s*\n[ \t\r]*\n")


class Turn:
    """A text that a client wants spoken.

    Attributes:
        voice: its name; None for the model's own.
        lang: the language, if the graph is to be told; None for its own.
        streams: whether the text arrives bit by bit.
        characters: of the text, so far.
        text: so far, if it is kept for the log.
        samples: that were sent.
    """

    def __init__(self, voice: str | None, lang: str | None, *, streams: bool, keeps_text: bool) -> None:
        self.voice, self.lang, self.streams, self._keeps_text = voice, lang, streams, keeps_text
        self.characters, self.text, self.samples = 0, "", 0
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue(_WAITING)
        self._is_awaited = False

    @property
    def is_waiting(self) -> bool:
        """Whether all is spoken that has come, and only the client can make it go on."""
        return self._is_awaited and self._sentences.empty()

    async def add(self, sentence: str) -> None:
        """Add a sentence; waits while many are not spoken yet."""
        self.characters += len(sentence)
        self.text += sentence if self._keeps_text else ""
        if sentence.strip():
            await self._sentences.put(sentence)

    async def end(self) -> None:
        """Say that the text has ended."""
        await self._sentences.put(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (sentence := await self._next()) is not None:
            yield sentence

    async def _next(self) -> str | None:
        self._is_awaited = True
        try:
            return await self._sentences.get()
        finally:
            self._is_awaited = False


class TurnSpeaker:
    """Speaks turns to a client.

    Attributes:
        stream: the client.
    """

    def __init__(self, service: Service, stream: Stream) -> None:
        self.stream = stream
        self._service, self._rate_hz = service, service.rate_hz

    async def speak(self, turn: Turn) -> None:
        """Speak a turn as its sentences arrive.

        Raises:
            BusyError: no sentence is spoken yet, and the queue is full; or the server is about to end.
            KokoroError: a sentence cannot be spoken.
            TimeoutError: it takes too long, or the client reads nothing.
            OSError: the connection is lost.
        """
        begun = False
        async for sentence in turn:
            request = await self._submit(self._make_utterance(turn, sentence), waits=begun)
            try:
                async for event in request:
                    if isinstance(event, Spoken):
                        begun = begun or await self._begin()
                        await self._send(turn, event, sentence)
            finally:
                request.close()
        if not begun:
            await self._begin()
        await self.stream.write(AudioStop(self._find_ms(turn)).event())
        if turn.streams:
            await self.stream.write(SynthesizeStopped().event())

    def _make_utterance(self, turn: Turn, sentence: str) -> Utterance:
        params = {} if turn.lang is None else {LANG: turn.lang}
        return Utterance(sentence, voice=turn.voice, params=params)

    async def _submit(self, utterance: Utterance, *, waits: bool) -> Request:
        """Submit a sentence; one in the middle of a turn waits for a place in the queue."""
        deadline = time.monotonic() + self._service.settings.request_s
        while True:
            try:
                return self._service.submit(utterance)
            except BusyError as error:
                if not waits or error.ending or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_RETRY_S)

    async def _begin(self) -> bool:
        await self.stream.write(AudioStart(self._rate_hz, _WIDTH, _CHANNELS, timestamp=0).event())
        return True

    async def _send(self, turn: Turn, spoken: Spoken, sentence: str) -> None:
        """Send a part, with the silence before it."""
        silence = spoken.silence
        if turn.samples and not spoken.start and _NEW_PARAGRAPH.match(sentence):
            silence += round(PARAGRAPH_PAUSE_S * self._rate_hz)
        size = round(_CHUNK_S * self._rate_hz)
        audio = await asyncio.to_thread(_encode, spoken.audio, silence)
        for at in range(0, len(audio), _WIDTH * size):
            piece = audio[at : at + _WIDTH * size]
            chunk = AudioChunk(self._rate_hz, _WIDTH, _CHANNELS, piece, timestamp=self._find_ms(turn))
            await self.stream.write(chunk.event())
            turn.samples += len(piece) // _WIDTH

    def _find_ms(self, turn: Turn) -> int:
        return 1000 * turn.samples // self._rate_hz


def _encode(audio: Array, silence: int) -> bytes:
    return round_to_16_bits(np.pad(audio, (silence, 0))).tobytes()
