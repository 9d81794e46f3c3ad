"""Runs applications of ASGI on free ports of loopback, by the server that `kokoro-run serve` runs them by."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import uvicorn

from runner.serve.http.connections import watch_connections


@contextlib.contextmanager
def running(app: Any, stall_s: float = 60.0, drain_s: int | None = None) -> Iterator[str]:
    """An application that is served; gives the address `http://127.0.0.1:PORT`.

    Args:
        drain_s: the time that answers may take to end with the block; None for any.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app,
            http=watch_connections(stall_s),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=drain_s,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until a condition holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def connect(url: str, timeout: float = 20.0) -> socket.socket:
    """Connect to a server, for what a client of HTTP would not send."""
    address = httpx.URL(url)
    assert address.port is not None
    return socket.create_connection((address.host, address.port), timeout)
