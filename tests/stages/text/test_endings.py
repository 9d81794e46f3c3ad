"""Words with endings, by their stems."""

from __future__ import annotations

import pytest

from stages.text.endings import Ending, add_ending, add_short_form, find_stems, split_short_form


@pytest.mark.parametrize(
    ("stem", "phonemes", "ending", "american", "british"),
    [
        ("cat", "kˈæt", "s", "kˈæts", "kˈæts"),
        ("cough", "kˈɔf", "s", "kˈɔfs", "kˈɔfs"),
        ("dog", "dˈɔɡ", "s", "dˈɔɡz", "dˈɔɡz"),
        ("sea", "sˈi", "s", "sˈiz", "sˈiz"),
        ("wish", "wˈɪʃ", "s", "wˈɪʃᵻz", "wˈɪʃɪz"),
        ("judge", "ʤˈʌʤ", "s", "ʤˈʌʤᵻz", "ʤˈʌʤɪz"),
        ("stop", "stˈɑp", "ed", "stˈɑpt", "stˈɑpt"),
        ("watch", "wˈɑʧ", "ed", "wˈɑʧt", "wˈɑʧt"),
        ("judge", "ʤˈʌʤ", "ed", "ʤˈʌʤd", "ʤˈʌʤd"),
        ("need", "nˈid", "ed", "nˈidᵻd", "nˈidɪd"),
        ("wait", "wˈAt", "ed", "wˈATᵻd", "wˈAtɪd"),
        ("start", "stˈɑɹt", "ed", "stˈɑɹTᵻd", "stˈɑɹtɪd"),
        ("act", "ˈækt", "ed", "ˈæktᵻd", "ˈæktɪd"),
        ("play", "plˈA", "ed", "plˈAd", "plˈAd"),
        ("wait", "wˈAt", "ing", "wˈATɪŋ", "wˈAtɪŋ"),
        ("act", "ˈækt", "ing", "ˈæktɪŋ", "ˈæktɪŋ"),
        ("go", "ɡˈO", "ing", "ɡˈOɪŋ", "ɡˈOɪŋ"),
    ],
)
def test_ending_fits_the_last_sound_of_the_stem(
    stem: str, phonemes: str, ending: str, american: str, british: str
) -> None:
    assert add_ending(phonemes, Ending(stem, ending), british=False) == american
    assert add_ending(phonemes, Ending(stem, ending), british=True) == british


def test_british_r_sounds_again_before_ing() -> None:
    assert add_ending("mˈɔː", Ending("moor", "ing"), british=True) == "mˈɔːɹɪŋ"
    assert add_ending("stˈɔː", Ending("store", "ing"), british=True) == "stˈɔːɹɪŋ"
    assert add_ending("sˈɔː", Ending("saw", "ing"), british=True) == "sˈɔːɪŋ"


@pytest.mark.parametrize(
    ("word", "stems"),
    [
        ("cats", ["cat"]),
        ("dog's", ["dog"]),
        ("boxes", ["boxe", "box"]),
        ("flies", ["flie", "fly"]),
        ("loss", []),
        ("loved", ["love", "lov"]),
        ("stopped", ["stoppe", "stopp", "stop"]),
        ("copied", ["copie", "copy"]),
        ("agreed", ["agree"]),
        ("making", ["mak", "make"]),
        ("running", ["runn", "runne", "run"]),
        ("mimicking", ["mimick", "mimicke", "mimic"]),
        ("doing", ["doe"]),
        ("is", []),
        ("red", []),
        ("king", []),
    ],
)
def test_stems_are_those_that_spelling_allows(word: str, stems: list[str]) -> None:
    assert [ending.stem for ending in find_stems(word)] == stems


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("who've", ("who", "'ve")),
        ("mustn't", ("must", "n't")),
        ("that'd", ("that", "'d")),
        ("dog", None),
        ("'ll", None),
    ],
)
def test_short_form_is_split_off(word: str, parts: tuple[str, str] | None) -> None:
    assert split_short_form(word) == parts


@pytest.mark.parametrize(
    ("stem", "form", "american", "british"),
    [
        ("hˌu", "'ve", "hˌuv", "hˌuv"),
        ("ðæt", "'ve", "ðætəv", "ðætəv"),
        ("ðæt", "'re", "ðætəɹ", "ðætə"),
        ("ðæt", "'d", "ðætəd", "ðætəd"),
        ("ʤˈɑn", "'d", "ʤˈɑnd", "ʤˈɑnd"),
        ("ʤˈɑn", "'ll", "ʤˈɑnəl", "ʤˈɑnəl"),
        ("mˈʌst", "n't", "mˈʌstᵊnt", "mˈʌstᵊnt"),
    ],
)
def test_short_form_fits_the_last_sound(stem: str, form: str, american: str, british: str) -> None:
    assert add_short_form(stem, form, british=False) == american
    assert add_short_form(stem, form, british=True) == british
