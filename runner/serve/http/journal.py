"""Wraps all answers: gives each an id and the headers of safety, logs and counts it, and ends what fails.

The log of an error has the frames that it came through, but not its message, which may quote what was to be spoken.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from runner.serve.http.errors import FAILED, HttpError, make_response
from runner.serve.http.lists import HEALTH_PATHS
from runner.serve.http.sending import GoneError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from runner.serve.http.metrics import Metrics
    from runner.serve.http.request_log import RequestLog

_LOG = logging.getLogger("kokoro_run.serve")
_ENTRY = "kokoro_run.entry"
_MOST = 1000  # requests at a time, whatever they are for: each has a connection and its memory
_LONGEST_PATH = 200  # characters of a path that is no route, in the log
_CROWDED = HttpError(
    503,
    f"{_MOST} requests are under way, which is the most; try again in 5 s",
    code="overloaded",
    headers={"Retry-After": "5"},
)
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_SAFETY = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass
class Entry:
    """What is known of a request when it has been answered.

    Attributes:
        id: of the request.
        status: of the answer; None if none was begun.
        outcome: ok, refused or failed; gone: the client went away; broken: it has a part of the answer, or none as the
            server ended; late: likewise, as the time was up.
        text: what was to be spoken.
        audio_s: that was sent [s]; None for a request that is not for speech.
    """

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    status: int | None = None
    outcome: str = ""
    text: str | None = None
    audio_s: float | None = None


def find_entry(scope: Scope) -> Entry:
    """Find the entry of a request."""
    entry: Entry = scope[_ENTRY]
    return entry


def log_failure(entry: Entry, error: BaseException) -> None:
    """Log an error that is no fault of the client, without its message."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("request %s failed: %s\n%s", entry.id, type(error).__name__, frames)


class Journal:
    """Middleware around all others."""

    def __init__(self, app: ASGIApp, log: RequestLog, metrics: Metrics, *, logs_text: bool) -> None:
        """Keep where answers are told.

        Args:
            logs_text: whether the log has what is spoken.
        """
        self._app, self._log, self._metrics, self._logs_text = app, log, metrics, logs_text
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        entry, start = Entry(), time.perf_counter()
        scope[_ENTRY] = entry
        sending = _sending(send, entry)
        self._under_way += 1
        try:
            if self._under_way > _MOST and scope["path"] not in HEALTH_PATHS:
                await make_response(_CROWDED)(scope, receive, sending)
            else:
                await self._app(scope, receive, sending)
        except GoneError:
            entry.outcome = "gone"
        except asyncio.CancelledError:  # the time that the server had to end is up
            entry.outcome = "broken"
            if entry.status is None:
                await make_response(HttpError(503, "the server has ended", code="ending"))(scope, receive, sending)
            raise
        except Exception as error:  # noqa: BLE001 - the edge: no error of a request ends the server
            entry.outcome = "failed"
            log_failure(entry, error)
            if entry.status is None:  # else the answer stays unfinished, and the connection is closed
                await make_response(HttpError(500, FAILED))(scope, receive, sending)
        finally:
            self._under_way -= 1
            self._tell(scope, entry, time.perf_counter() - start)

    def _tell(self, scope: Scope, entry: Entry, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None)
        status = 499 if entry.status is None else entry.status  # as nginx says that a client went away
        self._metrics.count_answer(route or "other", scope["method"], status)
        line = {
            "id": entry.id,
            "method": scope["method"],
            "path": route or scope["path"][:_LONGEST_PATH],
            "status": status,
            "outcome": entry.outcome or ("ok" if status < 400 else "refused" if status < 500 else "failed"),
            "seconds": round(seconds, 4),
        }
        if entry.text is not None:
            line |= {"audio_seconds": round(entry.audio_s or 0.0, 3), "characters": len(entry.text)}
            line |= {"text": entry.text} if self._logs_text else {}
        self._log.write(line)


def _sending(send: Send, entry: Entry) -> Send:
    """Note the status of an answer, and add headers."""

    async def send_noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            entry.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = entry.id
            for name, value in _SAFETY.items():
                headers.setdefault(name, value)
        await send(message)

    return send_noted
