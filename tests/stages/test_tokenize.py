from __future__ import annotations

import json
import logging
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.contract import StageError
from stages.symbols import normalise
from stages.tokenize import tokenize

CONFIG = json.loads(
    (Path(__file__).parents[2] / "configs" / "models" / "kokoro-82m" / "config.json").read_text("utf-8")
)
VOCAB: dict[str, int] = CONFIG["vocab"]

SPELLINGS = {
    "həlˈoʊ wˈɜːld!": "həlˈoʊ wˈɜːld!",
    "ɡg": "ɡɡ",
    "d\u0361zd\u0361ʑt\u0361st\u0361ɕt\u0361ʂd\u0361ʒt\u0361ʃ": "ʣʥʦʨ\uab67ʤʧ",
    "d\u035czt\u035cʃ": "ʣʧ",
    "ẽ": "e\u0303",
    "e\u0303": "e\u0303",
    "ñ g\u0303": "n\u0303 ɡ\u0303",
    "c\u0327": "ç",
    "ç": "ç",
    "ac\u0327\u0303": "aç\u0303",
    "dz tʃ": "dz tʃ",
}
# phonemes, column, what the message says of the symbol
UNKNOWN = [
    ("a%b", 2, "'%' U+0025"),
    ("ab\tc", 3, "U+0009"),
    ("é", 1, "'é' U+00E9; the nearest known one is 'e' U+0065"),
    ("aN", 2, "'N' U+004E; the nearest known one is 'n' U+006E"),
    ("d\u0361zʌ\u0361z", 5, "'◌\u0361' U+0361"),
    ("x'y", 2, "''' U+0027; the nearest known one is 'ˈ' U+02C8"),
    ("ə́", 2, "'◌\u0301' U+0301"),
    ("ƥ", 1, "'ƥ' U+01A5; the nearest known one is"),
    ("a\u0327", 2, "'◌\u0327' U+0327"),
    ("a😀", 2, "'😀' U+1F600. Correct it, or use `skip_unknown` to drop unknown symbols"),
]


def run(phonemes: str, *, skip: bool = False, alphabet: str = "kokoro") -> dict[str, np.ndarray]:
    return tokenize(phonemes, alphabet, np.array(skip), vocab=VOCAB, plbert=CONFIG["plbert"])


def ids(text: str) -> list[int]:
    return [0, *(VOCAB[symbol] for symbol in text), 0]


@pytest.mark.parametrize("phonemes", SPELLINGS)
def test_tokenize_spells_with_the_vocabulary(phonemes: str) -> None:
    assert run(phonemes)["input_ids"].tolist() == [ids(SPELLINGS[phonemes])]


def test_tokenize_gives_every_port_with_its_type() -> None:
    ports = run("əb")
    assert {name: (str(array.dtype), array.shape) for name, array in ports.items()} == {
        "input_ids": ("int64", (1, 4)),
        "length": ("int64", (1,)),
        "text_mask": ("bool", (1, 4)),
        "attention_mask": ("int64", (1, 4)),
    }
    assert ports["length"] == 4
    assert not ports["text_mask"].any()
    assert ports["attention_mask"].all()


@given(st.text(st.sampled_from(sorted(VOCAB)), min_size=1, max_size=40))
def test_tokenize_leaves_what_the_vocabulary_has(phonemes: str) -> None:
    assert run(phonemes)["input_ids"].tolist() == [ids(phonemes)]


@given(st.text(max_size=40))
def test_normalise_loses_nothing_and_keeps_columns_in_order(phonemes: str) -> None:
    symbols = list(normalise(phonemes, VOCAB))
    columns = [symbol.column for symbol in symbols]
    assert columns == sorted(columns)
    for symbol in symbols:
        assert symbol.text in VOCAB or symbol.text == phonemes[symbol.column - 1]


