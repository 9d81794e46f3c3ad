"""Text of other languages: the graph of text with the overlay of espeak-ng, on the default model."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runner.api import Graph, Pipeline
from runner.build.build import build
from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.engine.run_state import Status
from runner.graph.selection import Scope
from stages.dims import SAMPLE_RATE_HZ

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="espeakng-loader is not installed: extra [espeak]"
)
OVERLAY = ["espeak"]
TEXTS = {
    "a": ("No mother here.", "nˈO mˈʌðəɹ hˈɪɹ."),
    "b": ("No mother here.", "nˈQ mˈʌðə hˈɪə."),
    "e": ("¿Qué tal, señor?", "kˈe tˈal, seɲˈoɾ?"),
    "f": ("Le bon vin.", "lə bˈɔ̃ vˈɛ̃."),
    "h": ("नमस्ते।", "nəmˈʌsteː."),
    "i": ("La pizza!", "la pˈiʦːa!"),
    "p": ("Bom dia.", "bˈoŋ ʤˈiæ."),
}


@pytest.fixture(scope="module")
def root(cache_folder: Path) -> Path:
    """A build root that holds what the graph of text needs."""
    build(Graph.load("text"), cache_folder / "build")
    return cache_folder / "build"


def test_the_stages_of_english_are_gone() -> None:
    default, graph = Graph.load("default"), Graph.load("text", OVERLAY)
    assert set(graph.stages) == {*default.stages, "g2p"}
    assert graph.stages["g2p"].packages == ("espeakng-loader",)


@pytest.mark.parametrize("letter", TEXTS)
def test_text_is_spoken_in_the_language_of_each_letter(
    run: Callable[..., tuple[int, str, str]], root: Path, letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, phonemes = TEXTS[letter]
    options = ("-c", "espeak", "--set", f"params.lang={letter}", "--text", text, "--build-dir", root)
    assert run("text", *options, "-o", "a.wav")[0] == 0
    assert 0.5 < soundfile.info("a.wav").frames / SAMPLE_RATE_HZ < 2.5
    assert run("text", *options, "--until", "g2p", "--save-tensors", "kept")[0] == 0
    (saved,) = Path("kept").rglob("g2p.phonemes.txt")
    assert saved.read_text("utf-8") == phonemes


def test_each_word_has_its_place_and_its_source() -> None:
    graph = Graph.load("text", OVERLAY, ["params.lang=fr"])
    result = Pipeline(graph).run({"text": "Le bon vin."}, RunOptions(scope=Scope(until="g2p")))
    assert result["g2p.phonemes"] == "lə bˈɔ̃ vˈɛ̃."
    assert np.array_equal(result["g2p.words"], [[0, 2, 0, 2], [3, 6, 3, 7], [7, 10, 8, 12]])
    assert result["g2p.sources"] == "espeak espeak espeak"


def test_english_words_of_no_lexicon_are_spoken_by_espeak_if_asked(root: Path) -> None:
    pipeline = Pipeline(Graph.load("text", sets=["params.unknown=espeak"]), root)
    text = {"text": "Zorble's cat met half-flombats."}
    result = pipeline.run(text, RunOptions(scope=Scope(until="g2p")))
    assert result["g2p.phonemes"] == "zˈɔɹbᵊlz kˈæt mˈɛt hˌæfflˈɑmbæts."
    assert result["g2p.sources"] == "espeak lexicon lexicon espeak"
    assert pipeline.run(text, RunOptions(scope=Scope(until="lexicon")))["lexicon.length"].tolist() == [0]


def test_other_version_of_the_library_speaks_again(
    stage_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_status() -> Status:
        pipeline = Pipeline(Graph.load("text", OVERLAY), cache=Cache(stage_cache))
        return pipeline.run({"text": "No."}, RunOptions(scope=Scope(until="g2p"))).stages["g2p"].status

    assert [find_status(), find_status()] == [Status.RUN, Status.HIT]
    (tmp_path / "espeakng_loader-99.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert [find_status(), find_status()] == [Status.RUN, Status.HIT]


@pytest.mark.parametrize(
    ("overlay", "lang", "message"),
    [
        ((), "fr", "lang is 'fr', expected en-us or en-gb; other languages are spoken with `-c espeak`"),
        (("-c", "espeak"), "klingon", "lang: no language 'klingon'; expected one of en-us (a), en-gb (b), es (e)"),
        (("--set", "params.unknown=guess"), "en-us", "unknown is 'guess', expected letters or espeak"),
    ],
)
def test_what_is_not_spoken_is_refused(
    run: Callable[..., tuple[int, str, str]], root: Path, overlay: tuple[str, ...], lang: str, message: str
) -> None:
    code, _, err = run("text", *overlay, "--set", f"params.lang={lang}", "--text", "Oui.", "--build-dir", root)
    assert (code, message in err) == (2, True)


def test_a_full_stop_behind_a_mark_is_no_error(
    run: Callable[..., tuple[int, str, str]], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("-c", "espeak", "--set", "params.lang=fr", "--build-dir", root, "-o", "a.wav")
    code, _, err = run("text", *options, "--text", "Fin [pause:1s].")
    assert code == 0
    assert "nothing" not in err
