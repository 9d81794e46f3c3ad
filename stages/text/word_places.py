"""Finds which phonemes of an utterance belong to which of its words.

    words        of      the    cat         each spoken alone: ʌv  ði  kˈæt
    phonemes     ʌvðə kˈæt                  of all of them: two words may be one group, and sound otherwise

Both are aligned by edit distance. A symbol that no word alone has belongs to the word before it, at the start of a
group to the one after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPACE = " "
_GROUP = re.compile(r"[^ ]+")


def place_words(phonemes: str, alone: Sequence[str]) -> list[tuple[int, int]]:
    """Find the place of each word in `phonemes`: start and end, equal for a word that has none.

    Args:
        phonemes: of all words, in groups with a space between them.
        alone: the phonemes of each word, spoken alone.
    """
    groups = [match.span() for match in _GROUP.finditer(phonemes)]
    if len(groups) == len(alone) and all(len(word.split()) == 1 for word in alone):
        return groups
    found = _match_start(phonemes, alone)
    start = found[-1][1] if found else 0
    owners = _find_owners(phonemes[start:], alone[len(found) :])
    for word in range(len(alone) - len(found)):
        own = [start + at for at, owner in owners if owner == word]
        before = found[-1][1] if found else 0
        found.append((own[0], own[-1] + 1) if own else (before, before))
    return found


def _match_start(phonemes: str, alone: Sequence[str]) -> list[tuple[int, int]]:
    """Find the places of the first words, as many as sound as they do alone: that takes no alignment."""
    found: list[tuple[int, int]] = []
    at = 0
    for word in alone:
        end = at + len(word)
        if not phonemes.startswith(word, at) or phonemes[end : end + 1] not in ("", _SPACE):
            break
        found.append((at, end))
        at = end + 1
    return found


def _find_owners(phonemes: str, alone: Sequence[str]) -> list[tuple[int, int]]:
    """Find the word of each symbol that is no space: its place and the number of the word."""
    places = [at for at, symbol in enumerate(phonemes) if symbol != _SPACE]
    parts = [(word, symbol) for word, said in enumerate(alone) for symbol in said if symbol != _SPACE]
    matches = _align([phonemes[at] for at in places], [symbol for _, symbol in parts])
    words = [None if match is None else parts[match][0] for match in matches]
    owners: list[tuple[int, int]] = []
    for number, at in enumerate(places):
        nearby = words[number:] if at == 0 or phonemes[at - 1] == _SPACE else words[number : number + 1]
        before = owners[-1][1] if owners else 0
        owners.append((at, next((word for word in nearby if word is not None), before)))
    return owners


def _align(one: Sequence[str], other: Sequence[str]) -> list[int | None]:
    """Align two sequences at the least edit distance: for each element of `one`, that of `other`, None for none."""
    rows = [list(range(len(other) + 1))]
    for at, symbol in enumerate(one, 1):
        above, row = rows[-1], [at]
        for column, part in enumerate(other):
            row.append(min(above[column] + (symbol != part), above[column + 1] + 1, row[column] + 1))
        rows.append(row)
    matches: list[int | None] = [None] * len(one)
    at, column = len(one), len(other)
    while at and column:
        if rows[at][column] == rows[at - 1][column - 1] + (one[at - 1] != other[column - 1]):
            at, column = at - 1, column - 1
            matches[at] = column
        elif rows[at][column] == rows[at - 1][column] + 1:
            at -= 1
        else:
            column -= 1
    return matches
