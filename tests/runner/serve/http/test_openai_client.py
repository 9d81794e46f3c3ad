"""The client of OpenAI against the server: every format, both streams, both kinds of client, its exceptions."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from runner.serve.http.speech_body import AudioFormat
from tests.runner.serve.http.conftest import KEY, Serve, Server
from tests.runner.serve.http.servers import wait_until

TEXT = "Hello there. How are you today?"
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[Format, ...] = ("mp3", "opus", "aac", "flac", "wav", "pcm")
STARTS = {"mp3": b"\xff\xf3", "opus": b"OggS", "aac": b"\xff\xf1", "flac": b"fLaC", "wav": b"RIFF", "pcm": b""}


def make_client(url: str, key: str = KEY) -> OpenAI:
    return OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with make_client(server.url) as made:
        yield made


@pytest.mark.parametrize("format_", FORMATS)
def test_client_gets_each_format_as_a_whole_and_as_a_stream(server: Server, client: OpenAI, format_: Format) -> None:
    wanted = server.ask(input=TEXT, response_format=format_).content
    got = client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, response_format=format_)
    assert got.content.startswith(STARTS[format_])
    assert len(got.content) == len(wanted) > 10_000
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=format_
    ) as stream:
        assert b"".join(stream.iter_bytes()) == (got.content if format_ == "opus" else wanted) or format_ == "opus"
        assert stream.headers["x-request-id"]


def test_client_gets_events(server: Server, client: OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input=TEXT, response_format="wav", stream_format="sse"
    ) as stream:
        events = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line]
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert audio == server.ask(input=TEXT, response_format="wav").content
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["total_tokens"] > 0


def test_several_at_a_time_get_each_their_own(server: Server) -> None:
    texts = [f"This is request number {number}." for number in range(12)]

    async def ask() -> list[bytes]:
        async with AsyncOpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0) as client:
            asked = [
                client.audio.speech.create(model="kokoro", voice="nova", input=text, response_format="pcm")
                for text in texts
            ]
            return [answer.content for answer in await asyncio.gather(*asked)]

    got = asyncio.run(ask())
    assert got == [server.ask(input=text, response_format="pcm").content for text in texts]
    assert len(set(got)) == len(texts)


def test_async_client_streams(server: Server) -> None:
    async def ask() -> bytes:
        async with (
            AsyncOpenAI(api_key=KEY, base_url=f"{server.url}/v1") as client,
            client.audio.speech.with_streaming_response.create(model="kokoro", voice="nova", input=TEXT) as stream,
        ):
            return b"".join([piece async for piece in stream.iter_bytes()])

    assert asyncio.run(ask()) == server.ask(input=TEXT).content


def test_client_lists_and_finds_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["kokoro", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    assert client.models.retrieve("kokoro").owned_by == "kokoro-run"
    with pytest.raises(openai.NotFoundError, match="there is no model 'whisper-1'"):
        client.models.retrieve("whisper-1")


def test_client_sends_our_fields_beside(client: OpenAI, server: Server) -> None:
    got = client.audio.speech.create(
        model="kokoro", voice="alloy", input=TEXT, response_format="pcm", speed=1.5, extra_body={"seed": 3}
    )
    assert got.content == server.ask(input=TEXT, response_format="pcm", speed=1.5, seed=3).content


@pytest.mark.parametrize(
    ("fields", "kind", "param", "message"),
    [
        ({"voice": "nobody"}, openai.BadRequestError, "voice", "no voice 'nobody'"),
        ({"input": ""}, openai.BadRequestError, "input", "there is nothing to speak"),
        ({"input": "a" * 5000}, openai.BadRequestError, "input", "expected at most 4096"),
        ({"speed": 9.0}, openai.BadRequestError, "speed", "less than or equal to 4"),
        ({"response_format": "ogg"}, openai.BadRequestError, "response_format", "'mp3'"),
        ({"model": "tts-9"}, openai.NotFoundError, "model", "there is no model 'tts-9'"),
        ({"extra_body": {"tone": 1}}, openai.BadRequestError, "tone", "there is no such field"),
        ({"extra_headers": {"Origin": "https://a.example"}}, openai.PermissionDeniedError, None, "--cors"),
        ({"extra_headers": {"Host": "a.example"}}, openai.APIStatusError, None, "--allowed-host"),
        ({"extra_headers": {"Content-Type": "text/plain"}}, openai.APIStatusError, None, "application/json"),
    ],
)
def test_refusals_become_the_clients_exceptions(
    client: OpenAI, fields: dict[str, Any], kind: type[openai.APIStatusError], param: str | None, message: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.audio.speech.create(**{"model": "kokoro", "voice": "alloy", "input": TEXT, **fields})
    assert type(caught.value) is kind
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert message in caught.value.message
    assert caught.value.request_id


def test_wrong_key_becomes_the_clients_exception(server: Server) -> None:
    with make_client(server.url, "another") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.models.list()
    assert caught.value.code == "invalid_api_key"
    assert "another" not in caught.value.message


def test_full_queue_and_lack_of_time_and_the_end_become_the_clients_exceptions(serve: Serve) -> None:
    with serve(queue=0) as server, make_client(server.url) as client:
        with pytest.raises(openai.RateLimitError) as refused:
            client.audio.speech.create(model="kokoro", voice="alloy", input=TEXT)
        assert (refused.value.code, refused.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "1")
        server.service.end()
        with pytest.raises(openai.InternalServerError) as ending:
            client.audio.speech.create(model="kokoro", voice="alloy", input=TEXT)
        assert (ending.value.status_code, ending.value.code) == (503, "ending")
        assert "retry-after" in ending.value.response.headers
    with serve(request_s=0.0) as server, make_client(server.url) as client:
        with pytest.raises(openai.InternalServerError) as late:
            client.audio.speech.create(model="kokoro", voice="alloy", input=TEXT)
        assert (late.value.status_code, late.value.code) == (504, "timeout")


def test_client_tries_again_after_a_full_queue(serve: Serve) -> None:
    with serve(queue=0) as server:
        client = OpenAI(api_key="none", base_url=f"{server.url}/v1", max_retries=1)
        with client, pytest.raises(openai.RateLimitError):
            client.audio.speech.create(model="kokoro", voice="alloy", input=TEXT)
        wait_until(lambda: server.log.read_text("utf-8").count("\n") == 2)
        lines = [json.loads(line) for line in server.log.read_text("utf-8").splitlines()]
    assert [line["status"] for line in lines] == [429, 429]


def test_types_of_the_client_are_ours() -> None:
    assert Format == AudioFormat
