"""Reads the lexicon: the phonemes of English words, American and British, from one memory-mapped file.

`training/lexicon` writes the file. Integers are little-endian; offsets count from the start of the file.

    header    magic (8 bytes), version (u16), words of a block (u16); then u32: words, American entries, British
              entries, blocks, offset of the index
    strings   count (u8); for each code from 0 on, the string that it stands for: length in bytes (u8), UTF-8
    blocks    words in the order of their ASCII bytes, 16 a block
    index     offset of each block (u32)

A word of a block, after the one before it:

    letters in common with the word before (u8; 0 for the first of a block), further letters: count (u8), ASCII
    bytes of the rest (u8): 0 to 255
    grades (u8): low four bits American, high four British
        0 absent   1 gold   2 silver   3 (British) grade and phonemes of the American entry   +4 it has variants
    American entry, if present: count of its bytes (u8), its bytes
    British entry, if present and not that of the American one: its bytes, up to the end of the rest

The bytes of an entry are codes: its phonemes are the strings of these codes, joined. 255 strings, most of them of two
to six symbols, store the phonemes in half the space, and a table look-up a code decodes them. An entry with variants
is, for each variant, its key (u8, a place in KEYS), count of codes (u8), codes; no codes for a word that is read letter
by letter there.

Gold entries were checked by people, silver ones were not. A word with an upper-case first letter is also found by its
lower-case spelling, and the other way round; gold entries in either spelling come before silver ones.
"""

from __future__ import annotations

import bisect
import functools
import mmap
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from stages.contract import StageError

MAGIC, VERSION = b"KRLEXIC\n", 1
HEADER = struct.Struct("<8sHHIIIII")
OFFSET = struct.Struct("<I")
BLOCK_WORDS = 16
ABSENT, GOLD, SILVER, AMERICAN, VARIANTS = 0, 1, 2, 3, 4

# The variants of a word, each by the part of speech that it is for, as tags of the Penn Treebank or classes of them.
# "None" is for a word that ends a phrase: nothing but a mark follows.
KEYS = ("DEFAULT", "NOUN", "VERB", "ADJ", "ADV", "VBD", "VBN", "VBP", "DT", "None")

LONGEST_WORD = 64  # letters: more than any word here has, so that nothing longer is looked for or remembered
_REMEMBERED_WORDS = 1 << 14
_LANDMARK_BLOCKS = 16  # every so many blocks, the first word is kept in memory: most of a search compares these

Phonemes = str | Mapping[str, str | None]


class Entry(NamedTuple):
    """What the lexicon has for one spelling.

    Attributes:
        gold: whether people checked it.
        phonemes: the phonemes; or those of each variant, None for a variant that is read letter by letter.
    """

    gold: bool
    phonemes: Phonemes


class Lexicon:
    """The lexicon of one file."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            content = file.read(HEADER.size)
            head = HEADER.unpack(content) if len(content) == HEADER.size else ()
            if head[:2] != (MAGIC, VERSION):
                raise StageError(
                    f"{path}: got the first bytes {content[:10]!r}, expected a lexicon of version {VERSION}; "
                    "write it again with `python -m training.lexicon`"
                )
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        _, _, _, self.words, self.american, self.british, self._blocks, self._index = head
        self._strings = self._read_strings()
        self._landmarks = [self._first_word(block) for block in range(0, self._blocks, _LANDMARK_BLOCKS)]
        self._remembered = functools.lru_cache(_REMEMBERED_WORDS)(self._find)

    def find(self, word: str, british: bool = False) -> Phonemes | None:
        """The phonemes of `word`, or its variants by their keys; None if the lexicon lacks it."""
        entry = self._remembered(word, british) if len(word) <= LONGEST_WORD else None
        return entry.phonemes if entry else None

    def find_gold(self, word: str, british: bool = False) -> Phonemes | None:
        """As `find`, among gold entries only."""
        entry = self._remembered(word, british) if len(word) <= LONGEST_WORD else None
        return entry.phonemes if entry and entry.gold else None

    def read(self, british: bool = False) -> Iterator[tuple[str, Entry]]:
        """All words of one variety of English with their entries, in the order of the file."""
        for block in range(self._blocks):
            for word, rest in self._read_block(block):
                entry = self._decode(rest, british)
                if entry:
                    yield word.decode("ascii"), entry

    def _find(self, word: str, british: bool) -> Entry | None:
        found = [entry for each in _spellings(word) if (entry := self._look_up(each, british))]
        return next((entry for entry in found if entry.gold), found[0] if found else None)

    def _look_up(self, word: str, british: bool) -> Entry | None:
        """The entry of exactly this spelling."""
        if not word.isascii():
            return None
        key = word.encode("ascii")
        landmark = bisect.bisect_right(self._landmarks, key) - 1
        if landmark < 0:
            return None
        first = landmark * _LANDMARK_BLOCKS
        near = range(first, min(first + _LANDMARK_BLOCKS, self._blocks))
        block = first + bisect.bisect_right(near, key, key=self._first_word) - 1
        for each, rest in self._read_block(block):
            if each >= key:
                return self._decode(rest, british) if each == key else None
        return None

    def _first_word(self, block: int) -> bytes:
        at = self._offset(block)
        return self._data[at + 2 : at + 2 + self._data[at + 1]]

    def _offset(self, block: int) -> int:
        if block == self._blocks:
            return self._index
        offset: int = OFFSET.unpack_from(self._data, self._index + block * OFFSET.size)[0]
        return offset

    def _read_block(self, block: int) -> Iterator[tuple[bytes, bytes]]:
        """The words of a block, each with its rest."""
        at, data, word = 0, self._data[self._offset(block) : self._offset(block + 1)], b""
        while at < len(data):
            end = at + 2 + data[at + 1]
            word = word[: data[at]] + data[at + 2 : end]
            at = end + 1 + data[end]
            yield word, data[end + 1 : at]

    def _decode(self, rest: bytes, british: bool) -> Entry | None:
        grades = rest[0]
        american, grade = grades & 15, grades >> 4 if british else grades & 15
        end = 2 + rest[1] if american else 1
        codes = rest[end:] if british and grade != AMERICAN else rest[2:end]
        if grade == AMERICAN:
            grade = american
        if grade == ABSENT:
            return None
        return Entry(grade & ~VARIANTS == GOLD, self._variants(codes) if grade & VARIANTS else self._join(codes))

    def _variants(self, codes: bytes) -> dict[str, str | None]:
        at, variants = 0, dict[str, str | None]()
        while at < len(codes):
            end = at + 2 + codes[at + 1]
            variants[KEYS[codes[at]]] = self._join(codes[at + 2 : end]) or None
            at = end
        return variants

    def _join(self, codes: bytes) -> str:
        strings = self._strings
        return "".join([strings[code] for code in codes])

    def _read_strings(self) -> list[str]:
        """The strings that the codes stand for."""
        strings, at = [], HEADER.size + 1
        for _ in range(self._data[HEADER.size]):
            end = at + 1 + self._data[at]
            strings.append(self._data[at + 1 : end].decode("utf-8"))
            at = end
        return strings


def _spellings(word: str) -> tuple[str, ...]:
    """`word`, and the other spelling that it is found by."""
    lower = word.lower()
    capitalised = lower.capitalize()
    if len(word) < 2 or capitalised == lower or word not in (lower, capitalised):
        return (word,)
    return (word, capitalised if word == lower else lower)
