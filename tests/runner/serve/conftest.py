"""A service of the text graph with the default model, whose libraries are built once."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.build.build import build
from runner.cache.cache import Cache
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
from runner.serve.service import Service
from runner.serve.settings import ServeSettings
from runner.serve.voices import NamedVoices
from runner.speech.model import VOICE
from runner.speech.speaker import with_durations

MakeService = Callable[..., "contextlib.AbstractContextManager[Service]"]


@pytest.fixture(scope="session")
def text_root(cache_folder: Path) -> Path:
    """A build root that holds the libraries of the text graph."""
    build(with_durations(load_graph("text")), cache_folder / "build")
    return cache_folder / "build"


@pytest.fixture(scope="session")
def make_service(text_root: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeService:
    """`with make_service(queue=2) as service`: with two workers and a cache of its own; it ends with the block."""

    @contextlib.contextmanager
    def made(graph: str = "text", *, caches: bool = True, workers: int = 2, **limits: Any) -> Iterator[Service]:
        folder = tmp_path_factory.mktemp("service")
        settings = dataclasses.replace(ServeSettings(page=False, log=folder / "requests.log"), **limits)
        checked = with_durations(load_graph(graph))
        voices = NamedVoices(checked, settings.aliases)
        cache = Cache(folder / "cache") if caches else None
        resolvers = {VOICE: voices.resolve}
        pipeline = Pipeline(checked, text_root, workers, cache=cache, resolvers=resolvers, workers=workers)
        service = Service(pipeline, voices, settings)
        try:
            yield service
        finally:
            service.close()

    return made
