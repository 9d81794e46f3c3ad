"""Puts the application of HTTP together.

Journal --> Access --> BodyLimits --> routes
id, log,    host,      JSON, size,    /v1/...  /healthz /readyz /metrics /openapi.json, and those of the page
metrics     origin,    time
            key
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runner.errors import KokoroError
from runner.serve.http.access import Access
from runner.serve.http.answering import Answering
from runner.serve.http.bodies import BodyLimits
from runner.serve.http.errors import HttpError, Refusals
from runner.serve.http.journal import Journal
from runner.serve.http.lists import HEALTH_PATHS, make_list_routes
from runner.serve.http.live_routes import make_live_routes
from runner.serve.http.metrics import MEDIA_TYPE, Metrics
from runner.serve.http.openapi import describe
from runner.serve.http.page_routes import make_page_routes
from runner.serve.http.request_log import RequestLog
from runner.serve.http.result_routes import make_result_routes
from runner.serve.http.speech import SpeechEndpoint
from runner.serve.results import ResultStore
from runner.serve.service import BusyError
from runner.speech.encoders.formats import FORMATS

if TYPE_CHECKING:
    from starlette.requests import Request

    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings


def create_app(service: Service, settings: ServeSettings) -> Starlette:
    """Make the application; `state.log` of it is closed in the end."""
    metrics, log, refusals = Metrics(service), RequestLog(settings.log), Refusals.of(service)
    metrics.watch_log(log)
    results, answering = ResultStore(settings.result_bytes, settings.result_s), Answering(service, refusals)
    page = make_page_routes() if settings.page else []
    routes = [
        Route("/v1/audio/speech", SpeechEndpoint(service, settings, results, answering), methods=["POST"]),
        *make_result_routes(results),
        *make_list_routes(service, settings),
        *_make_description_routes(metrics, settings),
        *page,
        *(make_live_routes(service, settings, answering) if settings.page else []),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Journal, log=log, metrics=metrics, logs_text=settings.logs_text),
            Middleware(Access, settings=settings, open_paths=[*HEALTH_PATHS, *(route.path for route in page)]),
            Middleware(BodyLimits, settings=settings),
        ],
        exception_handlers=dict.fromkeys(
            (HttpError, HTTPException, KokoroError, BusyError, TimeoutError), refusals.answer
        ),
    )
    app.router.redirect_slashes = False  # the address of a redirection would be made of the header Host
    app.state.log = log
    return app


def _make_description_routes(metrics: Metrics, settings: ServeSettings) -> list[Route]:
    description = describe(settings, FORMATS)

    async def expose_metrics(_: Request) -> Response:
        return Response(metrics.expose(), media_type=MEDIA_TYPE)

    async def show_description(_: Request) -> JSONResponse:
        return JSONResponse(description)

    return [Route("/metrics", expose_metrics), Route("/openapi.json", show_description)]
