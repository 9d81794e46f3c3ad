"""Models, voices and health."""

from __future__ import annotations

import httpx
import pytest

from tests.runner.serve.http.conftest import Serve, Server


def test_voices_are_listed_with_their_other_names(server: Server) -> None:
    voices = server.get("/v1/audio/voices").json()["voices"]
    own = [{"id": name, "name": name} for name in server.service.voices.names]
    assert voices[: len(own)] == own != []
    assert {"id": "alloy", "name": "alloy (default)"} in voices
    assert len({each["id"] for each in voices}) == len(voices) == len(own) + 13


def test_every_listed_voice_speaks(server: Server) -> None:
    for each in server.get("/v1/audio/voices").json()["voices"]:
        assert server.ask(input="Hello.", response_format="pcm", voice=each["id"]).status_code == 200


def test_models_are_listed_in_both_ways(server: Server) -> None:
    names = ["kokoro", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    listed = server.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [each["id"] for each in listed["data"]] == names
    assert server.get("/v1/audio/models").json() == {"models": [{"id": name} for name in names]}
    assert server.get("/v1/models/tts-1").json() == listed["data"][1]
    assert listed["data"][1].keys() == {"id", "object", "created", "owned_by"}


@pytest.mark.parametrize("path", ["/v1/models/none", "/v1/models/", "/v1", "/v1/models/tts-1/", "/none", "//v1/models"])
def test_what_is_not_there_is_not_found(server: Server, path: str) -> None:
    got = server.get(path)
    assert (got.status_code, got.json()["error"]["type"]) == (404, "invalid_request_error")


def test_wrong_method_is_told_the_right_ones(server: Server) -> None:
    got = httpx.get(f"{server.url}/v1/audio/speech", headers=server.headers)
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert got.json()["error"]["message"] == "this address does not take this method"


def test_server_that_is_about_to_end_is_alive_but_not_ready(serve: Serve) -> None:
    with serve() as server:
        assert server.get("/readyz").json() == {"status": "ok"}
        server.service.end()
        assert (server.get("/readyz").status_code, server.get("/healthz").status_code) == (503, 200)
        assert server.get("/readyz").json() == {"status": "ending"}


def test_page_is_served_unless_that_is_refused(serve: Serve) -> None:
    with serve(page=True, key="correct-horse-battery") as server:
        page = httpx.get(server.url)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script" in page.text
        assert httpx.get(f"{server.url}/api/graph").status_code == 401
        assert server.get("/api/graph").status_code == 200
    with serve() as server:
        assert server.get("/").status_code == 404
        assert server.get("/api/graph").status_code == 404
