"""The servers that the tests of this folder ask: the text graph with the default model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from runner.serve.http.app import create_app
from runner.serve.service import Service
from tests.runner.serve.conftest import MakeService
from tests.runner.serve.http.servers import running

KEY = "correct-horse-battery"
SPEECH = "/v1/audio/speech"


@dataclass
class Server:
    """A server under test.

    Attributes:
        url: of its root.
        service: which speaks.
        log: the file of its log of requests.
    """

    url: str
    service: Service
    log: Path

    def ask(self, **body: Any) -> httpx.Response:
        """Ask for speech."""
        return httpx.post(self.url + SPEECH, json={"model": "kokoro", **body}, headers=self.headers, timeout=60)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Get something."""
        return httpx.get(self.url + path, headers={**self.headers, **headers})

    @property
    def headers(self) -> dict[str, str]:
        """Those that hold the key, if one is needed."""
        key = self.service.settings.key
        return {"Authorization": f"Bearer {key}"} if key else {}


Serve = Callable[..., contextlib.AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def serve(make_service: MakeService) -> Serve:
    """`with serve(queue=2) as server`: serves the text graph, with two workers and a cache of its own."""

    @contextlib.contextmanager
    def serve(graph: str = "text", *, caches: bool = True, **limits: Any) -> Iterator[Server]:
        with make_service(graph, caches=caches, **limits) as service:
            settings = service.settings
            assert settings.log is not None
            app = create_app(service, settings)
            try:
                with running(app, settings.stall_s, round(settings.drain_s)) as url:
                    yield Server(url, service, settings.log)
            finally:
                app.state.log.close()

    return serve


@pytest.fixture(scope="module")
def server(serve: Serve) -> Iterator[Server]:
    """A server that wants a key, and takes its time to find lengths: the machine may be busy."""
    with serve(key=KEY, length_s=30) as started:
        yield started
