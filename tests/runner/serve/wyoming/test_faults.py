"""Clients of Wyoming that send nonsense, go away, are slow, or are too many: they are told, and no other is harmed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from wyoming.error import Error
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from runner.errors import RunError
from runner.serve.settings import ServeSettings
from runner.serve.wyoming import server as module
from runner.serve.wyoming.server import serve_wyoming
from tests.runner.serve.wyoming.houses import House, Open, Samples, hear

Speak = Callable[..., Samples]
LONG = "It rains and rains, and the river rises over the fields. " * 40


async def tell(house: House, *sent: Event | bytes) -> tuple[str | None, str]:
    """Send events or raw bytes; gives the code and the text of the error that ends the connection."""
    async with house.client() as client:
        for each in sent:
            if isinstance(each, bytes):
                assert client._writer is not None
                client._writer.write(each)
            else:
                await client.write_event(each)
        event = await client.read_event()
        while event is not None and event.type.startswith("audio-"):
            event = await client.read_event()
        assert event is not None
        assert Error.is_type(event.type), event
        error = Error.from_event(event)
        assert await client.read_event() is None
        return error.code, error.text


@contextlib.asynccontextmanager
async def connected(house: House) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection without Wyoming."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def check_that_others_are_served(house: House) -> None:
    async with house.client() as client:
        await client.write_event(Synthesize("Yes.").event())
        assert (await hear(client)).samples.size > 2400


LINE = b'{"type": "ping"'
MISTAKES: dict[str, tuple[list[Event | bytes], str, str]] = {
    "unknown voice": ([Synthesize("Hi.", SynthesizeVoice(name="hihg")).event()], "invalid", "did you mean 'high'"),
    "voice of a file": ([Synthesize("Hi.", SynthesizeVoice(name="../low.npy")).event()], "invalid", "no voice '../low"),
    "unknown language": (
        [Synthesize("Hi.", SynthesizeVoice(language="de")).event()],
        "invalid",
        "no voice speaks 'de'; expected one of en-US",
    ),
    "voice of no shape": ([Event("synthesize", {"text": "Hi.", "voice": "low"})], "protocol", "is an object"),
    "voice of no name": ([Event("synthesize", {"text": "Hi.", "voice": {"name": 3}})], "protocol", "are strings"),
    "wrong mark": ([Synthesize("Wait [pause:1] here.").event()], "invalid", "pause"),
    "long text": ([Synthesize("x" * 4097).event()], "invalid", "has 4097 characters, expected at most 4096"),
    "long document": (
        [SynthesizeStart().event(), SynthesizeChunk("<speak>" + "x " * 2100).event()],
        "invalid",
        "has 4207 characters, expected at most 4096",
    ),
    "no text": ([Event("synthesize", {})], "protocol", '"synthesize" has a "text"'),
    "text of no string": ([Event("synthesize", {"text": [1]})], "protocol", '"synthesize" has a "text"'),
    "half a character": ([b'{"type": "synthesize", "data": {"text": "a\\ud800"}}\n'], "protocol", "half a character"),
    "chunk alone": ([SynthesizeChunk("Hi.").event()], "protocol", "without a synthesize-start"),
    "stop alone": ([SynthesizeStop().event()], "protocol", "without a synthesize-start"),
    "start twice": ([SynthesizeStart().event(), SynthesizeStart().event()], "protocol", "came twice"),
    "no JSON": ([b"GET / HTTP/1.1\r\n\r\n"], "protocol", "is no JSON"),
    "bad UTF-8": ([b'{"type": "\xff"}\n'], "protocol", "is no JSON"),
    "no object": ([b"[1]\n"], "protocol", "is no object of JSON"),
    "no type": ([b'{"data": {}}\n'], "protocol", 'has a "type"'),
    "data of no shape": ([LINE + b', "data": "x"}\n'], "protocol", '"data", which is an object'),
    "deep data": ([b"[" * 60_000 + b"\n"], "protocol", "is no JSON"),
    "long line": ([LINE + b" " * 70_000], "protocol", "more than 65536 bytes"),
    "much data": ([LINE + b', "data_length": 99999999999}\n'], "protocol", "data_length: expected a number of bytes"),
    "negative length": ([LINE + b', "data_length": -1}\n'], "protocol", "data_length: expected a number of bytes"),
    "length of no number": ([LINE + b', "payload_length": "9"}\n'], "protocol", "payload_length: expected a number"),
    "data of no JSON": ([LINE + b', "data_length": 3}\n{x}'], "protocol", "the data of an event is no JSON"),
    "ten megabytes": ([LINE + b', "payload_length": 10000000}\n' + b"x" * 10_000_000], "protocol", "at most 1048576"),
}


def test_mistakes_are_told_and_end_the_connection(open_house: Open) -> None:
    async def ask() -> dict[str, tuple[str | None, str]]:
        async with open_house(stall_s=5.0) as house:
            told = {name: await tell(house, *sent) for name, (sent, _, _) in MISTAKES.items()}
            await check_that_others_are_served(house)
            return told

    told = asyncio.run(ask())
    assert {name: code for name, (code, _) in told.items()} == {name: code for name, (_, code, _) in MISTAKES.items()}
    assert {name: text for name, (_, text) in told.items() if MISTAKES[name][2] not in text} == {}
    assert [text for _, text in told.values() if "/" in text.replace("../low.npy", "")] == []


def test_mistake_in_a_stream_is_told_behind_what_was_spoken(open_house: Open, speak: Speak) -> None:
    async def ask() -> Samples:
        async with open_house() as house, house.client() as client:
            for event in (SynthesizeStart(), SynthesizeChunk("It rains. Wait [pause:1] here. Yes."), SynthesizeStop()):
                await client.write_event(event.event())
            heard = await hear(client, last="error")
            assert heard.kinds == ["audio-start", "audio-chunk", "error"]
            return heard.samples

    np.testing.assert_array_equal(asyncio.run(ask()), speak("It rains."))


def test_full_queue_is_told_and_a_stream_under_way_waits_for_its_place(open_house: Open, speak: Speak) -> None:
    async def ask() -> Samples:
        async with open_house(queue=1) as house, house.client() as long, house.client() as stream:
            await stream.write_event(SynthesizeStart().event())
            await stream.write_event(SynthesizeChunk("It rains. ").event())
            heard = await hear(stream, last="audio-chunk")
            await house.until_quiet()
            await long.write_event(Synthesize(LONG).event())
            await hear(long, last="audio-chunk")
            code, text = await tell(house, Synthesize("Yes.").event())
            assert (code, text.partition(";")[0]) == ("rate_limit_exceeded", "all places of the queue are taken")
            await stream.write_event(SynthesizeChunk("The end.").event())
            await stream.write_event(SynthesizeStop().event())
            await asyncio.sleep(0.3)
            await long.disconnect()
            return (await hear(stream, heard, last="synthesize-stopped")).samples

    np.testing.assert_array_equal(asyncio.run(ask()), np.concatenate([speak("It rains."), speak("The end.")]))


async def go_at_once(house: House) -> None:
    async with house.client() as client:
        await client.write_event(Synthesize(LONG).event())


async def go_in_the_middle(house: House) -> None:
    async with house.client() as client:
        await client.write_event(Synthesize(LONG).event())
        await hear(client, last="audio-chunk")


async def go_in_a_stream(house: House) -> None:
    async with house.client() as client:
        await client.write_event(SynthesizeStart().event())
        await client.write_event(SynthesizeChunk(LONG).event())
        await hear(client, last="audio-chunk")


async def break_off(house: House) -> None:
    client = house.client()
    await client.connect()
    await client.write_event(Synthesize(LONG).event())
    await hear(client, last="audio-chunk")
    assert client._writer is not None
    client._writer.transport.abort()


@pytest.mark.parametrize("go", [go_at_once, go_in_the_middle, go_in_a_stream, break_off])
def test_client_that_goes_stops_its_work(
    open_house: Open, tmp_path: Path, go: Callable[[House], Awaitable[None]]
) -> None:
    async def ask() -> list[str]:
        async with open_house() as house:
            await go(house)
            await house.until_quiet()
            await check_that_others_are_served(house)
            return house.outcomes.names

    assert set(asyncio.run(ask())[:-1]) <= {"cancelled", "ok"}
    lines = [json.loads(line) for line in (tmp_path / "requests.log").read_text("utf-8").splitlines()]
    assert [line["outcome"] for line in lines][-2:] in (["gone", "ok"], ["ok"])  # it may go before it is read


def test_client_that_reads_nothing_loses_the_connection(open_house: Open) -> None:
    async def ask() -> list[str]:
        async with open_house(stall_s=0.5) as house:
            async with connected(house) as (_, writer):
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                for _ in range(4):
                    text = json.dumps({"type": "synthesize", "data": {"text": LONG}})
                    writer.write(text.encode() + b"\n")
                async with asyncio.timeout(60):
                    while "cancelled" not in house.outcomes.names:
                        await asyncio.sleep(0.05)
                await check_that_others_are_served(house)
            return house.outcomes.names

    names = asyncio.run(ask())
    assert names[-1] == "ok"
    assert "cancelled" in names


def test_event_that_does_not_end_is_told(open_house: Open) -> None:
    async def ask() -> tuple[str | None, str]:
        async with open_house(stall_s=0.3) as house:
            return await tell(house, LINE + b', "data_length": 10}\n{"a"')

    assert asyncio.run(ask()) == ("protocol", "the rest of an event did not come in 0.3 s")


@pytest.mark.parametrize("begun", [b"", LINE])
def test_silent_client_loses_the_connection_after_the_time_of_a_request(open_house: Open, begun: bytes) -> None:
    async def ask() -> bytes:
        async with open_house(request_s=0.3) as house, connected(house) as (reader, writer):
            writer.write(begun)
            async with asyncio.timeout(10):
                return await reader.read()

    assert asyncio.run(ask()) == b""


@pytest.mark.parametrize("chunks", [[], ["It rains. And"]])
def test_stream_whose_text_does_not_go_on_ends_after_the_time_of_a_request(
    open_house: Open, tmp_path: Path, chunks: list[str]
) -> None:
    async def ask() -> tuple[str | None, str]:
        async with open_house(request_s=1.0) as house, asyncio.timeout(20):
            return await tell(house, SynthesizeStart().event(), *(SynthesizeChunk(text).event() for text in chunks))

    assert asyncio.run(ask()) == ("protocol", "the text did not go on within 1 s")
    (line,) = (tmp_path / "requests.log").read_text("utf-8").splitlines()
    assert json.loads(line)["outcome"] == "late"


@pytest.mark.parametrize("chunks", [[], ["It rains. And"]])
def test_stream_that_waits_for_text_delays_no_end_of_the_server(open_house: Open, chunks: list[str]) -> None:
    async def ask() -> float:
        async with open_house(drain_s=30.0) as house, house.client() as client:
            await client.write_event(SynthesizeStart().event())
            for text in chunks:
                await client.write_event(SynthesizeChunk(text).event())
                await hear(client, last="audio-chunk")
            await house.until_quiet()
            start = asyncio.get_running_loop().time()
            house.service.end()
            while await client.read_event() is not None:
                pass
            return asyncio.get_running_loop().time() - start

    assert asyncio.run(ask()) < 10


def test_more_clients_than_are_allowed_are_turned_away(open_house: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECTIONS", 2)

    async def ask() -> None:
        async with open_house() as house:
            async with house.client(), house.client():
                await asyncio.sleep(0.1)
                async with connected(house) as (reader, _), asyncio.timeout(10):
                    assert await reader.read() == b""
            await asyncio.sleep(0.1)
            await check_that_others_are_served(house)

    asyncio.run(ask())


def test_turn_under_way_ends_before_the_server_does(open_house: Open, speak: Speak) -> None:
    text = "It rains and rains. The river rises."

    async def ask() -> Samples:
        async with open_house() as house, house.client() as client, house.client() as idle:
            await client.write_event(Synthesize(text).event())
            heard = await hear(client, last="audio-chunk")
            house.service.end()
            await hear(client, heard)
            assert await client.read_event() is None
            assert await idle.read_event() is None
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", house.port)
            return heard.samples

    np.testing.assert_array_equal(asyncio.run(ask()), speak(text))


def test_turn_that_takes_too_long_is_broken_off_when_the_server_ends(open_house: Open, tmp_path: Path) -> None:
    async def ask() -> None:
        async with asyncio.timeout(30):
            async with open_house(drain_s=0.2) as house, house.client() as client:
                await client.write_event(Synthesize(LONG).event())
                await hear(client, last="audio-chunk")
                house.service.end()
                while await client.read_event() is not None:
                    pass
                await house.until_quiet()

    asyncio.run(ask())
    (line,) = (tmp_path / "requests.log").read_text("utf-8").splitlines()
    assert json.loads(line)["outcome"] == "broken"


def test_taken_port_is_told(open_house: Open) -> None:
    async def ask() -> None:
        async with open_house() as house:
            settings = ServeSettings(wyoming_port=house.port)
            with pytest.raises(RunError, match=rf"127.0.0.1:{house.port}: cannot listen: .*choose another"):
                async with serve_wyoming(house.service, settings):
                    pass

    asyncio.run(ask())


def test_text_that_takes_too_long_is_told(open_house: Open) -> None:
    async def ask() -> tuple[str | None, str]:
        async with open_house(request_s=0.5) as house:
            told = await tell(house, Synthesize(LONG).event())
            await house.until_quiet()
            assert house.outcomes.names == ["late"]
            return told

    code, text = asyncio.run(ask())
    assert code == "timeout"
    assert text.startswith("this takes longer than the server allows")
