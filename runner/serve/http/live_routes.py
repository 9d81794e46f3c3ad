"""The routes of the page below /api: the graph, speech as it is made, and the phonemes of a text.

GET  /api/graph       what can be set, and the stages
POST /api/speak       a stream of server-sent events: opened, stage, spoken, ended; or error, which is the last
POST /api/phonemize   the words of a text with their phonemes; nothing is spoken
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from runner.errors import KokoroError
from runner.serve.events import Opened
from runner.serve.http.bodies import read_body
from runner.serve.http.errors import HttpError, Refusals
from runner.serve.http.graph_json import describe_graph
from runner.serve.http.journal import find_entry, log_failure
from runner.serve.http.live_events import LiveAnswer, spell_opened
from runner.serve.http.sending import Answer, GoneError, while_connected
from runner.serve.http.speech import convert_error
from runner.serve.http.speech_body import SpeechBody, make_utterance

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings
    from runner.serve.utterance import Utterance


def make_live_routes(service: Service, settings: ServeSettings) -> list[Route]:
    """Make the routes."""

    async def show_graph(_: Request) -> JSONResponse:
        return JSONResponse(describe_graph(service))

    async def phonemize(request: Request) -> JSONResponse:
        body = await read_body(request, SpeechBody)
        utterance = make_utterance(body, service.pipeline.graph, settings)
        if utterance.is_phonemes or not service.takes_text:
            raise HttpError(400, "input: expected text, found phonemes", param="input")
        reading = service.submit(dataclasses.replace(utterance, only_read=True))
        try:
            rows = [spell_opened(event) async for event in reading if isinstance(event, Opened)]
        finally:
            reading.close()
        return JSONResponse({"rows": rows}, headers={"Cache-Control": "no-store"})

    return [
        Route("/api/graph", show_graph),
        Route("/api/speak", LiveEndpoint(service, settings), methods=["POST"]),
        Route("/api/phonemize", phonemize, methods=["POST"]),
    ]


class LiveEndpoint:
    """Answers with the events of speech as they happen; an application of ASGI."""

    def __init__(self, service: Service, settings: ServeSettings) -> None:
        """Take what speaks."""
        self._service, self._settings, self._refusals = service, settings, Refusals.of(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak, until the end or until the client goes away.

        Raises:
            HttpError: what is asked for cannot be spoken, and nothing has been sent yet.
        """
        body = await read_body(Request(scope, receive), SpeechBody)
        made = make_utterance(body, self._service.pipeline.graph, self._settings)
        utterance = dataclasses.replace(made, needs_length=False, watched=True)
        entry = find_entry(scope)
        entry.text = body.text
        live = LiveAnswer(Answer(send), self._service.rate_hz)
        try:
            await self._speak(receive, utterance, live)
        except GoneError:  # which the journal tells
            raise
        except Exception as error:
            refusal = convert_error(self._refusals, error, body)
            if not live.is_begun:
                raise refusal from error
            entry.outcome = "late" if isinstance(error, TimeoutError) else "broken"
            if not isinstance(error, KokoroError | TimeoutError):
                log_failure(entry, error)
            await live.fail(refusal)
        finally:
            entry.audio_s = live.audio_s

    async def _speak(self, receive: Receive, utterance: Utterance, live: LiveAnswer) -> None:
        request = self._service.submit(utterance)
        try:
            await while_connected(receive, live.send(request))
        finally:
            request.close()
