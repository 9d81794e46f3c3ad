"""Speaks what requests ask for, whichever protocol they came by: HTTP, Wyoming.

    request = service.submit(Utterance("Hello."))
    try:
        async for event in request: ...
    finally:
        request.close()

The pipeline is one for all requests: its weights are in memory once, its cache serves all of them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from runner.batch.row_runner import find_texts
from runner.batch.rows import PARAGRAPHS, from_option
from runner.engine.options import RunOptions
from runner.errors import EditError, KokoroError, RunError
from runner.graph.selection import Scope
from runner.serve.events import Ended, Spoken
from runner.serve.scheduler import Scheduler
from runner.serve.speaking import Speaking
from runner.serve.watcher import Watcher
from runner.speech.delivery import Delivery
from runner.speech.line_runner import find_cut
from runner.speech.model import VOICE
from runner.speech.pauses import PARAGRAPH_PAUSE_S
from runner.speech.speaker import Speaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline
    from runner.runtime.values import Array
    from runner.serve.events import Event
    from runner.serve.settings import ServeSettings
    from runner.serve.utterance import Utterance
    from runner.serve.voices import NamedVoices

_NONE: Mapping[str, object] = {}
_EVERY = Scope()
DELIVERY = Delivery(cut="early", joints="timed")


class BusyError(Exception):
    """The queue is full, or the server is about to end.

    Attributes:
        retry_s: after which it is worth trying again.
        ending: whether the server is about to end.
    """

    def __init__(self, retry_s: int, *, ending: bool) -> None:
        super().__init__("the server is about to end" if ending else "all places of the queue are taken")
        self.retry_s, self.ending = retry_s, ending


class Observer:
    """Does nothing at what happens to requests; a subclass counts it."""

    def refused(self) -> None:
        """The queue was full."""

    def began(self) -> None:
        """A request is taken on."""

    def first_part(self, seconds: float) -> None:
        """The first part of a request is spoken, after so many seconds."""

    def ended(self, outcome: str, audio_s: float, seconds: float) -> None:
        """A request has ended: `ok`, `refused` for what cannot be spoken, `cancelled`, `late` or `failed`."""


class Request:
    """A request that was taken on: gives its events, and ends its work when it is closed."""

    def __init__(self, speaking: Speaking, rate_hz: int, longest_s: float, observers: Sequence[Observer]) -> None:
        """Tell the observers that it has begun.

        Args:
            longest_s: the time that it may take [s].
        """
        self._speaking, self._rate_hz, self._observers = speaking, rate_hz, observers
        self._start = time.perf_counter()
        self._deadline = asyncio.get_running_loop().time() + longest_s
        self._outcome, self._samples, self._closed = "cancelled", 0, False
        for observer in observers:
            observer.began()

    @property
    def deadline(self) -> float:
        """The time at which it ends at the latest, by the clock of the loop [s]."""
        return self._deadline

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Give the events.

        Raises:
            KokoroError: what is to be spoken cannot be.
            TimeoutError: it takes longer than the settings allow.
        """
        events = aiter(self._speaking)
        try:
            while (event := await self._wait(events)) is not None:
                self._note(event)
                yield event
        except TimeoutError:
            self._outcome = "late"
            raise
        except KokoroError:
            self._outcome = "refused"
            raise
        except Exception:
            self._outcome = "failed"
            raise

    async def _wait(self, events: AsyncIterator[Event]) -> Event | None:
        """Wait for the next event; None at the end. No timeout is set while the listener is busy with one."""
        if asyncio.get_running_loop().time() > self._deadline:
            raise TimeoutError
        async with asyncio.timeout_at(self._deadline):
            return await anext(events, None)

    def close(self) -> None:
        """End the work within a part; a second call does nothing."""
        self._speaking.cancel()
        if not self._closed:
            self._closed = True
            if self._outcome == "cancelled" and asyncio.get_running_loop().time() > self._deadline:
                self._outcome = "late"  # its listener was still busy with an event
            for observer in self._observers:
                observer.ended(self._outcome, self._samples / self._rate_hz, time.perf_counter() - self._start)

    def _note(self, event: Event) -> None:
        if isinstance(event, Spoken):
            if not self._samples:
                for observer in self._observers:
                    observer.first_part(time.perf_counter() - self._start)
            self._samples = event.start + event.audio.size
        elif isinstance(event, Ended):
            self._outcome = "ok"


