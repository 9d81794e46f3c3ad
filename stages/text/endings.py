"""Pronounces words with an ending by their stems: -s -'s -ed -ing, and short forms such as 'll.

ending   after                    American   British
-s       p t k f θ                s          s
         s z ʃ ʒ ʧ ʤ              ᵻz         ɪz
         any other                z          z
-ed      p k f θ ʃ s ʧ            t          t
         d                        ᵻd         ɪd
         t after a vowel          Tᵻd        ɪd       (T: the flap that the t becomes)
         any other t              ᵻd         ɪd
         any other                d          d
-ing     t after a vowel          Tɪŋ        ɪŋ
         r that British drops                ɹɪŋ      (it is spelled, and sounds again before a vowel)
         any other                ɪŋ         ɪŋ
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_FLAPPING = frozenset("AIOWYiuæɑəɛɪɹʊʌ")  # the sounds after which an American t becomes a flap
_VOICELESS_S, _SIBILANTS = frozenset("ptkfθ"), frozenset("szʃʒʧʤ")
_VOICELESS_ED = frozenset("pkfθʃsʧ")
_DROPPED_R = frozenset("əː")
_DOUBLED = frozenset("bdgklmnprtvz")


class Ending(NamedTuple):
    """A stem that a word may have, and its ending: s, ed or ing."""

    stem: str
    name: str


def add_ending(phonemes: str, ending: Ending, british: bool) -> str:
    """The phonemes of a stem with its ending."""
    if ending.name == "s":
        return phonemes + _choose_s(phonemes[-1], british)
    if ending.name == "ed":
        return (phonemes if british else flap(phonemes)) + _choose_ed(phonemes[-1], british)
    return (link(phonemes, ending.stem) if british else flap(phonemes)) + "ɪŋ"


def _choose_s(last: str, british: bool) -> str:
    if last in _VOICELESS_S:
        return "s"
    return ("ɪz" if british else "ᵻz") if last in _SIBILANTS else "z"


def _choose_ed(last: str, british: bool) -> str:
    if last in _VOICELESS_ED:
        return "t"
    return ("ɪd" if british else "ᵻd") if last in "dt" else "d"


def flap(phonemes: str) -> str:
    """A last t becomes a flap if a vowel is before it: American, before an ending with a vowel."""
    return f"{phonemes[:-1]}T" if phonemes[-1] == "t" and phonemes[-2:-1] in _FLAPPING else phonemes


def link(phonemes: str, spelling: str) -> str:
    """A last r that is spelled sounds again: British, before an ending with a vowel."""
    linking = phonemes[-1] in _DROPPED_R and spelling.rstrip("e").endswith("r")
    return f"{phonemes}ɹ" if linking else phonemes


def find_stems(word: str) -> Iterator[Ending]:
    """The stems that `word`, in lower case, may have, the most likely one first."""
    if len(word) > 2 and word.endswith("s"):
        yield from (Ending(stem, "s") for stem in _stems_of_s(word))
    if len(word) > 3 and word.endswith("ed"):
        yield from (Ending(stem, "ed") for stem in _stems_of_ed(word))
    if len(word) > 4 and word.endswith("ing"):
        yield from (Ending(stem, "ing") for stem in _stems_of_ing(word))


def _stems_of_s(word: str) -> Iterator[str]:
    if word.endswith("'s"):
        yield word[:-2]
        return
    if not word.endswith("ss"):
        yield word[:-1]
    if len(word) > 4 and word.endswith("ies"):
        yield f"{word[:-3]}y"
    elif len(word) > 4 and word.endswith("es"):
        yield word[:-2]


def _stems_of_ed(word: str) -> Iterator[str]:
    yield word[:-1]
    if len(word) > 4 and word.endswith("ied"):
        yield f"{word[:-3]}y"
    elif len(word) > 4 and not word.endswith("eed"):
        yield word[:-2]
        yield from undouble(word[:-2])


def _stems_of_ing(word: str) -> Iterator[str]:
    if len(word) > 5:
        yield word[:-3]
    yield f"{word[:-3]}e"
    if len(word) > 5:
        yield from undouble(word[:-3])


def undouble(stem: str) -> Iterator[str]:
    """The stem without the consonant that its ending doubled: stopp -> stop, picnick -> picnic."""
    if stem.endswith("ck") or (stem[-1] in _DOUBLED and stem[-2:-1] == stem[-1]):
        yield stem[:-1]


_SHORT_FORMS = {  # word after an apostrophe -> its phonemes after a consonant, and after a vowel
    "'ll": ("əl", "l"),
    "'re": ("əɹ", "ɹ"),
    "'ve": ("əv", "v"),
    "'d": ("əd", "d"),
    "'m": ("əm", "m"),
    "n't": ("ᵊnt", "nt"),
}
_BRITISH = {"əɹ": "ə", "ɹ": "ə"}
_VOWEL_ENDS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌː")


def split_short_form(word: str) -> tuple[str, str] | None:
    """`who've` -> (`who`, `'ve`); None for a word without a short form at its end."""
    for form in _SHORT_FORMS:
        if len(word) > len(form) and word.endswith(form):
            return word[: -len(form)], form
    return None


def add_short_form(stem: str, form: str, british: bool) -> str:
    """The phonemes of `stem` with a short form such as 'll."""
    sounds = _SHORT_FORMS[form][stem[-1] in _VOWEL_ENDS or (form == "'d" and stem[-1] not in "dt")]
    return stem + (_BRITISH.get(sounds, sounds) if british else sounds)
