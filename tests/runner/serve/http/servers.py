"""Runs applications of ASGI on free ports of loopback, by the server that `kokoro-run serve` runs them by."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from runner.serve.http.connections import watch_connections


@contextlib.contextmanager
def running(app: Any, stall_s: float = 60.0) -> Iterator[str]:
    """An application that is served; gives the address `http://127.0.0.1:PORT`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app, http=watch_connections(stall_s), ws="none", lifespan="off", log_config=None, access_log=False
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


@contextlib.contextmanager
def waiting_for(seconds: float = 10.0) -> Iterator[Any]:
    """Gives `until(condition)`, which waits until a condition holds, and fails after so many seconds."""
    deadline = time.monotonic() + seconds

    def until(condition: Any) -> None:
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    yield until
