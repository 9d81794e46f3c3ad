"""Changes the stress of phonemes: ˈ is primary, ˌ secondary, each before the syllable or the vowel that it is for.

The steps are those that the phonemes Kokoro was trained with were made by.
"""

from __future__ import annotations

PRIMARY, SECONDARY = "ˈ", "ˌ"
VOWELS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ")
CONSONANTS = frozenset("bdfhjklmnpstvwzðŋɡɹʃʒʤʧθT")

_LONG = frozenset("AIOQWYʤʧ")  # diphthongs and affricates: two sounds in one symbol
_REMOVE = str.maketrans("", "", PRIMARY + SECONDARY)
_WEAKEN = str.maketrans({PRIMARY: SECONDARY, SECONDARY: None})


def remove_stress(phonemes: str) -> str:
    """The phonemes without stress."""
    return phonemes.translate(_REMOVE)


def weaken(phonemes: str) -> str:
    """Primary stress becomes secondary, secondary stress goes."""
    return phonemes.translate(_WEAKEN)


def subordinate(phonemes: str) -> str:
    """Weaken phonemes that have a primary stress; leave others as they are."""
    return weaken(phonemes) if PRIMARY in phonemes else phonemes


def add_stress(phonemes: str, mark: str = SECONDARY) -> str:
    """Stress the first vowel of phonemes that have no stress."""
    if PRIMARY in phonemes or SECONDARY in phonemes:
        return phonemes
    at = next((place for place, symbol in enumerate(phonemes) if symbol in VOWELS), None)
    return phonemes if at is None else f"{phonemes[:at]}{mark}{phonemes[at:]}"


def strengthen(phonemes: str) -> str:
    """Secondary stress becomes primary if there is no primary one; no stress becomes a primary one."""
    if PRIMARY in phonemes:
        return phonemes
    return add_stress(phonemes.replace(SECONDARY, PRIMARY), PRIMARY)


def change_stress(phonemes: str, level: int) -> str:
    """The stress that a user asked for: one or two steps up or down, as in `[word](+1)`.

    +2 makes the stress primary, +1 raises it by a step, -1 lowers it by a step, -2 removes it.
    """
    if level >= 2:
        return strengthen(phonemes)
    if level == 1:
        stressed = SECONDARY in phonemes and PRIMARY not in phonemes
        return strengthen(phonemes) if stressed else add_stress(phonemes)
    if level == -1:
        return weaken(phonemes)
    return remove_stress(phonemes) if level <= -2 else phonemes


def weigh(phonemes: str) -> int:
    """The number of sounds, stress marks among them: what decides which part of a compound is stressed."""
    return sum(2 if symbol in _LONG else 1 for symbol in phonemes)
