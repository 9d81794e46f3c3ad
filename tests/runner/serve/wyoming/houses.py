"""What the tests of Wyoming share: a server to ask, and what a client hears of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.tts import SynthesizeStopped

from runner.serve.service import Observer, Service

Samples = npt.NDArray[np.int16]


class Outcomes(Observer):
    """Notes how requests end."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def ended(self, outcome: str, audio_s: float, seconds: float) -> None:  # noqa: ARG002 - as the service calls it
        self.names.append(outcome)


class House:
    """A server of the default model.

    Attributes:
        service: what speaks.
        port: of Wyoming.
        outcomes: of requests.
        log: of requests.
    """

    def __init__(self, service: Service, port: int, log: Path) -> None:
        self.service, self.port, self.log = service, port, log
        self.outcomes = Outcomes()
        service.observers.append(self.outcomes)

    def client(self) -> AsyncTcpClient:
        return AsyncTcpClient("127.0.0.1", self.port, read_timeout=60)

    async def until_quiet(self) -> None:
        """Wait until no request is spoken or waits."""
        async with asyncio.timeout(20):
            while self.service.count:
                await asyncio.sleep(0.01)


Open = Callable[..., "contextlib.AbstractAsyncContextManager[House]"]


class Heard:
    """What a client was sent for a turn."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.samples: Samples = np.zeros(0, np.int16)

    def take(self, event: Event) -> None:
        self.kinds += [] if self.kinds[-1:] == [event.type] == ["audio-chunk"] else [event.type]
        if AudioStart.is_type(event.type):
            start = AudioStart.from_event(event)
            assert (start.rate, start.width, start.channels) == (24000, 2, 1)
        elif AudioChunk.is_type(event.type):
            chunk = AudioChunk.from_event(event)
            assert (chunk.rate, chunk.width, chunk.channels) == (24000, 2, 1)
            assert chunk.timestamp == 1000 * self.samples.size // 24000
            self.samples = np.concatenate([self.samples, np.frombuffer(chunk.audio, "<i2")])


async def hear(client: AsyncTcpClient, heard: Heard | None = None, *, last: str = AudioStop().event().type) -> Heard:
    """Read the events of a turn, or those that follow what was heard of it, up to its last one."""
    heard = heard or Heard()
    while heard.kinds[-1:] != [last]:
        event = await client.read_event()
        assert event is not None, f"the connection has ended behind {heard.kinds}"
        heard.take(event)
    return heard


async def hear_stream(client: AsyncTcpClient) -> Heard:
    return await hear(client, last=SynthesizeStopped().event().type)
