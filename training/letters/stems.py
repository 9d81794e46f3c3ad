"""Which words are kept from training: some at random, and every word of the same stem.

A model that has seen "vilify" knows "vilified"; only words whose whole family is unseen show what it does with a word
that is new. Stems are cut boldly: two families that share one by accident are merely held out together.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from training.letters.lexicon import Entry

_PREFIXES = (
    "counter", "under", "inter", "super", "over", "anti", "semi", "fore", "post", "non", "out", "pre", "mis", "dis",
    "sub", "un", "re", "up", "in", "im", "ir", "il", "de", "co",
)  # fmt: skip
_SUFFIXES = (
    "ization", "isation", "ically", "lessly", "ations", "iness", "ating", "ators", "ation", "ments", "ingly", "edly",
    "izing", "ising", "ities", "ated", "ates", "ator", "ally", "ment", "ness", "less", "able", "ably", "ible", "ibly",
    "ship", "hood", "like", "ings", "ized", "ised", "izes", "ises", "ists", "isms", "ions", "ials", "ions", "iest",
    "iers", "ate", "ful", "ish", "ize", "ise", "ist", "ism", "ity", "ial", "ion", "ian", "ers", "ors", "est", "ier",
    "ies", "ied", "ing", "als", "ous", "ive", "'s", "es", "ed", "er", "or", "ly", "al", "ic", "an", "s", "y", "e", "i",
    "'", "a", "o",
)  # fmt: skip
_SHORTEST = {True: 4, False: 3}  # letters that are left of a word without a prefix, without a suffix


def stems(word: str) -> set[str]:
    """Cut the parts of a word to their stems: the parts between hyphens, with and without a prefix."""
    parts = [part for part in word.replace("'s", "").split("-") if part]
    return {_cut(form) for part in parts for form in (part, _drop_prefix(part))}


def _drop_prefix(word: str) -> str:
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST[True]:
            return word[len(prefix) :]
    return word


def _cut(word: str) -> str:
    shorter = _drop_suffix(word)
    while shorter != word:
        word, shorter = shorter, _drop_suffix(shorter)
    return word[:-1] if len(word) > _SHORTEST[False] and word[-1] == word[-2] else word  # "stopp" of "stopping"


def _drop_suffix(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST[False]:
            return word[: -len(suffix)]
    return word


def hold_out(entries: Sequence[Entry], counts: Iterable[int], seed: int) -> tuple[list[Entry], ...]:
    """Draw sets of entries, half of them American, half British; no set's stems are in another, nor in the rest.

    Args:
        counts: how many entries each set has, one at most of a stem.

    Returns:
        the sets, then the entries whose stems are in none of them.
    """
    drawn = list(entries)
    random.Random(seed).shuffle(drawn)
    stems_of = {entry.word: stems(entry.word) for entry in entries}
    taken: set[str] = set()
    sets: list[list[Entry]] = []
    for count in counts:
        chosen: list[Entry] = []
        for british in (False, True):
            for entry in drawn:
                if len(chosen) == count * (1 + british) // 2:
                    break
                if entry.british == british and not stems_of[entry.word] & taken:
                    taken |= stems_of[entry.word]
                    chosen.append(entry)
        sets.append(chosen)
    return *sets, [entry for entry in entries if not stems_of[entry.word] & taken]
