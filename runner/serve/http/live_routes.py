"""The routes of the page below /api: the graph, speech as it is made, and phonemes of a text.

GET  /api/graph       what can be set, and the stages
POST /api/speak       a stream of server-sent events: opened, stage, spoken, ended; or error, which is the last
POST /api/phonemize   the words of a text with their phonemes; nothing is spoken
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runner.batch.rows import PARAGRAPHS, from_option
from runner.errors import KokoroError, LineError, RunError
from runner.serve.events import Opened, Spoken
from runner.serve.http.graph_json import describe_graph
from runner.serve.http.live_events import frame_event, spell_event, spell_opened
from runner.serve.http.live_request import read_utterance
from runner.serve.service import BusyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from runner.serve.events import Event
    from runner.serve.service import Request as SpeechRequest
    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings
    from runner.serve.utterance import Utterance

_LOG = logging.getLogger("kokoro_run.serve")
_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def make_live_routes(service: Service, settings: ServeSettings) -> list[Route]:
    """Make the routes."""

    async def graph(_: Request) -> Response:
        return JSONResponse(describe_graph(service))

    async def speak(request: Request) -> Response:
        try:
            utterance = read_utterance(await request.body(), service.pipeline.graph, settings.longest_input)
            return EventStream(service.submit(utterance), service.rate_hz)
        except (KokoroError, BusyError) as error:
            return refuse(error)

    async def phonemize(request: Request) -> Response:
        try:
            utterance = read_utterance(await request.body(), service.pipeline.graph, settings.longest_input)
            rows = from_option(utterance.text, "input", PARAGRAPHS)
            opened = [await _open(service, dataclasses.replace(utterance, text=row.text)) for row in rows]
        except (KokoroError, BusyError, TimeoutError) as error:
            return refuse(error)
        return JSONResponse({"rows": [{**spell_opened(each), "row": number} for number, each in enumerate(opened)]})

    return [
        Route("/api/graph", graph),
        Route("/api/speak", speak, methods=["POST"]),
        Route("/api/phonemize", phonemize, methods=["POST"]),
    ]


async def _open(service: Service, utterance: Utterance) -> Opened:
    """Read one paragraph, and speak nothing of it."""
    request = service.submit(utterance)
    try:
        async for event in request:
            if isinstance(event, Opened):
                return event
    finally:
        request.close()
    raise RunError("there is nothing to read")


class EventStream(Response):
    """Sends the events of a request, as they happen; ends its work when the client goes away."""

    def __init__(self, request: SpeechRequest, rate_hz: int) -> None:
        """Take over a request, which is closed in the end."""
        self._request, self._rate_hz = request, rate_hz
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of ASGI
        gone = asyncio.ensure_future(_wait_for_end(receive))
        sending = asyncio.ensure_future(self._send(send))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._request.close()
            for task in (gone, sending):
                task.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _STREAM})
        async for data in self._spell():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _spell(self) -> AsyncIterator[bytes]:
        try:
            async for event in self._request:
                yield await self._frame(event)
        except (KokoroError, TimeoutError) as error:
            yield frame_event({"type": "error", "message": describe_error(error)})
        except Exception:  # noqa: BLE001 - the status is sent: what is left is to say that this is not the whole
            _LOG.exception("a request of the page failed")
            yield frame_event({"type": "error", "message": "the server failed; its log says how"})

    async def _frame(self, event: Event) -> bytes:
        if isinstance(event, Spoken):  # some milliseconds: not in the loop of all requests
            return await asyncio.to_thread(lambda: frame_event(spell_event(event, self._rate_hz)))
        return frame_event(spell_event(event, self._rate_hz))


async def _wait_for_end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def describe_error(error: BaseException) -> str:
    """Describe an error to whom it concerns: of a line, the mistake alone."""
    if isinstance(error, TimeoutError):
        return "this takes longer than the server allows; send a shorter text"
    return error.fact if isinstance(error, LineError) else str(error)


def refuse(error: Exception) -> Response:
    """Answer with an error, before anything else is sent."""
    status, headers = 400, {}
    if isinstance(error, BusyError):
        status, headers = 503 if error.ending else 429, {"Retry-After": str(error.retry_s)}
    elif isinstance(error, TimeoutError):
        status = 504
    kind = "invalid_request_error" if status == 400 else "server_error"
    return JSONResponse(
        {"error": {"message": describe_error(error), "type": kind, "param": None, "code": None}}, status, headers
    )
