"""espeak-ng's phonemes as Kokoro's symbols."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.symbols import normalise
from stages.text.espeak import ALPHABETS, find_alphabet, find_alphabet_of, looks_like_espeak
from tests.conftest import ROOT

VOCAB: dict[str, int] = json.loads((ROOT / "configs/models/kokoro-82m/config.json").read_text("utf-8"))["vocab"]

AMERICAN = {
    "həlˈoʊ wˈɜːld": "həlˈO wˈɜɹld",
    "dˈeɪ mˈaɪ nˈaʊ bˈɔɪ": "dˈA mˈI nˈW bˈY",
    "tʃˈiːz dʒˈoʊk": "ʧˈiz ʤˈOk",
    "sˈɪɾi bˈɛɾɚ": "sˈɪTi bˈɛTəɹ",
    "bˈʌʔn\u0329 lˈɪɾəl": "bˈʌtn lˈɪTᵊl",
    "həlˈoʊ ʤˈɛnɚɹəli stˈɑːɹɾəld": "həlˈO ʤˈɛnəɹəli stˈɑɹTᵊld",
    "t^ʃˈɪɹ d^ʒˈoʊ lˈɪɾə^l": "ʧˈɪɹ ʤˈO lˈɪTᵊl",
    "t\u0361ʃ t\u035cʃ t\u200dʃ a\u0361ɪ": "ʧ ʧ ʧ I",
    "ɹˈɪð\u0329m pɹˈɪzm\u0329": "ɹˈɪᵊðm pɹˈɪzᵊm",
    "bˈɝd bˈɝːd bˈɜːɹd bˈɚd": "bˈɜɹd bˈɜɹd bˈɜɹd bˈəɹd",
    "fˈɛɫ fˈɫ\u0329": "fˈɛl fˈᵊl",
    "wˈaɪɚ pˈaʊɚ ɛɹɪɹ": "wˈIəɹ pˈWəɹ ɛɹɪɹ",
    "fˈɔːɹ fˈoːɹ": "fˈɔɹ fˈɔɹ",
    "aɪdˈɪə": "Idˈiə",
    "lˈɑːx r": "lˈɑk ɹ",
    "nʲoʊ nʲə nʲɛ": "njO njə nɛ",
    "ɐbˈaʊt": "əbˈWt",
    "h_ə_l_ˈoʊ": "həlˈO",
    "ðə (fr)bˈɔ\u0303(en) mˈæn": "ðə bˈɔ mˈæn",
    "(hˈiː)": "(hˈi)",
}
BRITISH = {
    "ðˈeə nˈiə ɡˈəʊ": "ðˈɛː nˈɪə ɡˈQ",
    "ðˈe^ə ɡˈə^ʊ": "ðˈɛː ɡˈQ",
    "bˈɜːd kˈɑː kˈat": "bˈɜːd kˈɑː kˈat",
    "dˈeɪ bˈɒtəl": "dˈA bˈɒtᵊl",
    "hˈi^əɹ ðˈeəɹ": "hˈɪəɹ ðˈɛːɹ",
}
OTHER = {
    "mˈat^ʃo ˈaɪɾe": "mˈaʧo ˈIɾe",
    "bɔ\u0303ʒˈuʁ lez-amˈi": "bɔ\u0303ʒˈuʁ lezamˈi",
    "pˈit^sa ˈad^zuro pas^so": "pˈiʦa ˈaʣuro paSo",
    "«ɲoː»": "“ɲoː”",
    "(en)wˈiːkɛnd(fr)": "wˈiːkɛnd",
    "(^e^n)wˈiːkɛnd(^f^r)(pt-br)(p^t^-^b^r)": "wˈiːkɛnd",
    "d\u0329 d\u032a a\u032f": "d d a",
    "bˈʌr.eː pˈeːɽ pˈor. a": "bˈʌreː pˈeːr pˈor. a",
}
CASES = [
    *(("espeak", *case) for case in AMERICAN.items()),
    *(("espeak-en-gb", *case) for case in BRITISH.items()),
    *(("espeak-fr", *case) for case in OTHER.items()),
]
ESPEAK = ["həlˈoʊ wˈɜːld", "tʃˈiːz", "dˈeɪ", "nˈəʊ", "bˈɛɾɚ", "bˈʌʔn\u0329", "t^ʃˈɪɹ", "(en)wˈiːkɛnd(fr)", "dɹˈɔɪ tʃ"]
KOKORO = [
    "həlˈO wˈɜɹld", "ʧˈɪɹ", "dɹˈɔɪŋ", "hˈɑtʃˌɑt", "bˈɜːd kˈɑː", "kˈat", "koɲniʨiwa minasan ʣɯːʔto",
    "ɕjˈɛ↓ɕjɛ, ni↓ xˈɑʊ" .replace("ɑʊ", "au"), "bɔ̃ʒˈuʁ", "hello (world)", "", "ðə kæt",
]  # fmt: skip


def spell(line: str, name: str) -> str:
    return "".join(symbol.text for symbol in normalise(line, VOCAB, find_alphabet(name)))


@pytest.mark.parametrize(("name", "line", "expected"), CASES)
def test_a_line_of_espeaks_is_spelled_as_kokoro_does(name: str, line: str, expected: str) -> None:
    assert spell(line, name) == expected


def test_espeak_alone_and_letters_name_alphabets_too() -> None:
    assert find_alphabet("espeak") is find_alphabet("espeak-en-us") is find_alphabet("espeak-a")
    assert find_alphabet("kokoro") is None
    with pytest.raises(
        ValueError, match="no alphabet 'ipa'; expected one of kokoro, espeak, espeak-en-us, espeak-en-gb"
    ):
        find_alphabet("ipa")
    with pytest.raises(ValueError, match="no alphabet 'espeak-klingon'"):
        find_alphabet("espeak-klingon")


def test_each_symbol_has_the_place_of_what_became_it() -> None:
    found = [(s.text, s.column, s.written) for s in normalise("t^ʃˈiːɚ k", VOCAB, find_alphabet("espeak"))]
    assert found == [
        ("ʧ", 1, "t^ʃ"),
        ("ˈ", 4, None),
        ("i", 5, "iː"),
        ("ə", 7, "ɚ"),
        ("ɹ", 7, "ɚ"),
        (" ", 8, None),
        ("k", 9, None),
    ]


def test_what_is_dropped_at_the_start_of_a_line_moves_no_column() -> None:
    found = [(s.text, s.column) for s in normalise("(en)^h", VOCAB, find_alphabet("espeak"))]
    assert found == [("h", 6)]


@given(st.text(st.sampled_from("^\u0361\u0329\u0303ːʲʔnəlɚɹeoaɪʊtʃdʒɜɾx(en) -_,.AOɫ\u200d"), max_size=30))
def test_places_cover_the_line_in_order(line: str) -> None:
    for name in ALPHABETS:
        end = 0
        for symbol in normalise(line, VOCAB, find_alphabet(name)):
            start = symbol.column - 1
            written = symbol.text if symbol.written is None else symbol.written
            assert line.startswith(written, start)
            assert start >= end or line.startswith(written, end - len(written))
            end = start + len(written)


def test_a_long_line_takes_time_in_proportion() -> None:
    line = "^" * 50_000 + "ə" * 50_000 + "(en" * 15_000  # half a minute, if it were with the square
    assert len(list(normalise(line, VOCAB, find_alphabet("espeak")))) == 95_000


def test_a_mark_of_a_language_that_does_not_end_is_read_once() -> None:
    line = "(en" + "-a^" * 60 + "!"  # for ever, if a tie could be read in two ways
    alphabet = find_alphabet("espeak")
    assert alphabet is not None
    assert alphabet.find_flags(line) == []
    assert alphabet.find_flags("(en-u^s)h(^e^n^-^g^b)") == ["(en-u^s)", "(^e^n^-^g^b)"]


@pytest.mark.parametrize("line", ESPEAK)
def test_lines_of_espeaks_look_like_it(line: str) -> None:
    assert looks_like_espeak(line)


@pytest.mark.parametrize("line", KOKORO)
def test_lines_of_kokoros_do_not(line: str) -> None:
    assert not looks_like_espeak(line)


@pytest.mark.parametrize("phonemes", ["tʃɪp", "dʒˈʌmp", "bɔɪ", "goʊ", "təmeɪtoʊ", "bˈɚd", "ˈbʌtn\u0329"])
def test_one_sign_of_ipa_is_enough_in_phonemes_of_a_word(phonemes: str) -> None:
    assert find_alphabet_of(phonemes, "en-us") is find_alphabet("espeak-en-us")
    assert find_alphabet_of(phonemes, "b") is find_alphabet("espeak-en-gb")


@pytest.mark.parametrize("phonemes", ["kəkˈɔɹO", "fˈɛstʃɹIft", "ˈɔɪŋ", "wˈɜɹd", "ju", ""])
def test_phonemes_of_kokoro_have_its_own_alphabet(phonemes: str) -> None:
    assert find_alphabet_of(phonemes, "en-us") is None


def test_a_length_mark_is_a_sign_of_ipa_where_voices_know_none() -> None:
    assert find_alphabet_of("kˈɑː", "en-us") is not None
    assert find_alphabet_of("kˈɑː", "en-gb") is None
