"""Clients that go away, read slowly, ask too much or what breaks off: the work ends, and no other request is harmed."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from runner.engine.observers import Observer
from runner.serve.http import journal
from tests.runner.serve.http.conftest import SPEECH, Serve, Server
from tests.runner.serve.http.servers import connect, wait_until

SECRET = "Zanzibar nightingale."
SHORT = "Hello there."
LONG = "\n\n".join(f"This is paragraph {number}, of which there are many." for number in range(60))
BREAKS = "One.\n\n" * 9 + "[voice:nobody] Nobody says this."


def read_log(server: Server, lines: int) -> list[dict[str, Any]]:
    wait_until(lambda: server.log.exists() and server.log.read_text("utf-8").count("\n") >= lines)
    return [json.loads(line) for line in server.log.read_text("utf-8").splitlines()]


def ask_for(text: str, format_: str) -> dict[str, object]:
    return {"model": "kokoro", "input": text, "response_format": format_}


def spell_request(**body: Any) -> bytes:
    data = json.dumps({"model": "kokoro", **body}).encode()
    head = f"POST {SPEECH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data


@pytest.mark.parametrize("format_", ["mp3", "wav", "pcm", "flac"])
def test_answer_that_breaks_off_does_not_look_whole(serve: Serve, format_: str) -> None:
    with serve(length_s=0.0) as server:  # no time for lengths: the mistake at the end is found late
        assert server.ask(input=SHORT).status_code == 200
        with httpx.stream("POST", server.url + SPEECH, json=ask_for(BREAKS, format_), timeout=60) as got:
            assert got.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                got.read()
        assert httpx.get(server.url + got.headers["x-result"]).status_code == 404
        assert [line["outcome"] for line in read_log(server, 3)] == ["ok", "broken", "refused"]
        wait_until(lambda: server.service.count == 0)
        assert server.ask(input=SHORT).status_code == 200


@pytest.mark.parametrize("format_", ["mp3", "wav"])
def test_old_client_gets_the_whole_with_its_length_or_an_error(serve: Serve, format_: str) -> None:
    with serve(length_s=0.0) as server:
        wanted = server.ask(input=SHORT, response_format=format_)
        assert "content-length" not in wanted.headers
        got = []
        for text in (SHORT, BREAKS):
            with connect(server.url) as client:
                request = spell_request(input=text, response_format=format_)
                client.sendall(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
                got.append(client.makefile("rb").read())
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert f"content-length: {len(wanted.content)}" in head.decode().lower()
    assert body == wanted.content
    assert got[1].startswith(b"HTTP/1.1 400 ")


def test_events_that_break_off_end_with_the_error(serve: Serve) -> None:
    with serve() as server:
        lines: list[str] = []
        body = {**ask_for(BREAKS, "mp3"), "stream_format": "sse"}
        with (
            httpx.stream("POST", server.url + SPEECH, json=body, timeout=60) as got,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            lines.extend(got.iter_lines())
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
        assert events[0]["type"] == "speech.audio.delta"
        assert base64.b64decode(events[0]["audio"])
        assert events[-1]["type"] == "error"
        assert "nobody" in events[-1]["error"]["message"]
        assert "speech.audio.done" not in {event["type"] for event in events}


def test_mistake_that_is_found_before_the_first_byte_has_its_status(serve: Serve) -> None:
    with serve(length_s=30) as server:
        got = server.ask(input=BREAKS, response_format="wav")
        assert (got.status_code, got.json()["error"]["param"]) == (400, "input")


def test_request_that_takes_too_long_breaks_off(serve: Serve) -> None:
    with serve(request_s=3.0, longest_input=100_000) as server:
        assert server.ask(input=SHORT).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            server.ask(input=f"{LONG}\n\n" * 10, response_format="mp3", seed=1)
        assert [line["outcome"] for line in read_log(server, 2)] == ["ok", "late"]
        wait_until(lambda: server.service.count == 0)


def test_work_ends_when_the_client_goes_away(serve: Serve) -> None:
    with serve() as server:
        for reads in (0, 1, 3):
            with connect(server.url) as client:
                client.sendall(spell_request(input=LONG, response_format="mp3", seed=reads))
                for _ in range(reads):
                    assert client.recv(1024)
                wait_until(lambda: server.service.count == 1)
            start = time.monotonic()
            wait_until(lambda: server.service.count == 0)
            assert time.monotonic() - start < 5
        lines = read_log(server, 3)
        assert {line["outcome"] for line in lines} == {"gone"}
        assert server.ask(input=SHORT).status_code == 200


@pytest.mark.parametrize("resets", [False, True])
def test_client_that_goes_away_in_its_body_is_gone_and_no_fault(
    serve: Serve, caplog: pytest.LogCaptureFixture, resets: bool
) -> None:
    request = spell_request(input=LONG)
    with serve() as server:
        with connect(server.url) as client:
            client.sendall(request[: len(request) // 2])
            time.sleep(0.2)
            if resets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        (line,) = read_log(server, 1)
        assert (line["status"], line["outcome"]) == (499, "gone")
        counted = 'kokoro_http_requests_total{method="POST",route="/v1/audio/speech",status="499"} 1.0'
        assert counted in server.get("/metrics").text
    assert caplog.text == ""


def test_clients_that_go_away_at_any_time_leave_nothing_behind(serve: Serve) -> None:
    chance = random.Random(20)
    with serve(queue=1000) as server:

        def go_away(number: int) -> None:
            request = spell_request(input=LONG, response_format="mp3", seed=number)
            with connect(server.url) as client:
                client.sendall(request[: chance.randrange(1, 2 * len(request))])
                time.sleep(chance.random() / 4)
                if chance.random() < 0.5:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # ends by a reset

        wanted = server.ask(input=SHORT, response_format="pcm").content
        with ThreadPoolExecutor(16) as threads:
            gone = threads.map(go_away, range(100))
            for _ in range(10):
                assert server.ask(input=SHORT, response_format="pcm").content == wanted
            list(gone)
        wait_until(lambda: server.service.count == 0)
        assert server.ask(input=SHORT, response_format="pcm").content == wanted


def test_client_that_does_not_read_is_ended_and_others_are_served(serve: Serve) -> None:
    with serve(stall_s=1.0) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        address = httpx.URL(server.url)
        client.connect((address.host, address.port))
        client.sendall(spell_request(input=LONG, response_format="wav"))
        wait_until(lambda: server.service.count == 1)
        assert server.ask(input=SHORT).status_code == 200
        wait_until(lambda: server.service.count == 0, 60)
        assert {line["outcome"] for line in read_log(server, 2)} == {"ok", "gone"}


def test_answer_that_the_end_of_the_server_cuts_off_is_broken(serve: Serve) -> None:
    with contextlib.ExitStack() as clients:  # who outlive the server
        with serve(drain_s=1) as server:
            reads, waits = (clients.enter_context(connect(server.url)) for _ in range(2))
            reads.sendall(spell_request(input=LONG, response_format="mp3", seed=2))
            assert reads.recv(1024)
            server.service.pipeline.observers.append(Slow())
            waits.sendall(spell_request(input=LONG, response_format="mp3", seed=3).replace(b"HTTP/1.1", b"HTTP/1.0"))
            wait_until(lambda: server.service.count == 2)
        assert {line["status"]: line["outcome"] for line in read_log(server, 2)} == {200: "broken", 503: "broken"}
        assert waits.recv(4096).startswith(b"HTTP/1.1 503 ")


def test_client_that_reads_slowly_has_no_longer_than_the_time_of_a_request(serve: Serve) -> None:
    with serve(request_s=2.0, queue=1) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        address = httpx.URL(server.url)
        client.connect((address.host, address.port))
        client.sendall(spell_request(input=LONG, response_format="pcm"))
        start = time.monotonic()
        while server.service.count or time.monotonic() < start + 1:
            assert time.monotonic() < start + 15
            client.recv(256)
            time.sleep(0.05)
        assert [line["outcome"] for line in read_log(server, 1)] == ["late"]


def test_queue_is_bounded_and_free_again_after_a_request(serve: Serve) -> None:
    with serve(queue=1) as server, connect(server.url) as client:
        client.sendall(spell_request(input=LONG, response_format="mp3"))
        wait_until(lambda: server.service.count == 1)
        refused = server.ask(input=SHORT)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) >= 1
        client.close()
        wait_until(lambda: server.service.count == 0)
        assert server.ask(input=SHORT).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"\x00" * 100_000,
    ],
)
def test_what_is_no_http_is_refused(server: Server, sent: bytes) -> None:
    with connect(server.url) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        try:
            got = client.recv(4096)
        except ConnectionResetError:
            got = b""
    assert got == b"" or got.startswith(tuple(b"HTTP/1.1 %d " % status for status in (400, 401, 415, 421)))
    assert server.get("/healthz").status_code == 200


def test_full_disk_of_the_cache_harms_no_request(serve: Serve) -> None:
    with serve() as server:
        wanted = server.ask(input=SHORT, response_format="pcm", seed=1).content
        cache = server.service.pipeline.stage_cache
        assert cache is not None
        root = server.log.parent / "cache"
        moved = root.rename(root.with_name("moved"))
        root.write_bytes(b"")  # no folder can be made there: each write fails
        try:
            assert server.ask(input=SHORT, response_format="pcm", seed=1).content == wanted
            assert server.ask(input="Nobody said this before.", response_format="pcm").status_code == 200
        finally:
            root.unlink()
            moved.rename(root)


class Slow(Observer):
    """Lets each run of the decoder take longer than a server has to end."""

    def stage_started(self, *told: Any, **_: object) -> None:
        if told[1].name == "decoder":
            time.sleep(1)


class SlowStart(Observer):
    """Lets the first run of the decoder wait until others have had the time to overtake it."""

    begun = 0

    def stage_started(self, *told: Any, **_: object) -> None:
        if told[1].name == "decoder":
            self.begun += 1
            if self.begun == 1:
                time.sleep(1.5)
                self.overtaken_by = self.begun - 1


def test_parts_behind_a_slow_one_are_bounded(serve: Serve) -> None:
    with serve() as server:
        assert server.ask(input=SHORT).status_code == 200
        observer = SlowStart()
        server.service.pipeline.observers.append(observer)
        assert server.ask(input="One.\n\n" * 12, seed=1).status_code == 200
    assert 0 < observer.overtaken_by <= 3


class Failing(Observer):
    """Fails in a stage, as a fault of the server does."""

    def stage_started(self, *_: object, **__: object) -> None:
        raise ValueError(SECRET)


def test_fault_of_the_server_is_answered_logged_and_forgotten(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with serve() as server, caplog.at_level(logging.ERROR):
        observers = server.service.pipeline.observers
        observers.append(Failing())
        got = server.ask(input=SECRET)
        observers.pop()
        assert (got.status_code, got.json()["error"]["type"]) == (500, "server_error")
        assert "nightingale" not in got.text
        assert server.ask(input=SECRET).status_code == 200
        assert [line["outcome"] for line in read_log(server, 2)] == ["failed", "ok"]
        assert server.service.count == 0
    assert "ValueError" in caplog.text
    assert "stage_started" in caplog.text
    assert "nightingale" not in caplog.text


def test_more_requests_at_a_time_than_are_served_have_a_proper_answer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_MOST", 2)
    with serve() as server, contextlib.ExitStack() as stack:
        for _ in range(2):
            slow = stack.enter_context(connect(server.url))  # its body does not come
            slow.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 100\r\n\r\n{")
        wait_until(lambda: server.get("/v1/models").status_code == 503)
        refused = server.get("/v1/models")
        assert refused.json()["error"]["code"] == "overloaded"
        assert refused.headers["Retry-After"] == "5"
        assert refused.headers["X-Request-Id"]
        assert server.get("/healthz").status_code == 200
        stack.close()
        wait_until(lambda: server.get("/v1/models").status_code == 200)
