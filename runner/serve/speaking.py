"""Speaks one request: reads its paragraphs and speaks their parts as units of work, and tells events in their order.

    worker threads    take --> open a paragraph --> speak part 0, part 1 ... --> events
    event loop        async for event in speaking                             <----'

Parts may be spoken by several workers at a time; their events are told in the order of the text. No more parts are
spoken than the listener is likely to take soon: one that reads slowly keeps nobody else waiting. What is spoken is
bit by bit what the command line gives with `--cut early --joints timed`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING

from runner.errors import RunError
from runner.serve.events import Ended, Measured, Opened, OpenedWord, Spoken, StageTold
from runner.serve.watcher import watching
from runner.speech.edits import Edit
from runner.speech.pieces import PausePiece
from runner.speech.timestamps import WordSpan, join_words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from runner.batch.rows import Row
    from runner.serve.events import Event
    from runner.serve.utterance import Utterance
    from runner.speech.speaker import Part, Speaker
    from runner.speech.speech import Speech
    from runner.speech.timestamps import Span

_AHEAD = 4  # parts that are spoken, or wait for an earlier one, before the listener has taken the first of them
_UNREAD = 2  # paragraphs that are read ahead of the part that is spoken


class Speaking:
    """The job of one request; `scheduler.Job` on the side of the workers, an iterator of events on that of the loop."""

    def __init__(
        self,
        utterance: Utterance,
        rows: Sequence[Row],
        make_speaker: Callable[[], Speaker],
        *,
        rate_hz: int,
        gap: int,
        most: int,
        length_s: float,
        wake: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Begin nothing yet.

        Args:
            make_speaker: makes what speaks the rows; called by a worker.
            rate_hz: of the audio.
            gap: samples of silence between two rows.
            most: samples that may be spoken.
            length_s: the time that may be spent on the length of the whole [s].
            wake: called when there may be a new unit of work.
            loop: in which the events are told.
        """
        self.utterance, self.rows = utterance, rows
        self._make_speaker, self._gap, self._most, self._length_s = make_speaker, gap, most, length_s
        self._rate_hz, self._wake, self._loop = rate_hz, wake, loop
        self._lock = threading.Lock()
        self._speaker: Speaker | None = None
        self._speeches: list[Speech] = []
        self._ready = 0  # rows whose parts may be spoken: the length of the whole is told before them
        self._next = (0, 0)  # the row and part that is spoken next
        self._running, self._opening = 0, False
        self._parts: dict[tuple[int, int], Part] = {}  # spoken, but not told: an earlier part is under way
        self._told, self._untaken, self._samples = (0, 0), 0, 0
        self._silence = 0  # samples of the pauses that were asked for, in the rows so far
        self._closed, self._ended = False, False
        self._began = time.perf_counter()
        self._first_s: float | None = None
        self._due = self._began
        self._events: asyncio.Queue[Event | BaseException] = asyncio.Queue()

    # --- by the workers

    @property
    def due(self) -> float:
        """When the listener needs the next part: at once before the first, then when the parts so far are heard."""
        return self._due

    def take(self) -> Callable[[], None] | None:
        """Give a unit of work that may begin now; None if none may."""
        with self._lock:
            if self._closed or self._ended:
                return None
            row, part = self._next
            if row < self._ready and self._untaken + self._running + len(self._parts) < _AHEAD:
                self._next = self._follow(row, part)
                self._running += 1
                speech = self._speeches[row]
                return lambda: self._speak(speech, row, part)
            opened = len(self._speeches)
            if opened < len(self.rows) and not self._opening and opened <= row + _UNREAD:
                self._opening = True
                self._running += 1
                return self._open_next
            return None

    def is_done(self) -> bool:
        """Whether no unit is left, nor under way."""
        with self._lock:
            return (self._closed or self._ended) and self._running == 0

    def fail(self, error: BaseException) -> None:
        """Take an error of a unit: no other unit is wanted."""
        with self._lock:
            self._running -= 1
            was_closed, self._closed = self._closed, True
        if not was_closed:
            self._tell(error)

    def _follow(self, row: int, part: int) -> tuple[int, int]:
        return (row, part + 1) if part + 1 < len(self._speeches[row]) else self._skip_silent(row + 1)

    def _skip_silent(self, row: int) -> tuple[int, int]:
        """Find the first row from `row` on that has a part to speak, or is not open yet."""
        while row < len(self._speeches) and (self.utterance.only_read or not len(self._speeches[row])):
            row += 1
        return row, 0

    def _open_next(self) -> None:
        """Read the next paragraph; the first time, find the length of the whole if it is asked for."""
        if self._speaker is None:
            self._speaker = self._make_speaker()
        first = not self._speeches
        self._open_row()
        if first and self.utterance.needs_length:
            self._measure()
        with self._lock:
            self._opening = False
            self._running -= 1
            self._ready = len(self._speeches)
            self._next = self._skip_silent(self._next[0]) if self._next[1] == 0 else self._next
        self._tell_spoken()

    def _open_row(self) -> None:
        assert self._speaker is not None
        row = self.rows[len(self._speeches)]
        given = self.utterance.edits.items()
        edits = [Edit(word, phonemes) for (number, word), phonemes in given if number == len(self._speeches)]
        with self._watching(len(self._speeches), 0):
            speech = self._speaker.begin(row, phonemes=self.utterance.is_phonemes, edits=edits)
        pauses = sum(piece.seconds for piece in speech.pieces if isinstance(piece, PausePiece))
        self._silence += round(pauses * self._rate_hz)
        self._refuse_longer(self._silence)
        words = [OpenedWord(w.text, w.start, w.end, w.phonemes, w.source) for w in speech.words]
        with self._lock:
            number = len(self._speeches)
            self._speeches.append(speech)
        self._tell(Opened(number, row.text, speech.phonemes, words, len(speech)))

    def _measure(self) -> None:
        """Find the samples of the whole, unless that takes too long."""
        deadline = time.perf_counter() + self._length_s
        total, number = 0, 0
        while number < len(self.rows):
            if number == len(self._speeches):
                self._open_row()
            speech = self._speeches[number]
            for part in range(len(speech)):
                with self._watching(number, part):
                    samples = None if time.perf_counter() > deadline else speech.advance(part)
                if samples is None:
                    self._tell(Measured(None))
                    return
                total += samples + (self._gap if total and part == 0 else 0)
                self._refuse_longer(total)
            number += 1
        self._tell(Measured(total))

    def _speak(self, speech: Speech, row: int, part: int) -> None:
        self._refuse_longer(self._samples)
        with self._watching(row, part):
            spoken = speech.finish(part)
        with self._lock:
            self._parts[row, part] = spoken
            self._running -= 1
        self._tell_spoken()

    def _refuse_longer(self, samples: float) -> None:
        """Refuse a request that gives more audio than is allowed: pauses make much of it out of a few characters.

        Raises:
            RunError: it does.
        """
        if samples > self._most:
            most_s = self._most / self._rate_hz
            raise RunError(f"input: gives more than {most_s:g} s of audio, which is the most; send it in parts")

    def _tell_spoken(self) -> None:
        """Tell the parts whose turn it is, and the end."""
        with self._lock:
            self._told = self._skip_silent(self._told[0]) if self._told[1] == 0 else self._told
            while not self._closed and self._told in self._parts:
                row, number = self._told
                part = self._parts.pop(self._told)
                silence = self._gap if self._samples and number == 0 else 0
                self._first_s = self._first_s or time.perf_counter() - self._began
                self._samples += silence
                self._untaken += 1
                words = part.words or [_make_word(span) for span in join_words(part.spans)]
                told = (part.audio, words, part.timings, part.curves)
                self._tell(Spoken(row, number, self._samples, silence, *told))
                self._samples += part.audio.size
                self._due = self._began + self._first_s + self._samples / self._rate_hz
                self._told = self._follow(row, number)
            if self._told[0] == len(self.rows) and not self._closed and not self._ended:
                self._ended = True
                total_s = time.perf_counter() - self._began
                self._tell(Ended(self._samples, self._first_s or total_s, total_s))

    def _watching(self, row: int, part: int) -> contextlib.AbstractContextManager[None]:
        """Tell what stages do for a part, if somebody watches."""
        if not self.utterance.watched:
            return contextlib.nullcontext()
        return watching(lambda stage, status, seconds: self._tell(StageTold(row, part, stage, status, seconds)))

    def _tell(self, event: Event | BaseException) -> None:
        try:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        except RuntimeError:  # the loop has ended: nobody listens
            self._closed = True

    # --- in the event loop

    def cancel(self) -> None:
        """Stop: no other unit begins, and what is under way is dropped when it ends."""
        with self._lock:
            self._closed = True
            self._parts.clear()
        self._wake()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Give the events.

        Raises:
            KokoroError: what is to be spoken cannot be.
            Exception: an internal error.
        """
        try:
            while True:
                event = await self._events.get()
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, Spoken):
                    with self._lock:
                        self._untaken -= 1
                    self._wake()
                yield event
                if isinstance(event, Ended):
                    return
        finally:
            self.cancel()


def _make_word(span: Span) -> WordSpan:
    """Make a word of phonemes."""
    return WordSpan(span.text, span.column, span.start, span.end, span.text)
