"""Chooses cuts of a line whose first sound is wanted early: a short chunk first, and each one after it twice as long.

    60 symbols   120 symbols              240 symbols ...                     as long as the model takes, as any line
    |----------|------------------------|-----------------------------------|------ ...

A chunk ends at the last end of a sentence within its size; else at the first one within twice the size, but for the
first chunk; else at the last end of a clause within its size; else at the first mark beyond. What has no mark is cut as
any other line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.speech.split import Cuts

FIRST = 60  # symbols, 4 s of speech
_FEWEST_WORDS = 3  # on either side of a cut


def size_of(number: int) -> int:
    """Give the symbols of chunk `number` of a row, from 0."""
    return FIRST << number


def choose_early(cuts: Cuts, number: int) -> list[int]:
    """Choose the first cuts of a line, its beginning included; what is behind the last one is cut as any line.

    Args:
        number: of the line's first chunk in its row, from 0.
    """
    chosen = [0]
    while size_of(number) < cuts.limit and cuts.size(chosen[-1], cuts.last) > size_of(number):
        end = next(_find_ends(cuts, chosen[-1], number), None)
        if end is None:
            break
        chosen.append(end)
        number += 1
    return chosen


def _find_ends(cuts: Cuts, start: int, number: int) -> Iterator[int]:
    """Find where a chunk that begins at cut `start` may end, the best place first."""
    size = size_of(number)
    allowed = range(start + _FEWEST_WORDS, cuts.last + 1 - _FEWEST_WORDS)
    sentences, clauses = (
        [at for at in marks if at in allowed and cuts.allows(start, at)] for marks in (cuts.sentences, cuts.clauses)
    )
    for marks, most in ((sentences, 2 * size if number else size), (clauses, size)):
        within = [at for at in marks if cuts.size(start, at) <= size]
        beyond = [at for at in marks if size < cuts.size(start, at) <= most]
        yield from [*within[-1:], *beyond[:1]]
    yield from sorted([*sentences, *clauses])[:1]
