"""What the tests of Wyoming share: the default model, loaded once, and a server of it that each test starts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.tts import SynthesizeStopped

from runner.batch.rows import PARAGRAPHS, from_option
from runner.build.build import build
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
from runner.serve.service import DELIVERY, Observer, Service
from runner.serve.settings import ServeSettings
from runner.serve.voices import NamedVoices
from runner.serve.wyoming.server import serve_wyoming
from runner.speech.model import VOICE
from runner.speech.pauses import PARAGRAPH_PAUSE_S
from runner.speech.speaker import Speaker, with_durations

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


@pytest.fixture(scope="session")
def libraries(cache_folder: Path) -> Path:
    """The default model's libraries."""
    build(with_durations(load_graph("text")), cache_folder / "build")
    return cache_folder / "build"


@pytest.fixture(scope="session")
def pipeline(libraries: Path) -> Pipeline:
    graph = with_durations(load_graph("text"))
    pipeline = Pipeline(graph, libraries, 1, cache=None, resolvers={VOICE: NamedVoices(graph, {}).resolve}, workers=1)
    pipeline.load()
    return pipeline


@pytest.fixture
def open_house(pipeline: Pipeline, tmp_path: Path) -> Open:
    """`async with open_house(**limits) as house`: a server, which ends with the block."""

    @contextlib.asynccontextmanager
    async def opened(**limits: Any) -> AsyncIterator[House]:
        settings = ServeSettings(wyoming_port=0, log=tmp_path / "requests.log", **{"drain_s": 20.0, **limits})
        service = Service(pipeline, NamedVoices(pipeline.graph, settings.aliases), settings)
        try:
            async with serve_wyoming(service, settings) as server:
                yield House(service, server.sockets[0].getsockname()[1], tmp_path / "requests.log")
        finally:
            service.close()

    return opened


@pytest.fixture(scope="session")
def speak(pipeline: Pipeline) -> Callable[..., Samples]:
    """`speak(text)`: the samples that the command line gives for a text, cut and joined as the server does."""

    def samples(text: str, voice: str | None = None) -> Samples:
        inputs = {} if voice is None else {VOICE: NamedVoices(pipeline.graph, {}).resolve(voice)}
        speaker = Speaker(pipeline, inputs, "text", timed=True, delivery=DELIVERY)
        gap = np.zeros(round(PARAGRAPH_PAUSE_S * speaker.rate_hz), np.float32)
        audio: list[npt.NDArray[np.float32]] = []
        for row in from_option(text, "input", PARAGRAPHS):
            audio += [*([gap] if audio else []), *(part.audio for part in speaker.run(row))]
        joined = np.concatenate(audio).astype(np.float64)
        return (np.clip(np.rint(joined * 2**31), -(2**31), 2**31 - 1).astype(np.int64) >> 16).astype(np.int16)

    return samples


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
