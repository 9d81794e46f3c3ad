"""Pronounces words that are in no lexicon by a stem that is: over-world-er, untravelled, oddest.

Each affix is here because it sounds alike in most of the gold words that have it; those that change their stem or its
stress (-ity, -ation) are not. Where an affix sounds in two ways, it has that of more gold words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stages.text.endings import flap, link, undouble
from stages.text.stress import VOWELS, weaken


class Affix(NamedTuple):
    """A prefix or a suffix.

    Attributes:
        letters: its spelling.
        american, british: its phonemes.
        kind: "prefix", "main prefix" (it takes the stress), "suffix", or "vowel suffix", before which the stem may lose
            an e or double its last consonant, and a t may become a flap.
    """

    letters: str
    american: str
    british: str
    kind: str


_AFFIXES = (
    Affix("ness", "nəs", "nəs", "suffix"),
    Affix("less", "ləs", "ləs", "suffix"),
    Affix("ful", "fᵊl", "fʊl", "suffix"),
    Affix("like", "lˌIk", "lIk", "suffix"),
    Affix("ship", "ʃˌɪp", "ʃɪp", "suffix"),
    Affix("hood", "hˌʊd", "hʊd", "suffix"),
    Affix("ment", "mənt", "mᵊnt", "suffix"),
    Affix("ward", "wəɹd", "wəd", "suffix"),
    Affix("wise", "wˌIz", "wIz", "suffix"),
    Affix("ly", "li", "li", "suffix"),
    Affix("er", "əɹ", "ə", "vowel suffix"),
    Affix("est", "ᵻst", "ɪst", "vowel suffix"),
    Affix("able", "əbᵊl", "əbᵊl", "vowel suffix"),
    Affix("ish", "ɪʃ", "ɪʃ", "vowel suffix"),
    Affix("un", "ˌʌn", "ʌn", "prefix"),
    Affix("non", "nˌɑn", "nˌɒn", "prefix"),
    Affix("over", "ˌOvəɹ", "ˌQvə", "prefix"),
    Affix("under", "ˌʌndəɹ", "ˌʌndə", "prefix"),
    Affix("mis", "mˌɪs", "mˌɪs", "prefix"),
    Affix("inter", "ˌɪntəɹ", "ˌɪntə", "prefix"),
    Affix("anti", "ˌænti", "ˌantɪ", "prefix"),
    Affix("semi", "sˌɛmi", "sˌɛmɪ", "prefix"),
    Affix("multi", "mˌʌlti", "mˌʌltɪ", "prefix"),
    Affix("super", "sˈupəɹ", "sˈuːpə", "main prefix"),
    Affix("out", "ˌWt", "ˌWt", "prefix"),
    Affix("counter", "kˈWntəɹ", "kˈWntə", "main prefix"),
)
_SHORTEST_STEM, _SHORTEST_PREFIXED = 3, 4  # letters


def find_affixed_stems(word: str) -> Iterator[tuple[str, Affix]]:
    """The stems that `word`, in lower case, may have with an affix, and the affix."""
    for affix in _AFFIXES:
        if affix.kind.endswith("prefix"):
            if word.startswith(affix.letters) and len(word) >= len(affix.letters) + _SHORTEST_PREFIXED:
                yield word[len(affix.letters) :], affix
        elif word.endswith(affix.letters) and len(word) >= len(affix.letters) + _SHORTEST_STEM:
            yield from ((stem, affix) for stem in _spell_stems(word[: -len(affix.letters)], affix))


def _spell_stems(rest: str, affix: Affix) -> Iterator[str]:
    """How the stem may be spelled alone: merr(iness) merry, mer(est) mere, bigg(er) big."""
    yield rest
    if rest.endswith("i"):
        yield f"{rest[:-1]}y"
    if affix.kind == "vowel suffix":
        yield f"{rest}e"
        yield from undouble(rest)


def add_affix(phonemes: str, spelling: str, affix: Affix, british: bool) -> str:
    """The phonemes of the stem `spelling` with its affix."""
    sounds = affix.british if british else affix.american
    if affix.kind.endswith("prefix"):
        before = link(sounds, affix.letters) if phonemes.lstrip("ˈˌ")[:1] in VOWELS else sounds
        return before + (weaken(phonemes) if affix.kind == "main prefix" else phonemes)
    if affix.kind == "vowel suffix":
        return (link(phonemes, spelling) if british else flap(phonemes)) + sounds
    return phonemes + (sounds[1:] if phonemes[-1] == sounds[0] == "l" else sounds)