def test_normalise_is_the_identity_on_decomposed_text_it_may_not_touch() -> None:
    # NFC would make one character of it, and the model knows only the two.
    assert unicodedata.normalize("NFC", "o\u0303") == "õ"
    assert [symbol.text for symbol in normalise("o\u0303", VOCAB)] == ["o", "\u0303"]


@pytest.mark.parametrize(("phonemes", "column", "said"), UNKNOWN)
def test_tokenize_refuses_an_unknown_symbol(phonemes: str, column: int, said: str) -> None:
    with pytest.raises(StageError) as refusal:
        run(phonemes)
    assert str(refusal.value).startswith(f"column {column}: unknown symbol {said}")
    assert str(refusal.value).endswith("Correct it, or use `skip_unknown` to drop unknown symbols")


def test_tokenize_counts_the_other_unknown_symbols() -> None:
    with pytest.raises(StageError, match=r"\(and 3 more: 3 unknown symbols: '#' U\+0023 x2, '%' U\+0025\)"):
        run("a%b#c#d%")


def test_tokenize_drops_unknown_symbols_when_told_and_says_how_many(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kokoro_run"):
        ports = run("a%b#c#", skip=True)
    assert ports["input_ids"].tolist() == [ids("abc")]
    assert caplog.messages == ["dropped 3 unknown symbols: '%' U+0025, '#' U+0023 x2"]


def test_tokenize_reads_a_line_of_espeaks_when_told(caplog: pytest.LogCaptureFixture) -> None:
    assert run("(en)həlˈoʊ(fr) (en)tʃ", alphabet="espeak")["input_ids"].tolist() == [ids("həlˈO ʧ")]
    assert caplog.messages == ["dropped 3 marks of a change of language: (en) (fr) (en)"]
    assert run("ɡˈəʊ", alphabet="espeak-en-gb")["input_ids"].tolist() == [ids("ɡˈQ")]
    with pytest.raises(StageError, match="column 2: unknown symbol '%'"):
        run("ɚ%", alphabet="espeak")


def test_tokenize_refuses_an_unknown_alphabet() -> None:
    with pytest.raises(StageError, match=r"^alphabet: no alphabet 'ipa'; expected one of kokoro, espeak, espeak-en-us"):
        run("h", alphabet="ipa")


@pytest.mark.parametrize(
    ("phonemes", "hint"),
    [
        ("fˈɝ", "column 3: unknown symbol 'ɝ' U+025D; 'ɜɹ' is this vowel. Correct it"),
        ("ɫ", "column 1: unknown symbol 'ɫ' U+026B; 'l' is this consonant. Correct it"),
        ("n\u0329l\u0329", "'◌\u0329' U+0329; 'ᵊ' before the consonant says that it is syllabic (and 1 more: "),
        ("n\u0361m", "'◌\u0361' U+0361; no tie is needed, and 'ʧ ʤ ʦ ʣ' are one letter. Correct it"),
    ],
)
def test_a_refusal_says_how_kokoros_symbols_say_the_same(phonemes: str, hint: str) -> None:
    with pytest.raises(StageError, match=re.escape(hint)):
        run(phonemes)


@pytest.mark.parametrize(("phonemes", "skip"), [("", False), ("", True), ("%#", True)])
def test_tokenize_refuses_an_empty_utterance(phonemes: str, skip: bool) -> None:
    with pytest.raises(StageError, match="no phonemes: the utterance is empty"):
        run(phonemes, skip=skip)


def test_tokenize_takes_as_many_symbols_as_the_model_has_positions() -> None:
    assert run("a" * 510)["length"] == 512
    with pytest.raises(StageError, match=r"511 symbols, but the model takes at most 510 .*; split the line"):
        run("a" * 511)


def test_tokenize_counts_symbols_after_normalisation() -> None:
    assert run("t\u0361ʃ" * 510)["length"] == 512
    with pytest.raises(StageError, match="512 symbols, but the model takes at most 510"):
        run("ẽ" * 256)
