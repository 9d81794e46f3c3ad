"""Reads bodies of requests: JSON, of limited size, in limited time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import pydantic
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from runner.serve.http.errors import HttpError
from runner.serve.http.sending import GoneError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from runner.serve.settings import ServeSettings

_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
BodyT = TypeVar("BodyT", bound=pydantic.BaseModel)


class BodyLimits:
    """Middleware that refuses a body when it is read: of another type than JSON, too large, or too slow."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        """Take the limits of the settings."""
        self._app, self._longest, self._stall_s = app, settings.longest_body, settings.stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a body that is limited."""
        if scope["type"] == "http" and scope["method"] not in _WITHOUT_BODY:
            receive = LimitedBody(Headers(scope=scope), receive, self._longest, self._stall_s)
        await self._app(scope, receive, send)


class LimitedBody:
    """Receives a body; ASGI's `receive` of a request."""

    def __init__(self, headers: Headers, receive: Receive, longest: int, stall_s: float) -> None:
        self._headers, self._receive, self._longest, self._stall_s = headers, receive, longest, stall_s
        self._size, self._is_whole = 0, False
        self._deadline: float | None = None

    async def __call__(self) -> Message:
        """Receive a piece.

        Raises:
            HttpError: the body is of another type, too large, or too slow.
        """
        if self._is_whole:
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._stall_s
            self._check_headers()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            message_ = f"the body did not come within {self._stall_s:g} s"
            raise HttpError(408, message_, headers={"Connection": "close"}) from None
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._size > self._longest:
            raise self._make_size_error()
        return message

    def _check_headers(self) -> None:
        media_type = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise HttpError(415, "the body must be of the type application/json")
        if self._headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise HttpError(415, "the body must not be compressed")
        size = self._headers.get("content-length", "")
        if size.isdecimal() and int(size) > self._longest:
            raise self._make_size_error()

    def _make_size_error(self) -> HttpError:
        return HttpError(
            413, f"the body has more than {self._longest} bytes, expected at most that; send a shorter text"
        )


async def read_body(request: Request, model: type[BodyT]) -> BodyT:
    """Read the body of a request.

    Raises:
        HttpError: it is not UTF-8, not JSON, or not of the model; the message says where.
        GoneError: the client goes away before it is there.
    """
    try:
        return model.model_validate_json(await request.body())
    except ClientDisconnect:
        raise GoneError from None
    except pydantic.ValidationError as error:
        raise _convert(error) from None


def _convert(error: pydantic.ValidationError) -> HttpError:
    """Describe the first mistake of a body."""
    mistake = error.errors(include_url=False, include_input=False, include_context=True)[0]
    place = str(mistake["loc"][0]) if mistake["loc"] else ""
    if mistake["type"] == "json_invalid":
        return HttpError(400, f"the body is not JSON in UTF-8: {mistake['msg'].removeprefix('Invalid JSON: ')}")
    if mistake["type"] == "extra_forbidden":
        return HttpError(400, f"{place}: there is no such field", param=place, code="unknown_parameter")
    said = f"{mistake['msg'][:1].lower()}{mistake['msg'][1:]}"
    return HttpError(400, f"{place}: {said}" if place else said, param=place or None)
