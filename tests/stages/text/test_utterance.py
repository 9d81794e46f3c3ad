"""Texts, word by word, beside the phonemes of misaki 0.9.4 with a tagger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stages.text.compounds import join
from stages.text.lexicon import Lexicon
from stages.text.tokens import Token
from stages.text.utterance import pronounce_tokens
from stages.text.words import Pronouncer
from tests.stages.text.test_lexicon import FILE
from training.lexicon.measure import compare, read_sentences, tokenise

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def american() -> Pronouncer:
    return Pronouncer(Lexicon(FILE))


def speak(pronouncer: Pronouncer, text: str) -> str:
    return " ".join(join(parts) or "?" for parts in pronounce_tokens(tokenise(text), pronouncer))


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("I go to an apple, to a pear.", "ˌI ɡˌO tə ɐn ˈæpᵊl , tə ɐ pˈɛɹ ."),
        ("The hour, the unit, the one.", "ði ˈWəɹ , ðə jˈunət , ðə wˈʌn ."),
        ("I have a house you would have.", "ˌI hæv ɐ hˈWs ju wʊd hˈæv ."),
        ("The “hour” to “eat”", "ði “ ˈWəɹ ” tʊ “ ˈit ”"),
        ("the Eelbort, the Blorptic", "ði ? , ðə ?"),
        ("We used to use it.", "wˌi jˈust tə jˈuz ɪt ."),
        ("Tell the US Navy.", "tˈɛl ðə jˌuˈɛs nˈAvi ."),
        ("TELL US, NAVY.", "tˈɛl ˈʌs , nˈAvi ."),
    ],
)
def test_words_are_pronounced_as_their_neighbours_ask(american: Pronouncer, text: str, phonemes: str) -> None:
    assert speak(american, text) == phonemes


def test_letters_are_spelled(american: Pronouncer) -> None:
    tokens = [Token("the", 0, 3), Token("aids", 4, 8, kind="letters"), Token("?", 8, 9, kind="mark")]
    assert [join(parts) for parts in pronounce_tokens(tokens, american)] == ["ði", "ˌAˌIdˌiˈɛs", "?"]


def test_parts_of_speech_are_asked_for_each_word(american: Pronouncer) -> None:
    asked = []

    def choose(tokens: Sequence[Token], at: int) -> str | None:
        asked.append(tokens[at].text)
        return "VERB"

    assert [join(parts) for parts in pronounce_tokens(tokenise("Objects, object"), american, choose)] == [
        "əbʤˈɛkts",
        ",",
        "əbʤˈɛkt",
    ]
    assert asked == ["object", "Objects"]


@pytest.mark.parametrize(
    ("file", "british", "share"), [("sentences_us.tsv", False, 0.99), ("sentences_gb.tsv", True, 0.99)]
)
def test_words_are_those_that_the_model_was_trained_with(file: str, british: bool, share: float) -> None:
    result = compare(read_sentences(HERE / file), Pronouncer(Lexicon(FILE), british))
    assert result.words > 400
    assert 1 - result.differences.total() / result.words >= share, str(result)
