"""The committed lexicon. `tests/training/lexicon` tests the format, and how the file is made."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import stages.text
from stages.text.lexicon import KEYS, LONGEST_WORD, Lexicon
from tests.conftest import ROOT

FILE = Path(stages.text.__file__).parent / "english.lexicon"


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon(FILE)


def test_lexicon_has_both_varieties_of_english(lexicon: Lexicon) -> None:
    assert (lexicon.words, lexicon.american, lexicon.british) == (212000, 179249, 192790)
    assert lexicon.find("tomato") == "təmˈATO"
    assert lexicon.find("tomato", british=True) == "təmˈɑːtQ"


def test_variants_have_their_parts_of_speech(lexicon: Lexicon) -> None:
    assert lexicon.find("wound") == {"DEFAULT": "wˈund", "VBD": "wˈWnd", "VBN": "wˈWnd", "VBP": "wˈWnd"}
    assert lexicon.find("object") == {"DEFAULT": "ˈɑbʤəkt", "VERB": "əbʤˈɛkt"}
    assert lexicon.find("US") == {"DEFAULT": "ˌʌs", "NOUN": None}


@pytest.mark.parametrize("british", [False, True])
def test_every_entry_is_found_and_every_symbol_is_the_models(lexicon: Lexicon, british: bool) -> None:
    model = json.loads((ROOT / "configs" / "models" / "kokoro-82m" / "config.json").read_text("utf-8"))
    vocabulary, symbols, longest, count = set(model["vocab"]), set[str](), 0, 0
    for word, entry in lexicon.read(british):
        variants = entry.phonemes if isinstance(entry.phonemes, dict) else {"DEFAULT": entry.phonemes}
        assert variants.keys() <= set(KEYS)
        assert variants["DEFAULT"]
        symbols.update(*filter(None, variants.values()))
        longest = max(longest, len(word))
        count += 1
        if count % 50 == 0:
            assert lexicon.find(word, british) == entry.phonemes
    assert count == (lexicon.british if british else lexicon.american)
    assert symbols - vocabulary == set()
    assert "ɾ" not in symbols
    assert longest < LONGEST_WORD


def test_notice_names_the_source() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    assert re.search(
        r"english\.lexicon is made of .* misaki 0\.9\.4\s.*hexgrad.*Apache License 2\.0", notice, re.DOTALL
    )
