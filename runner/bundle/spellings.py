"""Lists what may be written for symbols of a vocabulary, so that other hosts normalise lines without Unicode's tables.

    {"g": "ɡ", "d͡z": "ʣ", "ç" as two code points: "ç" as one}    longest first, at each place of a line, from its start

`stages.symbols.normalise` is asked for every spelling, so that the table says what it does.
"""

from __future__ import annotations

import itertools
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator

from stages.symbols import LIGATURES, TIE_BARS, normalise

_ASCII = 128


def list_spellings(vocab: Collection[str]) -> dict[str, str]:
    """List the spellings of one to three code points that `normalise` replaces by symbols of `vocab`."""
    found = {}
    for written in _list_candidates(vocab):
        symbols = list(normalise(written, vocab))
        # One symbol for all of it, or several for a single code point: else its code points are looked up one by one.
        is_whole = len(symbols) == 1 or len(written) == 1
        spelled = "".join(symbol.text for symbol in symbols)
        if is_whole and spelled != written and all(symbol.text in vocab for symbol in symbols):
            found[written] = spelled
    return found


def _list_candidates(vocab: Collection[str]) -> Iterator[str]:
    """List every text that one of the rules of `stages.symbols` may apply to as a whole."""
    yield from (f"{first}{tie}{second}" for first, second in LIGATURES for tie in TIE_BARS)
    decomposed = {char: unicodedata.normalize("NFD", char) for char in _list_composed()}
    yield from map(chr, range(_ASCII))
    yield from decomposed
    spelled_as = defaultdict(list)
    for char, parts in decomposed.items():
        spelled_as[parts].append(char)
    for symbol in vocab:
        parts = unicodedata.normalize("NFD", symbol)
        for size in range(1, len(parts)):
            for marks in itertools.combinations(range(1, len(parts)), size):
                mark = "".join(parts[at] for at in marks)
                letter = "".join(part for at, part in enumerate(parts) if at not in marks)
                pairs = itertools.product([letter, *spelled_as[letter]], [mark, *spelled_as[mark]])
                yield from (first + second for first, second in pairs if len(first) == len(second) == 1)


def _list_composed() -> Iterator[str]:
    """List the characters that are others put together, or stand for another one."""
    chars = map(chr, range(sys.maxunicode + 1))
    return (char for char in chars if (parts := unicodedata.decomposition(char)) and not parts.startswith("<"))
