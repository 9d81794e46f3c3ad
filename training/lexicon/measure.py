"""Compares the words of a text with the phonemes that another front end gave.

A file of such phonemes has a sentence a line: text, tab, phonemes; lines that begin with # are comments. The text is
cut into words and marks plainly: it should have no figures and no abbreviations.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from stages.text.compounds import join
from stages.text.tokens import Token
from stages.text.utterance import Choose, pronounce_tokens
from stages.text.words import Pronouncer

_TOKENS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]")
_MARKS = re.compile(r"[;:,.!?—…\"()“”\s]+")
UNKNOWN = "❓"


class Difference(NamedTuple):
    """A word that is pronounced otherwise."""

    word: str
    ours: str
    theirs: str


class Comparison(NamedTuple):
    """All words of a text, and those that differ with their counts."""

    words: int
    differences: Counter[Difference]

    def __str__(self) -> str:
        count = self.differences.total()
        share = 100 * (1 - count / self.words)
        head = f"{self.words} words, {count} differ: {share:.2f} % are equal\n"
        return head + "".join(
            f"{count:5d}  {each.word:20} {each.ours:24} {each.theirs}\n"
            for each, count in sorted(self.differences.items(), key=lambda item: (-item[1], item[0]))
        )


def read_sentences(path: Path) -> list[tuple[str, str]]:
    """The texts of the file with their phonemes."""
    lines = path.read_text("utf-8").splitlines()
    return [(text, phonemes) for text, _, phonemes in (each.partition("\t") for each in lines if each[:1] != "#")]


def split_words(phonemes: str) -> list[str]:
    """Split phonemes into those of words."""
    return _MARKS.sub(" ", phonemes).split()


def tokenise(text: str) -> list[Token]:
    """The words and marks of a text without figures."""
    return [
        Token(each.group(), each.start(), each.end(), kind="word" if each.group()[0].isalpha() else "mark")
        for each in _TOKENS.finditer(text)
        if each.group() not in "‘’'"
    ]


def compare(sentences: Sequence[tuple[str, str]], pronouncer: Pronouncer, choose: Choose | None = None) -> Comparison:
    """Compare the words of all sentences with their phonemes."""
    words, differences = 0, Counter[Difference]()
    for text, phonemes in sentences:
        tokens = tokenise(text)
        spoken = pronounce_tokens(tokens, pronouncer, choose)
        pairs = zip(tokens, spoken, strict=True)
        ours = [(token.text, join(parts) or UNKNOWN) for token, parts in pairs if token.kind != "mark"]
        words += len(ours)
        differences.update(_differences(ours, split_words(phonemes)))
    return Comparison(words, differences)


def _differences(ours: Sequence[tuple[str, str]], theirs: Sequence[str]) -> Iterator[Difference]:
    if len(ours) == len(theirs):
        yield from (
            Difference(word, mine, other) for (word, mine), other in zip(ours, theirs, strict=True) if mine != other
        )
        return
    for kind, begin, end, from_, to in difflib.SequenceMatcher(None, [each for _, each in ours], theirs).get_opcodes():
        if kind != "equal":
            found = " ".join(theirs[from_:to])
            yield from (Difference(word, mine, found) for word, mine in ours[begin:end])
