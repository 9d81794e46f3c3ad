"""Answers one client of Wyoming: reads its events while what it asked for is spoken.

    describe --> info    ping --> pong    synthesize, synthesize-start -chunk -stop --> turns, spoken one after another

Other events are ignored. A client that closes the connection stops its work. What cannot be done is told by an `error`,
which ends the connection, too: a client that waits for audio would wait for ever otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from wyoming.info import Describe
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop

from runner.errors import RunError
from runner.serve.wyoming.protocol import ProtocolError
from runner.serve.wyoming.sentences import SentenceStream
from runner.serve.wyoming.turns import Turn

if TYPE_CHECKING:
    from wyoming.event import Event

    from runner.serve.settings import ServeSettings
    from runner.serve.wyoming.journal import Journal
    from runner.serve.wyoming.protocol import Stream
    from runner.serve.wyoming.turns import TurnSpeaker
    from runner.serve.wyoming.voices import VoiceLanguages

_TURNS = 4  # that wait; the client is read no further with more


class Connection:
    """One client.

    Attributes:
        is_idle: whether nothing is to be spoken, unless the client sends more.
    """

    def __init__(
        self, settings: ServeSettings, voices: VoiceLanguages, info: Event, speaker: TurnSpeaker, journal: Journal
    ) -> None:
        """Begin nothing yet.

        Args:
            info: the answer to `describe`.
            speaker: speaks to the client.
        """
        self._settings, self._voices, self._info, self._speaker, self._journal = (
            settings,
            voices,
            info,
            speaker,
            journal,
        )
        self._stream: Stream = speaker.stream
        self._turns: asyncio.Queue[Turn] = asyncio.Queue(_TURNS)
        self._unspoken, self._ending, self._stopped = 0, False, asyncio.Event()
        self._cut_off = "gone"  # the outcome of a turn that is cancelled
        self._open: Turn | None = None  # the turn whose text arrives bit by bit
        self._sentences = SentenceStream()

    @property
    def is_idle(self) -> bool:
        return self._unspoken == 0 or (self._open is not None and self._open.is_waiting)  # the open turn is the last

    def end(self) -> None:
        """Speak no turn but those that have begun, then close the connection."""
        self._ending = True

    def stop(self) -> None:
        """Break off what is spoken, and close the connection."""
        self._cut_off = "broken"
        self._stopped.set()

    async def serve(self) -> None:
        """Answer until the client goes, an error ends it, or it is stopped."""
        works = (self._read_all(), self._speak_all(), self._stopped.wait())
        tasks: list[asyncio.Task[object]] = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        errors = [error for task in done if (error := task.exception()) is not None]
        with contextlib.suppress(OSError):  # the client has gone
            if errors and (event := self._journal.answer(errors[0])) is not None:
                await self._stream.write(event)
            await self._stream.close()

    async def _speak_all(self) -> None:
        """Speak the turns in their order."""
        while not (self._ending and self._unspoken == 0):
            turn = await self._turns.get()
            with self._journal.noting(turn, lambda: self._cut_off):
                await self._speaker.speak(turn)
            self._unspoken -= 1

    async def _read_all(self) -> None:
        """Read events until the client goes, or is silent for as long as a request may take.

        Raises:
            ProtocolError: the client has begun a text, and is silent.
        """
        while True:
            try:
                event = await self._stream.read(self._settings.request_s)
            except TimeoutError:
                if not self.is_idle:
                    continue
                if self._open is not None:
                    self._cut_off = "late"
                    raise ProtocolError(f"the text did not go on within {self._settings.request_s:g} s") from None
                return
            if event is None:
                return
            await self._take(event)

    async def _take(self, event: Event) -> None:
        """Do what an event asks for."""
        if Describe.is_type(event.type):
            await self._stream.write(self._info)
        elif Ping.is_type(event.type):
            text = event.data.get("text")
            await self._stream.write(Pong(text if isinstance(text, str) else None).event())
        elif Synthesize.is_type(event.type) and self._open is None:  # one in a stream repeats it for older servers
            turn = await self._begin(event, streams=False)
            await turn.add(self._check_length(_find_text(event)))
            await turn.end()
        elif SynthesizeStart.is_type(event.type):
            if self._open is not None:
                raise ProtocolError("synthesize-start came twice, without a synthesize-stop between")
            self._open, self._sentences = await self._begin(event, streams=True), SentenceStream()
        elif SynthesizeChunk.is_type(event.type):
            await self._add(_find_text(event))
        elif SynthesizeStop.is_type(event.type):
            await self._stop()

    async def _begin(self, event: Event, *, streams: bool) -> Turn:
        voice = self._find_voice(event)
        lang = self._voices.find(voice)
        turn = Turn(voice, lang, streams=streams, keeps_text=self._settings.logs_text)
        self._unspoken += 1
        await self._turns.put(turn)
        return turn

    async def _add(self, text: str) -> None:
        if self._open is None:
            raise ProtocolError("synthesize-chunk came without a synthesize-start")
        for sentence in self._sentences.add(text):
            await self._open.add(sentence)
        self._check_length("", self._sentences.waiting)

    async def _stop(self) -> None:
        if self._open is None:
            raise ProtocolError("synthesize-stop came without a synthesize-start")
        turn, self._open = self._open, None
        for sentence in self._sentences.finish():
            await turn.add(sentence)
        await turn.end()

    def _check_length(self, text: str, waiting: int = 0) -> str:
        count, longest = len(text) + waiting, self._settings.longest_input
        if count > longest:
            raise RunError(f"the text has {count} characters, expected at most {longest}")
        return text

    def _find_voice(self, event: Event) -> str | None:
        """Find the voice that an event names, or one of the language that it names; None for the model's own."""
        voice = event.data.get("voice") or {}
        if not isinstance(voice, dict):
            raise ProtocolError("the voice of an event is an object with a name or a language")
        name, language = voice.get("name"), voice.get("language")
        if not all(each is None or isinstance(each, str) for each in (name, language)):
            raise ProtocolError("the name and the language of a voice are strings")
        if name:
            return str(name)
        return self._voices.choose(language) if language else None


def _find_text(event: Event) -> str:
    text = event.data.get("text")
    if not isinstance(text, str):
        raise ProtocolError(f'"{event.type}" has a "text", which is a string')
    if not text.isprintable() and any("\ud800" <= symbol <= "\udfff" for symbol in text):
        raise ProtocolError(
            f'"{event.type}" has half a character in its text, \\ud800 to \\udfff without the other half'
        )
    return text
