"""Bodies of requests: JSON of limited size in limited time, else a clean refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pydantic
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runner.serve.http.bodies import BodyLimits, read_body
from runner.serve.http.errors import HttpError, Refusals
from runner.serve.settings import ServeSettings
from tests.runner.serve.http.servers import connect, running

LIMITS = ServeSettings(longest_body=1000, stall_s=0.5)


class Body(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    text: str
    speed: float = pydantic.Field(1.0, ge=0.25)


async def echo(request: Request) -> Response:
    body = await read_body(request, Body)
    return JSONResponse({"text": body.text})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = Starlette(
        routes=[Route("/", echo, methods=["POST"])],
        middleware=[Middleware(BodyLimits, settings=LIMITS)],
        exception_handlers={HttpError: Refusals().answer},
    )
    with running(app, LIMITS.stall_s) as address:
        yield address


def test_body_is_read(url: str) -> None:
    got = httpx.post(
        url, json={"text": "Hél \U0001f600", "speed": 1}, headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert got.json() == {"text": "Hél \U0001f600"}


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        (b"", None, "the body is not JSON in UTF-8: "),
        (b"{", None, "the body is not JSON in UTF-8: "),
        (b'{"text": "\xff"}', None, "the body is not JSON in UTF-8: "),
        (b'{"text": "\\ud800"}', None, "the body is not JSON in UTF-8: "),
        (b'{"text": "a"}}', None, "the body is not JSON in UTF-8: "),
        (b"[" * 900, None, "the body is not JSON in UTF-8: "),
        (b"[]", None, "input should be an object"),
        (b"null", None, "input should be an object"),
        (b"{}", "text", "text: field required"),
        (b'{"text": 1}', "text", "text: input should be a valid string"),
        (b'{"text": "a", "tone": 1}', "tone", "tone: there is no such field"),
        (b'{"text": "a", "speed": "1"}', "speed", "speed: input should be a valid number"),
        (b'{"text": "a", "speed": true}', "speed", "speed: input should be a valid number"),
        (b'{"text": "a", "speed": 0.1}', "speed", "speed: input should be greater than or equal to 0.25"),
        (b'{"text": "a", "speed": NaN}', "speed", "speed: input should be a finite number"),
        (b'{"text": "a", "speed": 1e999}', "speed", "speed: input should be a finite number"),
    ],
)
def test_body_that_is_none_is_refused_with_the_field(url: str, body: bytes, param: str | None, message: str) -> None:
    got = httpx.post(url, content=body, headers={"Content-Type": "application/json"})
    error = got.json()["error"]
    assert (got.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert error["message"].startswith(message)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "text/plain; application/json"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
def test_body_of_another_type_is_refused(url: str, headers: dict[str, str]) -> None:
    assert httpx.post(url, content=b'{"text": "a"}', headers=headers).status_code == 415


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("size", [1001, 10_000_000])
def test_large_body_is_refused_and_the_connection_goes_on(url: str, size: int, streamed: bool) -> None:
    body = b" " * size
    content = (body[at : at + 65536] for at in range(0, size, 65536)) if streamed else body
    with httpx.Client() as client:
        got = client.post(url, content=content, headers={"Content-Type": "application/json"})
        assert (got.status_code, got.json()["error"]["code"]) == (413, None)
        assert client.post(url, json={"text": "a"}).json() == {"text": "a"}


def test_body_of_the_largest_size_is_read(url: str) -> None:
    body = json.dumps({"text": "a" * (1000 - len('{"text": ""}'))}).encode()
    assert len(body) == 1000
    assert httpx.post(url, content=body, headers={"Content-Type": "application/json"}).status_code == 200


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n"


def test_slow_body_is_refused(url: str) -> None:
    with connect(url) as client:
        client.sendall(HEAD + b'\r\n{"text":')
        got = client.makefile("rb").read()
    assert got.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not come within 0.5 s" in got


def test_body_that_comes_in_drops_is_refused(url: str) -> None:
    with connect(url) as client:
        client.sendall(HEAD + b"\r\n")
        client.settimeout(0.1)
        got = b""
        for _ in range(50):
            try:
                got = client.recv(4096)
                break
            except TimeoutError:
                client.sendall(b" ")
    assert got.startswith(b"HTTP/1.1 408 ")


def test_body_is_not_asked_for_when_it_is_refused(url: str) -> None:
    with connect(url) as client:
        client.sendall(HEAD.replace(b"500", b"5000") + b"Expect: 100-continue\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 413 ")
    with connect(url) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 100 ")
