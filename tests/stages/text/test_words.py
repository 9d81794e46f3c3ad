"""Words pronounced one by one, American and British."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.text.compounds import Part, complete, join, split
from stages.text.lexicon import Lexicon
from stages.text.names import NAMES
from stages.text.weak_forms import Context
from stages.text.words import Pronouncer
from tests.stages.text.test_lexicon import FILE

CONSONANT, VOWEL, END = Context(vowel=False), Context(vowel=True), Context()
CAPITALS = Context(vowel=False, shouted=True)


@pytest.fixture(scope="module")
def american() -> Pronouncer:
    return Pronouncer(Lexicon(FILE))


@pytest.fixture(scope="module")
def british() -> Pronouncer:
    return Pronouncer(Lexicon(FILE), british=True)


WORDS = """
    hello            həlˈO                    həlˈQ
    water            wˈɔTəɹ                   wˈɔːtə
    polish           pˈɑlɪʃ                   pˈɒlɪʃ
    Polish           pˈOlɪʃ                   pˈQlɪʃ

    cats             kˈæts                    kˈats
    boxes            bˈɑksᵻz                  bˈɒksɪz
    dog's            dˈɔɡz                    dˈɒɡz
    boss's           bˈɔsᵻz                   bˈɒsɪz
    cats'            kˈæts                    kˈats
    James'           ʤˈAmz                    ʤˈAmz
    blogged          blˈɑɡd                   blˈɒɡd
    googled          ɡˈuɡᵊld                  ɡˈuːɡᵊld
    waiting          wˈATɪŋ                   wˈAtɪŋ
    storing          stˈɔɹɪŋ                  stˈɔːɹɪŋ

    can't            kˈænt                    kˈɑːnt
    can’t            kˈænt                    kˈɑːnt
    who've           hˌuv                     hˌuːv
    that'd           ðætəd                    ðatəd
    'em              əm                       əm
    'tis             tˈɪz                     tˈɪz
    o'clock          əklˈɑk                   əklˈɒk
    I'm              ˌIm                      ˌIm

    FBI              ˌɛfbˌiˈI                 ˌɛfbˌiːˈI
    CPU              sˌipˌijˈu                sˌiːpˌiːjˈuː
    NASA             nˈæsə                    nˈasə
    UFOs             jˌuˌɛfˈOz                jˌuːˌɛfˈQz
    FBI's            ˌɛfbˌiˈIz                ˌɛfbˌiːˈIz
    USA'S            jˌuˌɛsˈAz                jˌuːˌɛsˈAz
    US               jˌuˈɛs                   jˌuːˈɛs
    IT               ˌItˈi                    ˌItˈiː
    U.S.             jˌuˈɛs                   jˌuːˈɛs
    Ph.D.            pˌiˌAʧdˈi                pˌiːˌAʧdˈiː
    pdf              pˌidˌiˈɛf                pˌiːdˌiːˈɛf
    Ms               mˈɪz                     mˈɪz
    B                bˈi                      bˈiː
    g                ʤˈi                      ʤˈiː

    And              ˌænd                     ˌand
    Will             wˌɪl                     wˌɪl
    Never            nˈɛvəɹ                   nˈɛvə
    NOT              nˈɑt                     nˈɒt
    HELLO            həlˈO                    həlˈQ

    well-known       wˌɛlnˈOn                 wˌɛlnˈQn
    state-of-the-art stˈAtʌvðiˈɑɹt            stˈAtɒvðiˈɑːt
    x-ray            ˈɛksɹˌA                  ˈɛksɹA
    to-day           tədˈA                    tədˈA
    by-the-way       bIðəwˈA                  bIðəwˈA
    built-in         bˌɪltˈɪn                 bˌɪltˈɪn
    in-joke          ˈɪnʤˌOk                  ˈɪnʤQk
    iPhone           ˈIfˌOn                   ˈIfˌQn
    GitHub           ɡˌɪthˈʌb                 ɡˌɪthˈʌb
    HTMLParser       ˌAʧtˌiˌɛmˈɛlpˌɑɹsəɹ      ˌAʧtˌiːˌɛmˈɛlpˌɑːzə

    oddest           ˈɑdᵻst                   ˈɒdɪst
    overworlders     ˌOvəɹwˈɜɹldəɹz           ˌQvəwˈɜːldəz
    unhinged         ˌʌnhˈɪnʤd                ʌnhˈɪnʤd
    counterargument  kˈWntəɹˌɑɹɡjəmənt        kˈWntəˌɑːɡjʊmᵊnt
    civilisation     sˌɪvələzˈAʃən            sˌɪvəlIzˈAʃᵊn
    café             kæfˈA                    kˈafA
    naïve            nɑˈiv                    nIˈiːv
    résumé           ɹˈɛzəmˌA                 ɹˈɛzjʊmˌA
    clichés          klˌiʃˈAz                 klˈiːʃAz
    José             hˌOzˈA                   hQzˈA
    ｈｅｌｌｏ            həlˈO                    həlˈQ
