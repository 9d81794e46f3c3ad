"""The log of requests, the metrics and the headers of safety: nothing of what was spoken is in any of them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import GraphError
from runner.serve.http.app import create_app
from runner.serve.http.request_log import RequestLog
from tests.runner.serve.http.conftest import KEY, SPEECH, Serve, Server
from tests.runner.serve.http.servers import running, wait_until

SECRET = "Zanzibar nightingale."


def read_log(server: Server, lines: int) -> list[dict[str, Any]]:
    wait_until(lambda: server.log.exists() and server.log.read_text("utf-8").count("\n") >= lines)
    return [json.loads(line) for line in server.log.read_text("utf-8").splitlines()]


def read_metrics(server: Server) -> dict[str, float]:
    got = server.get("/metrics")
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = (line.rpartition(" ") for line in got.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


@pytest.fixture
def fresh(serve: Serve) -> Iterator[Server]:
    """A server that nobody has asked anything."""
    with serve(key=KEY) as started:
        yield started


def test_log_tells_each_request_and_nothing_of_what_was_spoken(fresh: Server) -> None:
    got = fresh.ask(input=SECRET, response_format="pcm")
    fresh.get(got.headers["x-result"])
    fresh.ask(input=SECRET, voice="nightingale")
    fresh.get("/nightingale?text=nightingale")
    httpx.get(f"{fresh.url}/v1/models", headers={"Authorization": "Bearer nightingale"})
    lines = read_log(fresh, 5)
    told = [(line["method"], line["path"], line["status"], line["outcome"]) for line in lines]
    assert told == [
        ("POST", SPEECH, 200, "ok"),
        ("GET", "/v1/audio/results/{id}", 200, "ok"),
        ("POST", SPEECH, 400, "refused"),
        ("GET", "/nightingale", 404, "refused"),
        ("GET", "/v1/models", 401, "refused"),
    ]
    spoken = lines[0]
    assert set(spoken) == {
        "time",
        "id",
        "method",
        "path",
        "status",
        "outcome",
        "seconds",
        "audio_seconds",
        "characters",
    }
    assert spoken["id"] == got.headers["x-request-id"]
    assert spoken["characters"] == len(SECRET)
    assert spoken["audio_seconds"] == pytest.approx(len(got.content) / 48_000, abs=1e-3)
    assert 0 < spoken["seconds"] < 60
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", spoken["time"])
    text = fresh.log.read_text("utf-8")
    assert "Zanzibar" not in text
    assert KEY not in text
    assert got.headers["x-result"].rpartition("/")[2] not in text
    assert text.count("nightingale") == 1  # the path that is none of ours


def test_log_has_the_text_only_if_that_is_asked_for(serve: Serve) -> None:
    with serve(logs_text=True) as server:
        server.ask(input=SECRET)
        assert read_log(server, 1)[0]["text"] == SECRET


def test_log_goes_on_in_a_new_file_when_it_is_moved_away(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "a.log")
    log.write({"n": 1})
    wait_until(lambda: (tmp_path / "a.log").exists() and (tmp_path / "a.log").read_text() != "")
    (tmp_path / "a.log").rename(tmp_path / "b.log")
    log.write({"n": 2})
    log.close()
    lines = [json.loads((tmp_path / name).read_text()) for name in ("b.log", "a.log")]
    assert [line["n"] for line in lines] == [1, 2]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)


def test_log_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "none" / "a.log")
    log.write({"n": 1})
    log.close()
    assert log.lost == 1
    log.close()


def test_log_of_standard_error_is_whole_when_it_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    log = RequestLog(None)
    for number in range(100):
        log.write({"n": number})
    log.close()
    assert [json.loads(line)["n"] for line in capsys.readouterr().err.splitlines()] == list(range(100))


def test_metrics_count_requests_audio_and_the_cache(fresh: Server) -> None:
    size = len(fresh.ask(input=SECRET, response_format="pcm").content)
    first = read_metrics(fresh)
    fresh.ask(input=SECRET, response_format="pcm")
    fresh.ask(input="")
    fresh.ask(input=SECRET, lang="xx")
    counted = read_metrics(fresh)
    answers = 'kokoro_http_requests_total{method="POST",route="/v1/audio/speech",status="%d"}'
    assert (counted[answers % 200], counted[answers % 400]) == (2, 2)
    assert counted['kokoro_requests_total{outcome="ok"}'] == 2
    assert counted['kokoro_requests_total{outcome="refused"}'] == 1
    assert counted["kokoro_audio_seconds_total"] == pytest.approx(2 * size / 48_000)
    assert counted["kokoro_first_audio_seconds_count"] == 2
    assert counted["kokoro_real_time_factor_count"] == 2
    assert counted["kokoro_requests_in_progress"] == 0
    assert counted["kokoro_queue_limit"] == fresh.service.settings.queue
    assert counted["process_resident_memory_bytes"] > 50e6
    assert 'kokoro_cache_hits_total{stage="decoder"}' not in first
    assert counted['kokoro_cache_hits_total{stage="decoder"}'] == first['kokoro_cache_misses_total{stage="decoder"}']
    assert counted['kokoro_cache_misses_total{stage="decoder"}'] == first['kokoro_cache_misses_total{stage="decoder"}']
    assert counted['kokoro_stage_seconds_total{stage="decoder"}'] > 0


def test_metrics_have_no_word_of_a_request(fresh: Server) -> None:
    fresh.ask(input=SECRET)
    fresh.ask(input=SECRET, model="nightingale", voice="nightingale")
    fresh.get("/nightingale?nightingale")
    httpx.request("NIGHTINGALE", f"{fresh.url}/v1/models", headers=fresh.headers)
    text = fresh.get("/metrics").text.lower()
    assert "nightingale" not in text
    assert "zanzibar" not in text
    assert KEY not in text
    assert 'method="other",route="/v1/models",status="405"' in text


def test_refusals_of_the_queue_are_counted(serve: Serve) -> None:
    with serve(queue=0) as server:
        assert server.ask(input=SECRET).status_code == 429
        assert read_metrics(server)["kokoro_requests_refused_total"] == 1


def test_every_answer_has_the_headers_of_safety(server: Server) -> None:
    answers = [
        server.get("/healthz"),
        server.get("/none"),
        server.ask(input="Hello."),
        server.ask(input=""),
        httpx.get(f"{server.url}/v1/models"),
        httpx.get(f"{server.url}/healthz", headers={"Host": "evil.example"}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-request-id"]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_error_of_the_server_is_told_without_its_message(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Request) -> Response:
        raise ValueError(SECRET)

    async def refuse(_: Request) -> Response:
        raise GraphError(SECRET)

    with serve() as server:
        settings = server.service.settings
        app = create_app(server.service, settings)
        app.router.routes.extend([Route("/fail", fail), Route("/refuse", refuse)])
        with running(app) as url, caplog.at_level(logging.ERROR):
            answers = [httpx.get(f"{url}/fail"), httpx.get(f"{url}/refuse")]
        app.state.log.close()
    message = "the server failed; its log says how, under the id of this request"
    for got in answers:
        assert got.status_code == 500
        assert got.json()["error"] == {"message": message, "type": "server_error", "param": None, "code": None}
        assert got.headers["x-request-id"] in caplog.text
    assert "GraphError" in caplog.text
    assert "ValueError" in caplog.text
    assert "in fail" in caplog.text
    assert "Zanzibar" not in caplog.text


def test_folders_of_the_server_are_in_no_message(server: Server) -> None:
    folder = server.service.pipeline.graph.path.absolute().parent
    error = server.ask(input="Hello.", voice=f"{folder}/x").json()["error"]
    assert str(folder) not in error["message"]
