"""Decides who may ask: by the name that the server is called by, the page that asks, and the key.

    Host     of a name that is not ours: a web page had its own name resolved to this machine          421
    Origin   of another page, that is not allowed to: it reaches a server on loopback, too             403
    key      missing, or another                                                                       401

Addresses need no list: a page of another machine is never called by an address of this one.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from runner.serve.http.errors import HttpError, make_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from runner.serve.settings import ServeSettings

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::(\d{1,5}))?")
_DEFAULT_PORTS = ("80", "443")
_EXPOSED = "Content-Length, Content-Range, ETag, Retry-After, X-Audio-Length, X-Ignored, X-Request-Id, X-Result"
_PREFLIGHT_S = 600


class Access:
    """Middleware that refuses who may not ask."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, open_paths: Iterable[str]) -> None:
        """Take the names, origins and the key of the settings.

        Args:
            open_paths: that need no key.
        """
        self._app, self._open_paths = app, frozenset(open_paths)
        self._names = {name.lower().rstrip(".") for name in (*settings.hosts, settings.host, "localhost")}
        self._origins = {origin.lower().rstrip("/") for origin in settings.origins}
        self._key = settings.key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        allowed = self._find_allowed_origin(headers)
        send = send if allowed is None else _allowing(send, allowed)
        try:
            self._check_host(headers)
            self._check_origin(scope["method"], headers, allowed)
            if allowed is not None and _is_preflight(scope["method"], headers):
                await _answer_preflight(headers)(scope, receive, send)
                return
            self._check_key(scope["path"], headers)
        except HttpError as error:
            await make_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        given = headers.getlist("host")
        found = split_authority(given[0]) if len(given) == 1 else None
        if found is None or not (_is_address(found[0]) or found[0] in self._names):
            message = "the server is not called by this name; start it with --allowed-host NAME if it is"
            raise HttpError(421, message, code="wrong_host")

    def _find_allowed_origin(self, headers: Headers) -> str | None:
        origin = headers.get("origin")
        return origin if origin is not None and origin.lower() in self._origins else None

    def _check_origin(self, method: str, headers: Headers, allowed: str | None) -> None:
        """Refuse the page of another site that has not been allowed to, unless it only asks and cannot read."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if allowed is not None or (method in _SAFE_METHODS and not _is_preflight(method, headers)):
            return
        foreign = site not in ("none", "same-origin") if origin is None else not _is_same(origin, headers["host"])
        if foreign:
            message = "a web page of another origin may not ask; start the server with --cors ORIGIN if it may"
            raise HttpError(403, message, code="wrong_origin")

    def _check_key(self, path: str, headers: Headers) -> None:
        if not self._key or path in self._open_paths:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        is_key = hmac.compare_digest(given.strip().encode("latin-1"), self._key)
        if not is_key or scheme.lower() != "bearer":
            message = "this needs the server's API key: send the header `Authorization: Bearer KEY`"
            raise HttpError(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})


def split_authority(text: str) -> tuple[str, str] | None:
    """Split `name:port` into a name of lower case and a port, '' for the default one; None if it is neither."""
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None:
        return None
    name, port = found[1].rstrip("."), found[2] or ""
    return name, "" if port in _DEFAULT_PORTS else port


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_same(origin: str, host: str) -> bool:
    """Whether the page of an origin is the server's own. A proxy may have taken TLS off: the scheme says nothing."""
    scheme, _, authority = origin.partition("://")
    found = split_authority(authority)
    return scheme in ("http", "https") and found is not None and found == split_authority(host)


def _is_preflight(method: str, headers: Headers) -> bool:
    return method == "OPTIONS" and "access-control-request-method" in headers


def _answer_preflight(headers: Headers) -> Response:
    wanted = headers.get("access-control-request-headers", "")
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": "GET, HEAD, POST",
            "Access-Control-Allow-Headers": wanted,  # the page is allowed to ask: with whatever its client adds
            "Access-Control-Max-Age": str(_PREFLIGHT_S),
        },
    )


def _allowing(send: Send, origin: str) -> Send:
    """Let the page of an origin read the answer."""

    async def send_allowing(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = _EXPOSED
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            headers.add_vary_header("Origin")
        await send(message)

    return send_allowing
