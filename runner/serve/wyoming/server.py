"""Listens for clients of Wyoming, the protocol of Home Assistant: `kokoro-run serve --wyoming PORT`.

The protocol has no key and no encryption: whoever reaches the port may speak.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from runner.errors import RunError
from runner.serve.http.errors import Refusals
from runner.serve.http.request_log import RequestLog
from runner.serve.wyoming.connection import Connection
from runner.serve.wyoming.info import make_info
from runner.serve.wyoming.journal import Journal
from runner.serve.wyoming.protocol import LONGEST_LINE, Stream
from runner.serve.wyoming.turns import TurnSpeaker
from runner.serve.wyoming.voices import VoiceLanguages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings

_CONNECTIONS = 256  # more are closed at once
_LOOKS_S = 0.1  # how often is looked whether the server ends


@contextlib.asynccontextmanager
async def serve_wyoming(service: Service, settings: ServeSettings) -> AsyncIterator[asyncio.Server]:
    """Serve Wyoming at `settings.wyoming_port`, while the block runs; then turns under way may end.

    Raises:
        RunError: the graph takes no text, or the port cannot be had.
    """
    if not service.takes_text:
        raise RunError(f"{service.pipeline.graph.path}: takes phonemes, but Wyoming sends text; serve the graph text")
    voices = await asyncio.to_thread(VoiceLanguages, service)
    clients = _Clients(service, settings, voices)
    try:
        server = await asyncio.start_server(clients.answer, settings.host, settings.wyoming_port, limit=LONGEST_LINE)
    except OSError as error:
        where = f"{settings.host}:{settings.wyoming_port}"
        raise RunError(f"{where}: cannot listen: {error.strerror}; choose another --host or --wyoming") from None
    ending = asyncio.create_task(clients.end_with(server))
    try:
        yield server
    finally:
        service.end()
        await ending
        clients.close()


class _Clients:
    """The connections."""

    def __init__(self, service: Service, settings: ServeSettings, voices: VoiceLanguages) -> None:
        self._service, self._settings, self._voices = service, settings, voices
        self._log = RequestLog(settings.log)
        refusals = Refusals.of(service)
        self._journal = Journal(self._log, refusals, service.rate_hz, logs_text=settings.logs_text)
        self._info = make_info(service, voices)
        self._tasks: dict[asyncio.Task[Any], Connection] = {}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a client; called for each in a task of its own."""
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._tasks) < _CONNECTIONS and not self._service.is_ending:
                stream = Stream(reader, writer, longest=self._settings.longest_body, stall_s=self._settings.stall_s)
                speaker = TurnSpeaker(self._service, stream)
                self._tasks[task] = Connection(self._settings, self._voices, self._info, speaker, self._journal)
                await self._tasks[task].serve()
        finally:
            self._tasks.pop(task, None)
            writer.transport.abort()

    async def end_with(self, server: asyncio.Server) -> None:
        """Wait until the service ends; then let the turns under way end, as long as the settings allow."""
        while not self._service.is_ending:
            await asyncio.sleep(_LOOKS_S)
        server.close()
        for connection in self._tasks.values():
            connection.end()
        deadline = asyncio.get_running_loop().time() + self._settings.drain_s
        while self._tasks:
            is_late = asyncio.get_running_loop().time() > deadline
            for connection in self._tasks.values():
                if is_late or connection.is_idle:
                    connection.stop()
            await asyncio.wait(self._tasks, timeout=_LOOKS_S)

    def close(self) -> None:
        """Write what is left of the log."""
        self._log.close()