class Service:
    """A pipeline that speaks for requests.

    Attributes:
        pipeline: runs the graph, with durations among its outputs.
        voices: that requests may name.
        settings: the limits.
        rate_hz: of the audio.
        takes_text: whether the graph makes phonemes of text.
        observers: told what happens to requests.
    """

    def __init__(
        self, pipeline: Pipeline, voices: NamedVoices, settings: ServeSettings, params: Mapping[str, object] = _NONE
    ) -> None:
        """Start the workers, as many as the pipeline has.

        Args:
            pipeline: of a graph that `with_durations` gave, with a resolver for voices that is `voices.resolve`.
            params: of the graph, for all requests that give no others.

        Raises:
            RunError: the graph does not speak.
        """
        self.pipeline, self.voices, self.settings = pipeline, voices, settings
        texts = find_texts(pipeline.graph)
        if len(texts) != 1:
            raise RunError(f"{pipeline.graph.path}: a graph that is served takes one text, this one takes {len(texts)}")
        self._lines, self._params = texts[0], dict(params)
        cut = find_cut(pipeline.graph)
        self.takes_text = cut is not None and str(cut) != f"input.{self._lines}"
        self.rate_hz = self._make_speaker(None, {}).rate_hz
        self.observers: list[Observer] = []
        pipeline.observers.append(Watcher())
        self._scheduler = Scheduler(pipeline.workers.count)
        self._ending = False

    @property
    def count(self) -> int:
        """The requests that are spoken or wait."""
        return self._scheduler.count

    def warm_up(self) -> None:
        """Speak a few words to nobody, so that the first request waits for nothing that is loaded or compiled late.

        Raises:
            KokoroError: the graph does not speak.
        """
        known = [symbol for symbol in self.pipeline.config.get("vocab", {}) if symbol.isalpha()]
        text = "One, 2." if self.takes_text else "".join(known[:3])
        everything = Scope(refresh=frozenset(self.pipeline.graph.stages))
        speaker = self._make_speaker(self.voices.resolve(None), {}, everything)
        for row in from_option(text, "warm-up"):
            for _ in speaker.run(row):
                pass

    def submit(self, utterance: Utterance) -> Request:
        """Take a request on, which whoever asked for it closes.

        Raises:
            BusyError: the queue is full, or the server is about to end.
            RunError: there is nothing to speak.
            EditError: an edit is of no paragraph of it.
            WeightsError: the voice is not there.
        """
        if self._ending or self.count >= self.settings.queue:
            for observer in self.observers:
                observer.refused()
            raise BusyError(self._estimate_wait(), ending=self._ending)
        as_phonemes = utterance.is_phonemes or not self.takes_text
        rows = _split(utterance.text) if as_phonemes else from_option(utterance.text, "input", PARAGRAPHS)
        for row, _ in utterance.edits:
            if not 0 <= row < len(rows):
                raise EditError(f"an edit of paragraph {row}, but the text has {len(rows)}, from 0")
        voice = self.voices.resolve(utterance.voice)
        speaking = Speaking(
            dataclasses.replace(utterance, is_phonemes=as_phonemes and self.takes_text),
            rows,
            lambda: self._make_speaker(voice, utterance.params, curves=utterance.watched),
            rate_hz=self.rate_hz,
            gap=round(PARAGRAPH_PAUSE_S * self.rate_hz),
            most=round(self.settings.audio_s * self.rate_hz),
            length_s=self.settings.length_s,
            wake=self._scheduler.wake,
            loop=asyncio.get_running_loop(),
        )
        request = Request(speaking, self.rate_hz, self.settings.request_s, self.observers)
        self._scheduler.add(speaking)
        return request

    def speaks(self, params: Mapping[str, object]) -> bool:
        """Whether a text can be read with these parameters; takes the milliseconds of the stages that read it."""
        try:
            self._make_speaker(None, params).begin(from_option("a", "input", PARAGRAPHS)[0])
        except KokoroError:
            return False
        return True

    def end(self) -> None:
        """Take no other request on."""
        self._ending = True

    @property
    def is_ending(self) -> bool:
        """Whether no other request is taken on."""
        return self._ending

    def close(self) -> None:
        """End the workers; what is not spoken by then is not spoken."""
        self.end()
        self._scheduler.close()

    def _make_speaker(
        self,
        voice: Array | None,
        params: Mapping[str, object],
        scope: Scope = _EVERY,
        *,
        curves: bool = False,
    ) -> Speaker:
        inputs = {} if voice is None else {VOICE: voice}
        options = RunOptions({**self._params, **params}, scope=scope)
        return Speaker(self.pipeline, inputs, self._lines, options, timed=True, delivery=DELIVERY, curves=curves)

    def _estimate_wait(self) -> int:
        return 1 + self.count // (4 * self.pipeline.workers.count)


def _split(phonemes: str) -> list[Row]:
    """Make a row of each line of phonemes; blank lines are left out.

    Raises:
        RunError: all are blank.
    """
    lines = [line for line in phonemes.splitlines() if line.strip()]
    return [row for line in lines or [""] for row in from_option(line, "input")]
