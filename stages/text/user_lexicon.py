"""Reads a user's lexicon, and finds its words in a text: they win over every rule.

    # names of the team                     a comment; blank lines are skipped
    kokoro<TAB>kəkˈɔɹO                      Kokoro, KOKORO and Kokoro's too; also in kokoro-run
    Nice<TAB>nˈis                           with this capital alone
    New York<TAB>nˌu jˈɔɹk                  several words, figures and symbols: C++, 3M, Dr

A text is compared piece by piece, where a piece is a run of letters and digits, or one symbol. Of several words that
fit the longest does, in the text's own capitals before small letters.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import NamedTuple

from stages.text.abbreviation_table import ABBREVIATIONS
from stages.text.abbreviations import ends_sentence, ends_text
from stages.text.endings import Ending, add_ending
from stages.text.given_phonemes import PhonemeError, read_phonemes
from stages.text.languages import find_language
from stages.text.markup import shorten

_KEPT = 4  # lexicons in memory
_LONGEST = 200  # characters of a word
_SHORTEST_PLURAL = 3  # letters of a word in small letters: `hi` is not in `his`
_NO_PLURALS = frozenset({"does"})
_RUN = re.compile(r"\s+|(?:[^\W_][\u0300-\u036f]*)+|.", re.DOTALL)
_APOSTROPHES = str.maketrans("’‘ʼ", "'''")
_GLUE = frozenset("@_")  # symbols that make one name of what is beside them


class LexiconError(ValueError):
    """A line of a user's lexicon is wrong; the message begins with its number."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"line {number}: {message}")


class Found(NamedTuple):
    """A word of the lexicon in a text: its place and its phonemes."""

    start: int
    end: int
    phonemes: str


class _Piece(NamedTuple):
    text: str
    start: int
    end: int


class UserLexicon:
    """The words of one lexicon with their phonemes."""

    def __init__(self, words: dict[tuple[str, ...], str], *, british: bool) -> None:
        self._words, self._british = words, british
        self._lengths: dict[str, set[int]] = {}  # first piece -> the numbers of pieces of the words that begin with it
        for word in words:
            self._lengths.setdefault(word[0], set()).add(len(word))

    def find(self, text: str) -> Iterator[Found]:
        """Find the words of the lexicon in a text, in their order."""
        pieces = _divide(text) if self._words else []
        at = 0
        while at < len(pieces):
            found = self._find_at(text, pieces, at)
            if found is None:
                at += 1
                continue
            end, phonemes = found
            yield Found(pieces[at].start, end, phonemes)
            while at < len(pieces) and pieces[at].start < end:
                at += 1

    def _find_at(self, text: str, pieces: list[_Piece], at: int) -> tuple[int, str] | None:
        """Find the word that begins with a piece; gives the end of its place, and its phonemes."""
        first = pieces[at].text
        lengths = {*self._lengths.get(first, ()), *self._lengths.get(first.lower(), ())}
        if not (lengths or first[-1] in "sS") or _is_glued(pieces, at, -1):
            return None
        for length in sorted(lengths, reverse=True):
            phonemes = self._look_up(tuple(piece.text for piece in pieces[at : at + length]))
            last = at + length - 1
            if phonemes is not None and last < len(pieces):
                if _is_possessive(pieces, last):
                    return pieces[last + 2].end, self._add_s(phonemes)
                if not _is_glued(pieces, last, 1):
                    return _end_abbreviation(text, first, pieces[last].end), phonemes
        return self._find_plural(pieces, at)

    def _find_plural(self, pieces: list[_Piece], at: int) -> tuple[int, str] | None:
        word = pieces[at].text
        stem = word[:-1]
        if word[-1] not in "sS" or word[-2:].lower() == "ss" or word.lower() in _NO_PLURALS or _is_glued(pieces, at, 1):
            return None
        if len(stem) < _SHORTEST_PLURAL and not (stem.isupper() and word[-1] == "s" and len(stem) > 1):
            return None
        phonemes = self._look_up((stem,))
        return None if phonemes is None else (pieces[at].end, self._add_s(phonemes))

    def _look_up(self, word: tuple[str, ...]) -> str | None:
        exact = self._words.get(word)
        return exact if exact is not None else self._words.get(tuple(piece.lower() for piece in word))

    def _add_s(self, phonemes: str) -> str:
        return add_ending(phonemes, Ending("", "s"), self._british)


