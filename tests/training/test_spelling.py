"""espeak-ng's phonemes in the two spellings, symbol by symbol."""

from __future__ import annotations

import pytest

from stages.symbols import normalise
from training.errors import TrainingError
from training.spelling import SPELLINGS, spelled, tokens, vocabulary

# What espeak-ng 1.51's American English makes of its dictionary: `espeak-ng -v en-us --ipa` over wamerican.
_PHONEMES = (
    "p,b,t,d,k,ɡ,tʃ,dʒ,f,v,θ,ð,s,z,ʃ,ʒ,h,m,n,ŋ,l,ɹ,j,w,ɾ,ʔ,n\u0329,x,r,"
    "iː,ɪ,eɪ,ɛ,æ,ɑː,ɔː,oʊ,ʊ,uː,ʌ,ə,ɐ,ɚ,ɜː,aɪ,aʊ,ɔɪ,aɪə,aɪɚ,ɪɹ,ɛɹ,ɑːɹ,ɔːɹ,oːɹ,ʊɹ,əl,ᵻ,i,ɔ,oː,ɪə"
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelled_stays_within_the_vocabulary(spelling: str) -> None:
    vocab = vocabulary()
    for phoneme in _PHONEMES.split(","):
        assert len(tokens(spelled(phoneme, spelling), vocab)) >= 1, phoneme


@pytest.mark.parametrize(
    ("ipa", "misaki"),
    [
        ("oʊ", "O"), ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ɾ", "T"),
        ("ɚ", "əɹ"), ("ɜː", "ɜɹ"), ("əl", "ᵊl"), ("n\u0329", "ᵊn"), ("iː", "i"), ("ɑːɹ", "ɑɹ"), ("oːɹ", "ɔɹ"),
        ("aɪɚ", "Iəɹ"), ("aɪə", "Iə"), ("ɐ", "ə"), ("g", "ɡ"),
    ],
)  # fmt: skip
def test_spelled_is_kokoros_american_when_misaki(ipa: str, misaki: str) -> None:
    assert spelled(ipa, "misaki") == misaki


@pytest.mark.parametrize("ipa", ["oʊ", "tʃ", "ɜː", "ɑːɹ", "əl", "ɐ", "ɾ", "ᵻ"])
def test_spelled_is_what_espeak_prints_when_espeak(ipa: str) -> None:
    assert spelled(ipa, "espeak") == ipa


def test_spelled_drops_the_mark_that_skip_unknown_drops() -> None:
    vocab = vocabulary()
    pasted = "".join(symbol.text for symbol in normalise("bˈʌʔn\u0329", vocab) if symbol.text in vocab)
    assert "".join(spelled(part, "espeak") for part in ("b", "ʌ", "ʔ", "n\u0329")) == pasted.replace("ˈ", "")


def test_spelled_takes_the_longest_match_first() -> None:
    assert spelled("aɪɚtʃəl", "misaki") == "Iəɹʧᵊl"


def test_tokens_lists_every_symbol_the_vocabulary_lacks() -> None:
    with pytest.raises(TrainingError, match=r"'%' U\+0025, '&' U\+0026 not in the vocabulary"):
        tokens("a&b%", vocabulary())
