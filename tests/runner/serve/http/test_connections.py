"""Clients that do nothing: their connections end, and those of others do not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from tests.runner.serve.http.servers import connect, running

STALL_S = 1.0
LARGE = 32 << 20  # more than the kernel takes for a client that does not read


disconnected = threading.Event()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends much, in one piece, or little; and tells whether the client went away before it had all."""
    size = LARGE if scope["path"] == "/large" else 10
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
    await send({"type": "http.response.body", "body": b"x" * size, "more_body": True})
    await send({"type": "http.response.body", "body": b""})  # waits until nearly all is sent
    if (await receive())["type"] == "http.disconnect":
        disconnected.set()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(app, STALL_S) as address:
        yield address


def read_rest(client: socket.socket) -> tuple[int, float]:
    """The bytes that still come, and the time until the connection ends."""
    start, size = time.monotonic(), 0
    try:
        while data := client.recv(1 << 20):
            size += len(data)
    except ConnectionResetError:
        pass
    return size, time.monotonic() - start


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10_000],
)
def test_request_that_does_not_come_ends_the_connection(url: str, begun: bytes) -> None:
    with connect(url) as client:
        client.sendall(begun)
        size, seconds = read_rest(client)
    assert size == 0
    assert STALL_S * 0.9 < seconds < STALL_S + 5


def test_headers_that_come_in_drops_end_the_connection(url: str) -> None:
    with connect(url) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        client.settimeout(0.05)
        ended = False
        for _ in range(200):
            try:
                client.sendall(b"x")
                ended = client.recv(1) == b""
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                ended = True
            break
    assert ended


def test_answer_that_is_not_read_ends_the_connection(url: str) -> None:
    with connect(url) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        disconnected.clear()
        assert disconnected.wait(60)
        size, _ = read_rest(client)
    assert size < LARGE


def test_answer_that_is_read_slowly_comes_whole(url: str) -> None:
    with connect(url) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        size, start = 0, time.monotonic()
        while data := client.recv(LARGE // 16):
            size += len(data)
            time.sleep(STALL_S / 8 if time.monotonic() - start < STALL_S * 3 else 0)
    assert time.monotonic() - start > STALL_S * 2
    assert size > LARGE


def test_connection_that_is_kept_for_the_next_request_goes_on(url: str) -> None:
    with httpx.Client() as client:
        ports = []
        for _ in range(2):
            with client.stream("GET", url) as got:
                ports.append(got.extensions["network_stream"].get_extra_info("client_addr"))
                assert got.read() == b"x" * 10
            time.sleep(STALL_S * 2)
        assert len(set(ports)) == 1


def test_flood_of_headers_is_refused(url: str) -> None:
    with connect(url) as client:
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 100_000)
            got = client.recv(4096)
        except (ConnectionResetError, BrokenPipeError):
            got = b""
    assert got == b"" or got.startswith(b"HTTP/1.1 400 ")
    assert httpx.get(url).status_code == 200