def _divide(text: str) -> list[_Piece]:
    """Divide a text into pieces: runs of letters and digits, in composed letters; white space; single symbols."""
    pieces = [_Piece(found[0], found.start(), found.end()) for found in _RUN.finditer(text)]
    return [piece._replace(text=_spell(piece.text)) for piece in pieces]


def _spell(piece: str) -> str:
    if piece.isspace():
        return " "
    return piece if piece.isascii() else unicodedata.normalize("NFC", piece).translate(_APOSTROPHES)


def _is_glued(pieces: list[_Piece], at: int, step: int) -> bool:
    """Whether the piece at `at` is a part of something else to one side: isn't, example.com, snake_case."""
    near, beyond = at + step, at + 2 * step
    if not 0 <= near < len(pieces):
        return False
    mark = pieces[near].text
    if mark in _GLUE:
        return True
    return mark in {"'", "."} and 0 <= beyond < len(pieces) and pieces[beyond].text[0].isalnum()


def _is_possessive(pieces: list[_Piece], last: int) -> bool:
    behind = "".join(piece.text for piece in pieces[last + 1 : last + 3])
    return behind in ("'s", "'S") and not _is_glued(pieces, last + 2, 1)


def _end_abbreviation(text: str, word: str, end: int) -> int:
    """Give the end of a word, with the dot of an abbreviation that does not end the sentence (Dr. Who)."""
    if word not in ABBREVIATIONS or text[end : end + 1] != ".":
        return end
    may_end = ABBREVIATIONS[word][-1].ends
    kept = ends_text(text, end + 1) or (may_end and ends_sentence(text, end + 1))
    return end if kept else end + 1


@functools.lru_cache(_KEPT)
def read_lexicon(content: str, symbols: str, lang: str) -> UserLexicon:
    """Read a lexicon.

    Args:
        content: its lines.
        symbols: the vocabulary of the model, one after the other.
        lang: the language of its words.

    Raises:
        LexiconError: a line is wrong.
    """
    words: dict[tuple[str, ...], str] = {}
    numbers: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(content.removeprefix("\ufeff").split("\n"), 1):
        text = line.rstrip("\r")
        if not text.strip() or text.startswith("#"):
            continue
        word, phonemes = _read_line(number, text, symbols, lang)
        if words.setdefault(word, phonemes) != phonemes:
            raise LexiconError(
                number,
                f"'{text.partition(chr(9))[0].strip()}' is /{phonemes}/ here and /{words[word]}/ "
                f"in line {numbers[word]}; leave one out",
            )
        numbers.setdefault(word, number)
    return UserLexicon(words, british=find_language(lang).dialect == "british")


def _read_line(number: int, line: str, symbols: Collection[str], lang: str) -> tuple[tuple[str, ...], str]:
    """Read a word and its phonemes."""
    word, tab, phonemes = line.partition("\t")
    if not tab:
        raise LexiconError(number, f"no tab in '{shorten(line)}'; expected a word, a tab and its phonemes")
    if not word.strip():
        raise LexiconError(number, "no word in front of the tab; expected a word, a tab and its phonemes")
    if len(word) > _LONGEST:
        raise LexiconError(number, f"a word of {len(word)} characters, expected at most {_LONGEST}")
    if not phonemes.strip():
        raise LexiconError(number, f"no phonemes of '{word.strip()}' behind the tab")
    try:
        said = read_phonemes(phonemes, symbols, lang)
    except PhonemeError as error:
        place = f"character {len(word) + 1 + error.column}"  # no column of the text that is spoken
        raise LexiconError(number, f"{place}: {error} (in the phonemes of '{word.strip()}')") from None
    return tuple(piece.text for piece in _divide(word.strip())), said
