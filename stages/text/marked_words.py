"""Normalises a text with markup and a user's lexicon: what they say is spoken, in the place of what rules would say.

    "[Kokoro](/kəkˈɔɹO/) [runs](+1)."   tokens  Kokoro (given)  runs (stress 1)  .      phonemes given  kəkˈɔɹO

Markup wins over the lexicon, and both over all rules. Rules still see the words: "St. [Ives](/ˈIvz/)" is a saint.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar

from stages.contract import StageError
from stages.text.endings import Ending, add_ending
from stages.text.english import is_british
from stages.text.fixed_parts import Fixed
from stages.text.given_phonemes import PhonemeError, read_phonemes
from stages.text.hyphens import join_hyphenated
from stages.text.markup import MarkedText, Span, read_markup, refuse, shorten
from stages.text.normalizer import normalise
from stages.text.say_as import read_as
from stages.text.speech import Note
from stages.text.tokens import Token
from stages.text.user_lexicon import UserLexicon

_POSSESSIVE = re.compile(r"['’]s(?![^\W_])")
Placed = TypeVar("Placed", Token, Note)


class SpokenText(NamedTuple):
    """What is spoken of a text.

    Attributes:
        tokens: words and marks, with their places in the user's text.
        given: the phonemes of the tokens of the kind "given", in their order.
        notes: what is not spoken.
    """

    tokens: list[Token]
    given: list[str]
    notes: list[Note]


def speak_text(text: str, lang: str, lexicon: UserLexicon, vocab: Collection[str]) -> SpokenText:
    """Normalise a text.

    Args:
        vocab: the symbols that phonemes may have.

    Raises:
        StageError: markup is wrong; its column is named.
    """
    marked, notes = read_markup(text), list[Note]()
    parts = list(_fix_parts(marked, lang, lexicon, vocab))
    fixed = [part for part, _ in parts]
    stressed = [span for span in marked.spans if span.manner == "stress"]
    edges = {edge for span in stressed for edge in (span.start, span.end)}
    tokens = join_hyphenated(normalise(marked.text, british=is_british(lang), notes=notes, fixed=fixed), edges)
    tokens = _change_stress(tokens, stressed)
    given = [phonemes for part, phonemes in parts if part.words is None]
    if marked.text == text:
        return SpokenText(tokens, given, notes)
    return SpokenText([_place(token, marked) for token in tokens], given, [_place(note, marked) for note in notes])


def _fix_parts(
    marked: MarkedText, lang: str, lexicon: UserLexicon, vocab: Collection[str]
) -> Iterator[tuple[Fixed, str]]:
    """Give the parts that markup and the lexicon decide, in their order, each with the phonemes that are given."""
    spans = [span for span in marked.spans if span.manner != "stress"]
    limits = [*(span.start for span in spans), len(marked.text)][1:] if spans else []
    parts = [
        part for span, limit in zip(spans, limits, strict=True) for part in _fix(span, marked.text, limit, lang, vocab)
    ]
    at = 0
    for start, end, phonemes in lexicon.find(marked.text):
        while at < len(parts) and parts[at][0].end <= start:
            yield parts[at]
            at += 1
        if at == len(parts) or end <= parts[at][0].start:
            yield Fixed(start, end), phonemes
    yield from parts[at:]


def _fix(span: Span, text: str, limit: int, lang: str, vocab: Collection[str]) -> Iterator[tuple[Fixed, str]]:
    """Fix what is spoken of a span, and of 's behind it, which has its place; `limit` is where the next one begins."""
    if span.manner == "phonemes":
        try:
            said = read_phonemes(span.value, vocab, lang)
        except PhonemeError as error:
            phonemes = f"the phonemes /{shorten(span.value)}/"
            refuse(span.column + error.column, f"{phonemes}: {error}", "expected Kokoro's symbols, or IPA")
        possessive = _POSSESSIVE.match(text, span.end, limit)  # [Kokoro](/kəkˈɔɹO/)'s
        yield Fixed(span.start, span.end), add_ending(said, Ending("", "s"), is_british(lang)) if possessive else said
        if possessive:
            yield Fixed(span.end, possessive.end(), []), ""
        return
    try:
        words = read_as(text[span.start : span.end], span.value, is_british(lang))
    except ValueError as error:
        raise StageError(f"column {span.column}: {error}") from None
    yield Fixed(span.start, span.end, words), ""


def _change_stress(tokens: list[Token], spans: Sequence[Span]) -> list[Token]:
    """Mark the words whose stress is changed: those that a span has a part of.

    Raises:
        StageError: a span has no word.
    """
    at = 0
    for span in spans:
        while at < len(tokens) and tokens[at].end <= span.start:
            at += 1
        found = False
        while at < len(tokens) and tokens[at].start < span.end:
            if tokens[at].kind != "mark":
                tokens[at] = tokens[at]._replace(stress=int(span.value))
                found = True
            at += 1
        if not found:
            refuse(span.column, f"the stress ({span.value}) is of no word", "write it behind a word, as in [word](+1)")
        at = max(0, at - 1)
    return tokens


def _place(placed: Placed, marked: MarkedText) -> Placed:
    start, end = marked.find_place(placed.start, placed.end)
    return placed._replace(start=start, end=end)
