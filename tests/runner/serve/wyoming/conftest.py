"""The default model, loaded once for the tests of Wyoming, and a server of it that each test starts."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from runner.batch.rows import PARAGRAPHS, from_option
from runner.build.build import build
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
from runner.serve.service import DELIVERY, Service
from runner.serve.settings import ServeSettings
from runner.serve.voices import NamedVoices
from runner.serve.wyoming.server import serve_wyoming
from runner.speech.model import VOICE
from runner.speech.pauses import PARAGRAPH_PAUSE_S
from runner.speech.speaker import Speaker, with_durations
from tests.runner.serve.wyoming.houses import House, Open, Samples


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