"""


@pytest.mark.parametrize(("word", "us", "gb"), [line.split() for line in WORDS.splitlines() if line.strip()])
def test_word_is_pronounced(american: Pronouncer, british: Pronouncer, word: str, us: str, gb: str) -> None:
    assert american.pronounce(word, None, CONSONANT) == us
    assert british.pronounce(word, None, CONSONANT) == gb


@pytest.mark.parametrize(
    ("word", "before_vowel", "before_consonant", "at_end"),
    [
        ("the", "ði", "ðə", "ðə"),
        ("The", "ði", "ðə", "ðə"),
        ("to", "tʊ", "tə", "tu"),
        ("a", "ɐ", "ɐ", "ˈA"),
        ("an", "ɐn", "ɐn", "ɐn"),
        ("am", "ɐm", "ɐm", "æm"),
        ("in", "ɪn", "ɪn", "ˈɪn"),
        ("by", "bI", "bI", "bˈI"),
        ("I", "ˌI", "ˌI", "ˌI"),
        ("have", "hæv", "hæv", "hˈæv"),
        ("There", "ðˌɛɹ", "ðˌɛɹ", "ðˈɛɹ"),
    ],
)
def test_small_word_depends_on_the_next_sound(
    american: Pronouncer, word: str, before_vowel: str, before_consonant: str, at_end: str
) -> None:
    assert american.pronounce(word, None, VOWEL) == before_vowel
    assert american.pronounce(word, None, CONSONANT) == before_consonant
    assert american.pronounce(word, None, END) == at_end


@pytest.mark.parametrize(
    ("word", "key", "phonemes"),
    [
        ("object", None, "ˈɑbʤəkt"),
        ("object", "VERB", "əbʤˈɛkt"),
        ("object", "VBD", "əbʤˈɛkt"),
        ("objects", "VERB", "əbʤˈɛkts"),
        ("wound", "VBD", "wˈWnd"),
        ("wound", "NNP", "wˈund"),
        ("that", "DT", "ðˈæt"),
        ("in", "ADV", "ˈɪn"),
        ("by", "ADV", "bˈI"),
        ("a", "DT", "ɐ"),
        ("A", "NOUN", "ˈA"),
        ("I", "NOUN", "ˈI"),
    ],
)
def test_part_of_speech_chooses_the_variant(american: Pronouncer, word: str, key: str | None, phonemes: str) -> None:
    assert american.pronounce(word, key, CONSONANT) == phonemes


def test_used_before_to_is_another_word(american: Pronouncer) -> None:
    before_to = Context(vowel=False, before_to=True)
    assert american.pronounce("used", None, before_to) == "jˈust"
    assert american.pronounce("used", "VBN", before_to) == "jˈuzd"
    assert american.pronounce("used", None, CONSONANT) == "jˈuzd"


def test_capitals_among_capitals_are_words(american: Pronouncer) -> None:
    assert american.pronounce("US", None, CAPITALS) == "ˈʌs"
    assert american.pronounce("IT", None, CAPITALS) == "ˈɪt"
    assert american.pronounce("WALKING", None, CAPITALS) == "wˈɔkɪŋ"
    assert american.pronounce("KOKORO", None, CAPITALS) is None
    assert american.pronounce("KOKORO", None, CONSONANT) == "kˌAˌOkˌAˌOˌɑɹˈO"


@pytest.mark.parametrize("word", ["blorptic", "Weena", "qu", "привет", "東京", "well-blorptic"])
def test_unknown_word_has_no_phonemes(american: Pronouncer, word: str) -> None:
    assert american.pronounce(word) is None


def test_unknown_parts_are_completed_from_their_letters(american: Pronouncer) -> None:
    known, unknown = american.pronounce_parts("well-flambéroid's", None, CONSONANT)
    assert known == Part("well", "wˈɛl", source="rule")
    assert unknown == Part("flamberoid", None, possessive=True)
    assert complete(unknown, "flˈæmbəɹˌYd", british=False) == Part("flamberoid", "flˈæmbəɹˌYdz", source="model")
    assert join([known, complete(unknown, "flˈæmbəɹˌYd", british=False)]) == "wˌɛlflˈæmbəɹˌYdz"


@pytest.mark.parametrize(
    ("word", "source"), [("hello", "lexicon"), ("HELLO", "lexicon"), ("blogged", "rule"), ("CPU", "rule")]
)
def test_part_says_where_its_phonemes_are_from(american: Pronouncer, word: str, source: str) -> None:
    assert [part.source for part in american.pronounce_parts(word)] == [source]


@pytest.mark.parametrize("word", ["", "-", "--", "'", "’’", "-'-"])
def test_word_without_letters_is_silent(american: Pronouncer, word: str) -> None:
    assert american.pronounce_parts(word) == ()
    assert american.pronounce(word) == ""


def test_pieces_of_a_word_join_to_it() -> None:
    assert split("well-known") == ["well", "-", "known"]
    assert split("iPhone") == ["i", "Phone"]
    assert split("HTMLParser's--x") == ["HTML", "Parser's", "--", "x"]
    for word in ("a-b-c", "O'Brien", "'tis-'twas", "x1y2", "é-ü", "a\nb", "...", "--"):
        assert "".join(split(word)) == word


def test_long_words_take_linear_time_and_are_not_remembered(american: Pronouncer) -> None:
    assert american.pronounce("a-" * 2000) is not None
    assert american.pronounce("blorptic-" * 1000) is None
    assert len(american.spell("A" * 50_000) or "") == 100_000


def test_spelling_stresses_the_last_letter(american: Pronouncer) -> None:
    assert american.spell("abc") == "ˌAbˌisˈi"
    assert american.spell("w") == "dˈʌbᵊlju"
    assert american.spell("R.S.V.P.") == "ˌɑɹˌɛsvˌipˈi"
    assert american.spell("a1") is None
    assert american.spell("") is None


@pytest.mark.parametrize(
    ("word", "phonemes"),
    [
        ("Naomi", "nAˈOmi"), ("NAOMI", "nAˈOmi"), ("Naomi's", "nAˈOmiz"), ("Robinsons", "ɹˈɑbənsᵊnz"), ("Shhh", "ʃ"),
        ("Noooo", "nˈO"), ("sooo", "sˌO"), ("AAAH", "ˈɑ"), ("AAA", "ˌAˌAˈA"), ("XXX", "ˌɛksˌɛksˈɛks"), ("Brrr", "bˈɜɹ"),
    ],
)  # fmt: skip
def test_names_and_cries_sound_as_they_are_said(american: Pronouncer, word: str, phonemes: str) -> None:
    assert american.pronounce(word) == phonemes


def test_tables_of_words_are_spelled_with_the_models_symbols(repository: Path) -> None:
    vocabulary = json.loads((repository / "configs/models/kokoro-82m/config.json").read_text("utf-8"))["vocab"]
    rows = [row.split() for row in NAMES.strip().splitlines()]
    assert {len(row) for row in rows} == {3}
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), key=str.casefold)
    assert {symbol for _, *phonemes in rows for said in phonemes for symbol in said} <= set(vocabulary)
    assert all("ˈ" in said for _, *phonemes in rows for said in phonemes)
