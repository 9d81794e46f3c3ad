"""The routes of the page below /api: the graph, speech as it is made, and the phonemes of a text.

GET  /api/graph       what can be set, and the stages
POST /api/speak       a stream of server-sent events: opened, stage, spoken, ended; or error, which is the last
POST /api/phonemize   the words of a text with their phonemes; nothing is spoken
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from runner.serve.events import Opened
from runner.serve.http.bodies import read_body
from runner.serve.http.errors import HttpError
from runner.serve.http.graph_json import describe_graph
from runner.serve.http.live_events import LiveAnswer, spell_opened
from runner.serve.http.sending import Answer
from runner.serve.http.speech_body import SpeechBody, make_utterance

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from runner.serve.http.answering import Answering
    from runner.serve.service import Request as SpeechRequest
    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings


def make_live_routes(service: Service, settings: ServeSettings, answering: Answering) -> list[Route]:
    """Make the routes."""

    async def show_graph(_: Request) -> JSONResponse:
        return JSONResponse(describe_graph(service))

    async def phonemize(request: Request) -> JSONResponse:
        body = await read_body(request, SpeechBody)
        utterance = make_utterance(body, service.pipeline.graph, settings)
        if utterance.is_phonemes or not service.takes_text:
            raise HttpError(400, "input: expected text, found phonemes", param="input")
        reading = Reading()
        only_read = dataclasses.replace(utterance, needs_length=False, only_read=True)
        await answering.answer(request.scope, request.receive, only_read, body, reading)
        return JSONResponse({"rows": reading.rows}, headers={"Cache-Control": "no-store"})

    return [
        Route("/api/graph", show_graph),
        Route("/api/speak", LiveEndpoint(service, settings, answering), methods=["POST"]),
        Route("/api/phonemize", phonemize, methods=["POST"]),
    ]


class Reading:
    """An answer that is sent when all of a text is read; a `SpokenAnswer`.

    Attributes:
        rows: the paragraphs.
    """

    is_begun, audio_s = False, 0.0

    def __init__(self) -> None:
        """Begin without paragraphs."""
        self.rows: list[dict[str, Any]] = []

    async def send(self, request: SpeechRequest) -> None:
        """Collect the paragraphs."""
        self.rows = [spell_opened(event) async for event in request if isinstance(event, Opened)]

    async def break_off(self, error: HttpError) -> None:
        """Do nothing: the error is the answer."""


class LiveEndpoint:
    """Answers with the events of speech as they happen; an application of ASGI."""

    def __init__(self, service: Service, settings: ServeSettings, answering: Answering) -> None:
        """Take what speaks."""
        self._service, self._settings, self._answering = service, settings, answering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak, until the end or until the client goes away.

        Raises:
            HttpError: what is asked for cannot be spoken, and nothing has been sent yet.
            GoneError: the client has gone away.
        """
        body = await read_body(Request(scope, receive), SpeechBody)
        made = make_utterance(body, self._service.pipeline.graph, self._settings)
        utterance = dataclasses.replace(made, needs_length=False, watched=True)
        live = LiveAnswer(Answer(send), self._service.rate_hz)
        await self._answering.answer(scope, receive, utterance, body, live)
