"""The symbols of a line of phonemes, in the spelling of a vocabulary.

A symbol is one Unicode code point of the vocabulary. Normalisation spells a symbol that is not in the vocabulary with
those that are, by four rules; it never touches a symbol that is in the vocabulary:

    ASCII g                        becomes the IPA letter U+0261
    two letters under a tie bar    become their ligature (d, U+0361, z: U+02A3)
    a letter and its mark          become the one character that means both (c, U+0327: c with cedilla)
    a character                    becomes its letter and marks, where the vocabulary has all of them

Plain NFC or NFD would not do: the combining tilde is a symbol and so is the composed c with cedilla.

A line in another alphabet, such as espeak-ng's, is read with the table of that alphabet first (`stages.text.espeak`).

This module imports neither TVM nor NumPy, so that splitting and timing a line stay light.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Container, Iterator, Sequence
from itertools import count
from typing import NamedTuple, Protocol

TIE_BARS = ("\u0361", "\u035c")
LIGATURES = {
    ("d", "z"): "ʣ",
    ("d", "ʑ"): "ʥ",
    ("t", "s"): "ʦ",
    ("t", "ɕ"): "ʨ",
    ("t", "ʂ"): "\uab67",
    ("d", "ʒ"): "ʤ",
    ("t", "ʃ"): "ʧ",
}
_STRESS_MARKS = "ˈˌ"
_WORD = re.compile(r"[^\W\d_]+")
_SPELLED = re.compile(r"(?=.*[aeiouy])(?=.*[^aeiouy])[a-z]{3}", re.IGNORECASE)  # no unstressed word of phonemes
_ASCII_G = {"g": "ɡ"}
# characters of a keyboard that are typed for an IPA symbol; the error offers the symbol, nothing replaces it
_LOOK_ALIKES = {"'": "ˈ", "`": "ˈ", "ε": "ɛ", "‑": "—", "-": "—", "–": "—", "ʹ": "ˈ", "∅": "ø", "[": "(", "]": ")"}
# symbols of espeak-ng and of dictionaries, and how Kokoro's symbols say the same; the error says so
_EQUIVALENTS = {
    "\u0329": "'ᵊ' before the consonant says that it is syllabic",  # n̩ l̩ m̩
    "ɝ": "'ɜɹ' is this vowel",
    "ɚ": "'əɹ' is this vowel",
    "ɫ": "'l' is this consonant",
    "ɬ": "'l' is the nearest consonant",
    "ʍ": "'w' is the nearest consonant",
    "ɱ": "'m' is the nearest consonant",
    "ɦ": "'h' is the nearest consonant",
    "ˑ": "'ː' is the only length mark",
    "\u0361": "no tie is needed, and 'ʧ ʤ ʦ ʣ' are one letter",
    "\u035c": "no tie is needed, and 'ʧ ʤ ʦ ʣ' are one letter",
    "\u032f": "no mark says that a vowel is not syllabic: leave it out",
    "\u032a": "no mark says that a consonant is dental: leave it out",
}


class Symbol(NamedTuple):
    """A symbol of a line.

    Attributes:
        text: one code point.
        column: where it, or what became it, stands in the line (from 1); several symbols may have one column.
        written: what became it, as the line has it; None for a symbol that the line has itself.
    """

    text: str
    column: int
    written: str | None = None


class Alphabet(Protocol):
    """An alphabet of lines, other than the vocabulary."""

    def spell(self, line: str, at: int) -> tuple[str | None, int]:
        """Spell what is at `at` with symbols of the vocabulary.

        Returns:
            the spelling, None if the alphabet has none; and how many code points of `line` it stands for.
        """


def normalise(phonemes: str, vocab: Container[str], alphabet: Alphabet | None = None) -> Iterator[Symbol]:
    """Yield the symbols of `phonemes`, each with its column.

    They are in the vocabulary's spelling where `alphabet` has one, or one of the rules above applies.
    """
    if alphabet is None and all(text in vocab for text in set(phonemes)):  # no rule applies: a few times as fast
        yield from map(Symbol, phonemes, count(1))
        return
    at = 0
    while at < len(phonemes):
        spelling, taken = (None, 1) if alphabet is None else alphabet.spell(phonemes, at)
        if spelling is None:
            spelling, size = _spell(phonemes, at, vocab)
            taken = max(taken, size)
        written = phonemes[at : at + taken]
        for text in spelling:
            yield Symbol(text, at + 1, None if text == written else written)
        at += taken


def _spell(phonemes: str, at: int, vocab: Container[str]) -> tuple[str, int]:
    """Return the vocabulary's spelling of the character at `at`, and how many code points of `phonemes` it takes."""
    here, after, beyond = phonemes[at], phonemes[at + 1 : at + 2], phonemes[at + 2 : at + 3]
    if after in TIE_BARS and after not in vocab:
        ligature = LIGATURES.get((here, beyond))
        if ligature is not None and ligature in vocab:
            return ligature, 3
    if after and after not in vocab and unicodedata.combining(after):
        composed = unicodedata.normalize("NFC", here + after)
        if len(composed) == 1 and composed in vocab:
            return composed, 2
    if here in vocab:
        return here, 1
    for spelling in (_ASCII_G.get(here, here), unicodedata.normalize("NFD", here)):
        if spelling != here and all(part in vocab for part in spelling):
            return spelling, 1
    return here, 1


