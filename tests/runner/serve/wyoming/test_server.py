"""Wyoming, asked by its own client: what is told and spoken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from wyoming.audio import AudioChunk
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeVoice,
)

from tests.runner.serve.wyoming.houses import Open, Samples, hear, hear_stream

Speak = Callable[..., Samples]
LONG = "It rains. " * 60


def test_describe_lists_the_voices_with_their_languages(open_house: Open) -> None:
    async def ask() -> Event | None:
        async with open_house() as house, house.client() as client:
            await client.write_event(Describe().event())
            return await client.read_event()

    event = asyncio.run(ask())
    assert event is not None
    (program,) = Info.from_event(event).tts
    assert program.name == "kokoro-run"
    assert program.installed
    assert program.supports_synthesize_streaming
    assert [(voice.name, voice.languages, voice.installed) for voice in program.voices] == [
        ("high", ["en-US"], True),
        ("low", ["en-US"], True),
    ]


@pytest.mark.parametrize("voice", [None, "high", "low*0.3+high*0.7"])
def test_text_is_spoken_as_the_command_line_speaks_it(open_house: Open, speak: Speak, voice: str | None) -> None:
    text = "Dr. Who is here. He has come by train, as he always does when it rains.\n\nThe end."
    given = None if voice is None else SynthesizeVoice(name=voice)

    async def ask() -> Samples:
        async with open_house() as house, house.client() as client:
            await client.write_event(Synthesize(text, voice=given).event())
            heard = await hear(client)
            assert heard.kinds == ["audio-start", "audio-chunk", "audio-stop"]
            assert house.outcomes.names == ["ok"]
            return heard.samples

    np.testing.assert_array_equal(asyncio.run(ask()), speak(text, voice))


def test_texts_of_a_connection_are_spoken_in_their_order(open_house: Open, speak: Speak) -> None:
    async def ask() -> list[Samples]:
        async with open_house() as house, house.client() as client:
            for text in ("One.", "Two, three.", "Four."):
                await client.write_event(Synthesize(text).event())
            return [(await hear(client)).samples for _ in range(3)]

    for found, text in zip(asyncio.run(ask()), ("One.", "Two, three.", "Four."), strict=True):
        np.testing.assert_array_equal(found, speak(text))


def test_stream_is_spoken_from_the_first_sentence_on(open_house: Open, speak: Speak) -> None:
    async def ask() -> Samples:
        async with open_house() as house, house.client() as client:
            await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name="high")).event())
            for bit in ("The do", "or is op", "en. Dr", ". Who "):
                await client.write_event(SynthesizeChunk(bit).event())
            heard = await hear(client, last="audio-chunk")  # though the text has not ended
            for bit in ("is he", "re.\n\nThe", " end"):
                await client.write_event(SynthesizeChunk(bit).event())
            await client.write_event(Synthesize("The whole, for servers that know no streams.").event())
            await client.write_event(SynthesizeStop().event())
            await hear(client, heard, last="synthesize-stopped")
            assert heard.kinds == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
            return heard.samples

    gap = np.zeros(round(0.6 * 24000), np.int16)
    sentences = [speak(text, "high") for text in ("The door is open.", "Dr. Who is here.", "The end")]
    expected = np.concatenate([*sentences[:2], gap, sentences[2]])
    np.testing.assert_array_equal(asyncio.run(ask()), expected)


def test_stream_without_text_has_no_audio(open_house: Open) -> None:
    async def ask() -> list[str]:
        async with open_house() as house, house.client() as client:
            for event in (SynthesizeStart(), SynthesizeChunk(" \n"), SynthesizeStop()):
                await client.write_event(event.event())
            return (await hear_stream(client)).kinds

    assert asyncio.run(ask()) == ["audio-start", "audio-stop", "synthesize-stopped"]


@pytest.mark.parametrize("nothing", ["🙂 ", "*** ", "(“”). "])
def test_sentence_that_says_nothing_ends_no_stream(open_house: Open, speak: Speak, nothing: str) -> None:
    async def ask() -> Samples:
        async with open_house() as house, house.client() as client:
            for event in (SynthesizeStart(), *map(SynthesizeChunk, ("Yes. ", nothing, "No.")), SynthesizeStop()):
                await client.write_event(event.event())
            return (await hear_stream(client)).samples

    found = asyncio.run(ask())
    assert found.size >= speak("Yes.").size + speak("No.").size


def test_ping_is_answered_while_audio_is_sent(open_house: Open) -> None:
    async def ask() -> list[str]:
        async with open_house() as house, house.client() as client:
            await client.write_event(Synthesize(LONG).event())
            await client.write_event(Ping("are you there?").event())
            kinds = []
            while "audio-stop" not in kinds:
                event = await client.read_event()
                assert event is not None
                kinds.append(event.type)
                if Pong.is_type(event.type):
                    assert Pong.from_event(event).text == "are you there?"
            return kinds

    kinds = asyncio.run(ask())
    assert kinds.count("pong") == 1
    assert kinds.index("pong") < len(kinds) - 10


def test_unknown_events_are_ignored_with_what_they_carry(open_house: Open, speak: Speak) -> None:
    async def ask() -> Samples:
        async with open_house() as house, house.client() as client:
            await client.write_event(AudioChunk(16000, 2, 1, b"\n{" * 100_000).event())
            await client.write_event(Event("of-next-year", {"text": "No."}))
            await client.write_event(Synthesize("Yes.").event())
            return (await hear(client)).samples

    np.testing.assert_array_equal(asyncio.run(ask()), speak("Yes."))


@pytest.mark.parametrize("logs_text", [False, True])
def test_log_has_a_line_for_each_text_without_what_it_says(open_house: Open, tmp_path: Path, logs_text: bool) -> None:
    async def ask() -> None:
        async with open_house(logs_text=logs_text) as house, house.client() as client:
            await client.write_event(Synthesize("A secret.").event())
            await hear(client)
            for event in (SynthesizeStart(), SynthesizeChunk("Another. And"), SynthesizeStop()):
                await client.write_event(event.event())
            await hear_stream(client)

    asyncio.run(ask())
    lines = [json.loads(line) for line in (tmp_path / "requests.log").read_text("utf-8").splitlines()]
    assert [(line["path"], line["outcome"], line["characters"]) for line in lines] == [
        ("synthesize", "ok", 9),
        ("synthesize-start", "ok", 12),
    ]
    assert all(line["audio_seconds"] > 0.3 for line in lines)
    assert [line.get("text") for line in lines] == (["A secret.", "Another. And"] if logs_text else [None, None])
