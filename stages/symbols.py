"""The symbols of a line of phonemes, in the spelling of a vocabulary.

A symbol is one Unicode code point of the vocabulary. Normalisation spells a symbol that is not in the vocabulary with
those that are, by four rules; it never touches a symbol that is in the vocabulary:

    ASCII g                        becomes the IPA letter U+0261
    two letters under a tie bar    become their ligature (d, U+0361, z: U+02A3)
    a letter and its mark          become the one character that means both (c, U+0327: c with cedilla)
    a character                    becomes its letter and marks, where the vocabulary has all of them

Plain NFC or NFD would not do: the combining tilde is a symbol and so is the composed c with cedilla.

This module imports neither TVM nor NumPy, so that splitting and timing a line stay light.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

_TIE_BARS = ("\u0361", "\u035c")
_LIGATURES = {
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


class Symbol(NamedTuple):
    """One code point, and the column (from 1) where it, or the character that became it, stands in the line."""

    text: str
    column: int


def normalise(phonemes: str, vocab: Container[str]) -> Iterator[Symbol]:
    """Yield the symbols of `phonemes`, each with its column.

    They are in the vocabulary's spelling where one of the rules above applies.
    """
    if all(text in vocab for text in set(phonemes)):  # no rule applies: a few times as fast
        yield from map(Symbol, phonemes, count(1))
        return
    at = 0
    while at < len(phonemes):
        spelling, taken = _spell(phonemes, at, vocab)
        for text in spelling:
            yield Symbol(text, at + 1)
        at += taken


def _spell(phonemes: str, at: int, vocab: Container[str]) -> tuple[str, int]:
    """Return the vocabulary's spelling of the character at `at`, and how many code points of `phonemes` it takes."""
    here, after, beyond = phonemes[at], phonemes[at + 1 : at + 2], phonemes[at + 2 : at + 3]
    if after in _TIE_BARS and after not in vocab:
        ligature = _LIGATURES.get((here, beyond))
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


def refusal(unknown: Sequence[Symbol], vocab: Mapping[str, int]) -> str:
    """Return the message that refuses a line with these `unknown` symbols, one at least.

    It says where the first one is, and which known symbol may be meant.
    """
    first = unknown[0]
    near = _nearest(first.text, vocab)
    hint = f"; the nearest known one is {_describe(near)}" if near else ""
    rest = f" (and {len(unknown) - 1} more: {summarise(unknown[1:])})" if len(unknown) > 1 else ""
    return (
        f"column {first.column}: unknown symbol {_describe(first.text)}{hint}{rest}. "
        "Correct it, or use `skip_unknown` to drop unknown symbols"
    )


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


def _nearest(text: str, vocab: Mapping[str, int]) -> str | None:
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
