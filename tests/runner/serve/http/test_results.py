"""Finished audio: GET and HEAD of the whole and of ranges, for a while, with the key."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.runner.serve.http.conftest import Serve, Server

TEXT = "Hello there. How are you today?"


@pytest.fixture(scope="module")
def kept(server: Server) -> tuple[str, bytes]:
    """The path of a result, and its bytes."""
    got = server.ask(input=TEXT, response_format="wav")
    return got.headers["x-result"], got.content


def test_result_is_the_audio_that_was_sent(server: Server, kept: tuple[str, bytes]) -> None:
    path, whole = kept
    got = server.get(path)
    assert (got.status_code, got.content) == (200, whole)
    assert got.headers["content-type"] == "audio/wav"
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["content-length"] == str(len(whole))
    assert got.headers["cache-control"] == "private, no-cache"


def test_result_is_there_when_the_last_byte_is(server: Server) -> None:
    for format_ in ("mp3", "wav", "pcm", "flac") * 3:
        got = server.ask(input=TEXT, response_format=format_)
        assert server.get(got.headers["x-result"]).content == got.content


def test_events_are_kept_as_audio(server: Server) -> None:
    got = server.ask(input=TEXT, response_format="wav", stream_format="sse")
    kept = server.get(got.headers["x-result"])
    assert (kept.headers["content-type"], kept.content[:4]) == ("audio/wav", b"RIFF")


def test_head_has_the_headers_alone(server: Server, kept: tuple[str, bytes]) -> None:
    path, whole = kept
    got = httpx.head(server.url + path, headers=server.headers)
    assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", str(len(whole)))


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("0-43", 0, 44), ("44-99", 44, 100), ("-100", -100, None), ("500-", 500, None)]
)
def test_range_is_a_part_of_the_same_bytes(
    server: Server, kept: tuple[str, bytes], asked: str, start: int, stop: int | None
) -> None:
    path, whole = kept
    got = server.get(path, Range=f"bytes={asked}")
    assert (got.status_code, got.content) == (206, whole[start:stop])
    first, last = range(len(whole))[start:stop][0], range(len(whole))[start:stop][-1]
    assert got.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"


def test_head_has_no_range(server: Server, kept: tuple[str, bytes]) -> None:
    path, whole = kept
    for asked in ("bytes=0-9", f"bytes={len(whole)}-"):
        got = httpx.head(server.url + path, headers={**server.headers, "Range": asked})
        assert (got.status_code, got.headers["content-length"]) == (200, str(len(whole)))
        assert "content-range" not in got.headers


def test_times_of_words_are_kept_with_the_audio(server: Server) -> None:
    path = server.ask(input=TEXT, return_timing=True).headers["x-result"]
    got = server.get(f"{path}/timing")
    assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
    assert [word["word"] for word in got.json()["words"]] == TEXT.translate({46: "", 63: ""}).split()
    assert server.get(f"{path}/timing", Range="bytes=0-8").content == b'{"words":'
    without = server.ask(input=TEXT).headers["x-result"]
    assert server.get(f"{without}/timing").json()["error"]["message"].endswith("`return_timing`")


def test_answer_without_words_has_no_times_of_words(server: Server) -> None:
    path = server.ask(input="(“”).", return_timing=True).headers["x-result"]
    assert server.get(f"{path}/timing").json() == {"words": []}


def test_range_without_a_byte_is_refused(server: Server, kept: tuple[str, bytes]) -> None:
    path, whole = kept
    got = server.get(path, Range=f"bytes={len(whole)}-")
    assert (got.status_code, got.headers["content-range"]) == (416, f"bytes */{len(whole)}")
    assert got.json()["error"]["type"] == "invalid_request_error"


def test_tag_decides_whether_a_range_goes_on_and_whether_anything_is_sent(
    server: Server, kept: tuple[str, bytes]
) -> None:
    path, whole = kept
    tag = server.get(path).headers["etag"]
    goes_on = {"Range": "bytes=10-", "If-Range": tag}
    assert server.get(path, **goes_on).status_code == 206
    assert server.get(path, **{**goes_on, "If-Range": '"another"'}).content == whole
    assert server.get(path, **{"If-None-Match": f'"another", W/{tag}'}).status_code == 304
    assert server.get(path, **{"If-None-Match": '"another"'}).status_code == 200
    assert server.get(path, **{"If-None-Match": "*"}).status_code == 304


def test_results_need_the_key_and_their_id(server: Server, kept: tuple[str, bytes]) -> None:
    path, _ = kept
    assert httpx.get(server.url + path).status_code == 401
    for other in (path[:-1], f"{path}x", "/v1/audio/results/", "/v1/audio/results/..%2f..%2fmodels"):
        assert server.get(other).status_code == 404


def test_ids_cannot_be_guessed(server: Server) -> None:
    ids = {server.ask(input=TEXT, response_format="pcm").headers["x-result"].rpartition("/")[2] for _ in range(8)}
    assert len(ids) == 8
    assert all(len(each) == 32 for each in ids)


def test_results_go_when_their_time_is_over(serve: Serve) -> None:
    with serve(result_s=0.3) as server:
        path = server.ask(input=TEXT, response_format="pcm").headers["x-result"]
        assert server.get(path).status_code == 200
        time.sleep(0.4)
        assert server.get(path).status_code == 404


def test_results_that_do_not_fit_are_not_kept(serve: Serve) -> None:
    with serve(result_bytes=100_000) as server:
        first = server.ask(input=TEXT, response_format="pcm")
        assert server.get(first.headers["x-result"]).content == first.content
        second = server.ask(input="Hello. " * 30, response_format="pcm")
        assert len(second.content) > 100_000
        assert server.get(second.headers["x-result"]).status_code == 404
