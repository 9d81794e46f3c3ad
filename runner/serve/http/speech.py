"""POST /v1/audio/speech: speaks, as OpenAI's endpoint of this name does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import Request

from runner.serve.http.bodies import read_body
from runner.serve.http.result_routes import RESULTS
from runner.serve.http.sending import Answer
from runner.serve.http.speech_answers import EventAnswer, SpeechAnswer
from runner.serve.http.speech_body import SpeechBody, make_utterance
from runner.speech.encoders.formats import FORMATS

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from runner.serve.http.answering import Answering
    from runner.serve.results import ResultStore
    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings

_STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # no proxy waits for the whole


class SpeechEndpoint:
    """Answers requests for speech; an application of ASGI."""

    def __init__(self, service: Service, settings: ServeSettings, results: ResultStore, answering: Answering) -> None:
        """Take what speaks, and where finished audio is kept."""
        self._service, self._settings, self._results, self._answering = service, settings, results, answering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak, until the end or until the client goes away.

        Raises:
            HttpError: what is asked for cannot be spoken, and nothing has been sent yet.
            GoneError: the client has gone away.
        """
        body = await read_body(Request(scope, receive), SpeechBody)
        utterance = make_utterance(body, self._service.pipeline.graph, self._settings)
        speech = self._make_speech(body, Answer(send), streams=scope["http_version"] != "1.0")
        if not utterance.needs_length:
            await speech.begin()
        try:
            await self._answering.answer(scope, receive, utterance, body, speech)
        finally:
            if speech.is_begun:  # what is refused keeps nothing
                asyncio.get_running_loop().call_later(self._settings.result_s + 1, self._results.drop_expired)

    def _make_speech(self, body: SpeechBody, answer: Answer, *, streams: bool) -> SpeechAnswer:
        draft = self._results.open(FORMATS[body.format])
        headers = {**_STREAMED, "X-Result": f"{RESULTS}/{draft.id}"}
        if body.instructions:
            headers["X-Ignored"] = "instructions"
        timed, rate_hz = bool(body.return_timing), self._service.rate_hz
        if body.stream_format == "sse":  # whose last event says that it is the last
            return EventAnswer(answer, draft, body.format, rate_hz, headers, timed=timed)
        return SpeechAnswer(answer, draft, body.format, rate_hz, headers, timed=timed, streams=streams)
