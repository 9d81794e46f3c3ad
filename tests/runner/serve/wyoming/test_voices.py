"""The languages of voices, by their names and by what the graph speaks."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice

from runner.engine.pipeline import Pipeline
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.serve.service import Service
from runner.serve.settings import ServeSettings
from runner.serve.voices import NamedVoices
from runner.serve.wyoming.server import serve_wyoming
from runner.serve.wyoming.voices import VoiceLanguages
from runner.speech.model import VOICE
from runner.speech.speaker import with_durations
from tests.conftest import ROOT
from tests.runner.serve.wyoming.houses import House, Samples, hear

NAMES = ("af_one", "bf_two", "ff_three", "jf_four", "plain")


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overlay: the default model, whose one voice has names of several languages."""
    folder = tmp_path_factory.mktemp("named")
    for name in NAMES:
        shutil.copy(ROOT / "configs" / "models" / "mini" / "voices" / "low.npy", folder / f"{name}.npy")
    path = folder / "named.yaml"
    path.write_text(f"model: {{voices: {folder}, voice: af_one}}\n", "utf-8")
    return path


def make_service(libraries: Path, overlay: Path, sets: tuple[str, ...] = ()) -> Service:
    graph = with_durations(load_graph("text", (str(overlay),), sets))
    settings = ServeSettings(wyoming_port=0)
    voices = NamedVoices(graph, settings.aliases)
    pipeline = Pipeline(graph, libraries, 1, cache=None, resolvers={VOICE: voices.resolve}, workers=1)
    return Service(pipeline, voices, settings)


def test_voices_are_told_with_the_languages_that_the_graph_speaks(libraries: Path, named: Path) -> None:
    service = make_service(libraries, named)
    voices = VoiceLanguages(service)
    assert {name: voices.spell(name) for name in voices.names} == {
        "af_one": "en-US",
        "bf_two": "en-GB",
        "ff_three": "en-US",  # this graph speaks English alone, whatever the voice
        "jf_four": "en-US",
        "plain": "en-US",
    }
    service.close()


@pytest.mark.parametrize(
    ("voice", "lang"),
    [
        ("bf_two", "en-gb"),
        ("af_one", "en-us"),
        ("ff_three", None),
        ("plain", None),
        (None, None),
        ("bf_two*0.5+af_one*0.5", "en-gb"),
        ("shimmer", None),
    ],
)
def test_graph_is_told_the_language_of_the_voice(
    libraries: Path, named: Path, voice: str | None, lang: str | None
) -> None:
    service = make_service(libraries, named)
    assert VoiceLanguages(service).find(voice) == lang
    service.close()


@pytest.mark.parametrize(
    ("language", "voice"),
    [("en-US", "af_one"), ("en_GB", "bf_two"), ("en-gb", "bf_two"), ("en", "af_one"), ("en-AU", "af_one")],
)
def test_voice_is_chosen_by_language(libraries: Path, named: Path, language: str, voice: str) -> None:
    service = make_service(libraries, named)
    assert VoiceLanguages(service).choose(language) == voice
    service.close()


def test_voice_of_no_language_is_refused(libraries: Path, named: Path) -> None:
    service = make_service(libraries, named)
    with pytest.raises(RunError, match="no voice speaks 'fr'; expected one of en-GB, en-US"):
        VoiceLanguages(service).choose("fr")
    service.close()


def test_british_voice_speaks_british_english(libraries: Path, named: Path) -> None:
    """The same pack under two names: what differs is how the text is read."""

    async def ask() -> tuple[list[str], list[Samples]]:
        service = make_service(libraries, named)
        async with serve_wyoming(service, service.settings) as server:
            house = House(service, server.sockets[0].getsockname()[1], Path())
            async with house.client() as client:
                await client.write_event(Describe().event())
                event = await client.read_event()
                assert event is not None
                languages = [voice.languages[0] for voice in Info.from_event(event).tts[0].voices]
                heard = []
                for voice in ("af_one", "bf_two", "ff_three"):
                    await client.write_event(Synthesize("Ask for a tomato.", SynthesizeVoice(name=voice)).event())
                    heard.append((await hear(client)).samples)
        service.close()
        return languages, heard

    languages, (american, british, other) = asyncio.run(ask())
    assert sorted(languages) == ["en-GB", "en-US", "en-US", "en-US", "en-US"]
    np.testing.assert_array_equal(american, other)
    assert american.shape != british.shape or np.any(american != british)


def test_graph_of_phonemes_is_refused(libraries: Path) -> None:
    async def ask() -> None:
        graph = with_durations(load_graph("default"))
        voices = NamedVoices(graph, {})
        pipeline = Pipeline(graph, libraries, 1, cache=None, resolvers={VOICE: voices.resolve}, workers=1)
        service = Service(pipeline, voices, ServeSettings(wyoming_port=0))
        try:
            async with serve_wyoming(service, service.settings):
                pass
        finally:
            service.close()

    with pytest.raises(RunError, match="takes phonemes, but Wyoming sends text; serve the graph text"):
        asyncio.run(ask())
