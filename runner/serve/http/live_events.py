"""Sends the events of a request to the page, each as JSON; audio is base64 of 16-bit samples.

data: {"type": "opened", "row": 0, "text": "Hi.", "words": [{"text": "Hi", "phonemes": "hˈI", ...}], ...}
data: {"type": "stage", "row": 0, "part": 0, "stage": "bert", "status": "run", "seconds": 0.012}
data: {"type": "spoken", "row": 0, "part": 0, "start": 0.0, "audio": "AAAB...", "words": [...], "curves": [...], ...}
data: {"type": "ended", "seconds": 1.2, "first_s": 0.1, "total_s": 0.1}
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

from runner.serve.events import Ended, Measured, Opened, Spoken, StageTold
from runner.speech.pcm import round_to_16_bits

if TYPE_CHECKING:
    from runner.serve.events import Event
    from runner.serve.http.errors import HttpError
    from runner.serve.http.sending import Answer
    from runner.serve.service import Request
    from runner.speech.curves import Curve

_DIGITS = 3  # of values of curves: less than anyone sees


_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # of nginx, which would hold events back
}


class LiveAnswer:
    """The events of one request.

    Attributes:
        audio_s: the audio that was sent [s].
    """

    def __init__(self, answer: Answer, rate_hz: int) -> None:
        """Send nothing yet."""
        self._answer, self._rate_hz = answer, rate_hz
        self.audio_s = 0.0

    @property
    def is_begun(self) -> bool:
        """Whether the status has been sent."""
        return self._answer.is_begun

    async def send(self, request: Request) -> None:
        """Send the events; nothing before the first paragraph is read, so that an error in it has its status."""
        early = b""
        async for event in request:
            # Spelling audio takes milliseconds, in which the loop of all requests would stand still.
            frame = await asyncio.to_thread(self._frame, event) if isinstance(event, Spoken) else self._frame(event)
            if not self.is_begun and isinstance(event, StageTold):
                early += frame
                continue
            if not self.is_begun:
                await self._answer.begin(_HEADERS)
            await self._answer.write(early + frame)
            early = b""
        await self._answer.end()

    async def break_off(self, error: HttpError) -> None:
        """Send an error, which is the last event."""
        await self._answer.write(frame_event({"type": "error", "message": str(error), "status": error.status}))
        await self._answer.end()

    def _frame(self, event: Event) -> bytes:
        if isinstance(event, Spoken):
            self.audio_s = (event.start + event.audio.size) / self._rate_hz
        return frame_event(spell_event(event, self._rate_hz))


def spell_event(event: Event, rate_hz: int) -> dict[str, Any]:
    """Spell an event; times are in seconds."""
    match event:
        case Opened():
            return {"type": "opened", **spell_opened(event)}
        case Measured():
            return {"type": "measured", "seconds": None if event.samples is None else event.samples / rate_hz}
        case StageTold():
            told = {"row": event.row, "part": event.part, "stage": event.stage, "status": event.status}
            return {"type": "stage", **told, "seconds": round(event.seconds, 6)}
        case Spoken():
            return {"type": "spoken", **_spell_spoken(event, rate_hz)}
        case Ended():
            times = {"first_s": round(event.first_s, 6), "total_s": round(event.total_s, 6)}
            return {"type": "ended", "seconds": event.samples / rate_hz, **times}


def spell_opened(event: Opened) -> dict[str, Any]:
    """Spell what is known of a paragraph before it is spoken."""
    words = [
        {"text": word.text, "start": word.start, "end": word.end, "phonemes": word.phonemes, "source": word.source}
        for word in event.words
    ]
    return {"row": event.row, "text": event.text, "phonemes": event.phonemes, "words": words, "parts": event.parts}


def frame_event(data: dict[str, Any]) -> bytes:
    """Make the frame of a stream of server-sent events."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _spell_spoken(event: Spoken, rate_hz: int) -> dict[str, Any]:
    words = [
        {
            "text": word.text,
            "column": word.column - 1,
            "start": round((event.start + word.start) / rate_hz, 6),
            "end": round((event.start + word.end) / rate_hz, 6),
            "phonemes": word.phonemes,
        }
        for word in event.words
    ]
    return {
        "row": event.row,
        "part": event.part,
        "start": event.start / rate_hz,
        "samples": event.audio.size,
        "audio": base64.b64encode(round_to_16_bits(event.audio).tobytes()).decode("ascii"),
        "words": words,
        "curves": [_spell_curve(curve, event.start, rate_hz) for curve in event.curves],
        "stages": {name: round(seconds, 6) for name, seconds in event.seconds.items()},
    }


def _spell_curve(curve: Curve, start: int, rate_hz: int) -> dict[str, Any]:
    values = [round(value, _DIGITS) for value in curve.values.tolist()]
    return {
        "name": curve.name,
        "start": (start + curve.start) / rate_hz,
        "step": curve.step / rate_hz,
        "values": values,
    }