def looks_like_text(line: str) -> bool:
    """Whether a line is rather written text than phonemes: several words of plain letters alone.

    A word of phonemes has a stress mark or a letter that is not ASCII, but for a few of two letters, such as `wi`.
    """
    if any(mark in line for mark in _STRESS_MARKS):
        return False
    words = _WORD.findall(line)
    return len(words) > 1 and all(map(str.isascii, words)) and any(map(_SPELLED.search, words))


def refusal(unknown: Sequence[Symbol], vocab: Collection[str]) -> str:
    """Return the message that refuses a line with these `unknown` symbols, one at least.

    It says where the first one is, and which known symbol may be meant.
    """
    rest = f" (and {len(unknown) - 1} more: {summarise(unknown[1:])})" if len(unknown) > 1 else ""
    return (
        f"column {unknown[0].column}: {describe_unknown(unknown[0], vocab)}{rest}. "
        "Correct it, or use `skip_unknown` to drop unknown symbols"
    )


def describe_unknown(symbol: Symbol, vocab: Collection[str]) -> str:
    """Say that a symbol is unknown, and which known one may be meant."""
    return f"unknown symbol {_describe(symbol.text)}{_hint(symbol.text, vocab)}"


def summarise(unknown: Sequence[Symbol]) -> str:
    """Count unknown symbols: `3 unknown symbols: '%' U+0025 x2, '#' U+0023`."""
    counts = Counter(symbol.text for symbol in unknown)
    each = (_describe(text) + (f" x{count}" if count > 1 else "") for text, count in counts.items())
    return f"{len(unknown)} unknown symbol{'s' if len(unknown) > 1 else ''}: {', '.join(each)}"


def _describe(text: str) -> str:
    """Describe a character: `'c' U+0063`; a mark stands on a dotted circle, a control character is its code alone."""
    code = f"U+{ord(text):04X}"
    shown = f"\u25cc{text}" if unicodedata.combining(text) else text
    return f"'{shown}' {code}" if text.isprintable() else code


def _hint(text: str, vocab: Collection[str]) -> str:
    """Say what is meant by `text`; '' if nothing known is like it."""
    equivalent = _EQUIVALENTS.get(text)
    if equivalent is not None:
        return f"; {equivalent}"
    near = _nearest(text, vocab)
    return f"; the nearest known one is {_describe(near)}" if near else ""


def _nearest(text: str, vocab: Collection[str]) -> str | None:
    """Return the symbol most likely meant by `text`.

    It is a look-alike, the bare letter, the other case, or the one with the nearest name.
    """
    bare = unicodedata.normalize("NFKD", text)[0]
    for guess in (_LOOK_ALIKES.get(text), bare, bare.lower(), bare.upper()):
        if guess is not None and guess in vocab:
            return guess
    names = {unicodedata.name(symbol, ""): symbol for symbol in vocab}
    close = difflib.get_close_matches(unicodedata.name(text, ""), names, n=1, cutoff=0.6)
    return names[close[0]] if close else None
