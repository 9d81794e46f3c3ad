"""Runs the server: HTTP by uvicorn, and Wyoming beside it, until a signal ends both.

SIGTERM, SIGINT --> no new connection --> requests under way end, or the time for that is up --> workers end
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
import socket
from typing import TYPE_CHECKING

import uvicorn

from runner.errors import RunError
from runner.serve.http.app import create_app
from runner.serve.http.connections import watch_connections

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings

_CONNECTIONS = 2000  # more are refused without ceremony; 1,000 requests at a time have a proper answer (http.journal)
_KEEP_ALIVE_S = 30
_MACOS_MOST = 10_240  # files that macOS lets a process open where it has no limit


def open_socket(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Args:
        port: 0 for any that is free.

    Raises:
        RunError: it is taken, or no address of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        raise RunError(f"{host}:{port}: cannot listen: {error.strerror}; choose another --host or --port") from None
    return listening


def allow_files() -> None:
    """Allow the process as many open files as the system lets it have: connections and results are files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (choose_limit(most), most))


def choose_limit(most: int) -> int:
    """Choose the number of open files where a process may have up to `most`; macOS refuses to set no limit at all."""
    return _MACOS_MOST if most == resource.RLIM_INFINITY else most


def run_server(
    service: Service, settings: ServeSettings, listening: socket.socket, started: Callable[[], None]
) -> None:
    """Serve until a signal ends it.

    Args:
        listening: the socket of HTTP.
        started: called when requests are answered.
    """
    allow_files()
    app = create_app(service, settings)
    config = uvicorn.Config(
        app,
        http=watch_connections(settings.stall_s),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(settings.drain_s),
        limit_concurrency=_CONNECTIONS,
    )
    try:
        asyncio.run(_serve(_Server(config, service, started), service, settings, listening))
    finally:
        app.state.log.close()


async def _serve(server: _Server, service: Service, settings: ServeSettings, listening: socket.socket) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if settings.wyoming_port is not None:
            from runner.serve.wyoming.server import serve_wyoming  # noqa: PLC0415 - a package that few install

            await stack.enter_async_context(serve_wyoming(service, settings))
        await server.serve(sockets=[listening])
    service.close()


class _Server(uvicorn.Server):
    """uvicorn's server, which tells the service that it ends."""

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._tell_started = service, started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the base's
        """Begin to end; a second signal ends at once.

        The base would raise the signal again when HTTP has ended, before Wyoming, the workers and the log have.
        """
        self._service.end()
        self.force_exit = self.should_exit
        self.should_exit = True
