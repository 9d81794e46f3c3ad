"""Replaces the phonemes of words, after the stages in front have made them.

"həlˈO, wˈɜɹld."  Edit(1, "wˈɜɹldz")  -->  "həlˈO, wˈɜɹldz."    words behind it move
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.errors import EditError
from stages.symbols import describe_unknown, normalise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.speech.row_words import WordRow
    from stages.symbols import Alphabet


@dataclass(frozen=True)
class Edit:
    """Other phonemes for one word of a row.

    Attributes:
        word: its number in the row, from 0: its place in `Speech.words`.
        phonemes: in place of those that the stages gave.
    """

    word: int
    phonemes: str


def edit_words(phonemes: str, words: Sequence[WordRow], edits: Mapping[int, str]) -> tuple[str, list[WordRow]]:
    """Put the phonemes of `edits` in place of those of words; gives all phonemes, and where the words are in them.

    Args:
        phonemes: that the stages in front gave for a segment.
        words: of the segment, in the order of their phonemes.
        edits: place in `words` -> phonemes.
    """
    pieces: list[str] = []
    found: list[WordRow] = []
    at = size = 0  # in the phonemes as they were, and as they are now
    for number, word in enumerate(words):
        own = edits.get(number, phonemes[word.first : word.last])
        between = phonemes[at : word.first]
        pieces += between, own
        first = size + len(between)
        at, size = max(at, word.last), first + len(own)
        found.append(word._replace(first=first, last=size, source="edit" if number in edits else word.source))
    return "".join([*pieces, phonemes[at:]]), found


def check_edit(word: WordRow, phonemes: str, vocab: Mapping[str, int], alphabet: Alphabet | None) -> None:
    """Refuse phonemes that the model does not know.

    Raises:
        EditError: there are such, or no phonemes at all; it names the column of the word.
    """
    place = f"column {word.start + 1}: "
    if not phonemes.strip():
        raise EditError(f"{place}no phonemes for this word, expected one at least; leave the word out of the text")
    unknown = [symbol for symbol in normalise(phonemes, vocab, alphabet) if symbol.text not in vocab]
    if unknown:
        raise EditError(f"{place}the phonemes '{phonemes}' for this word: {describe_unknown(unknown[0], vocab)}")
