"""Text to phonemes, by espeak-ng: for the languages of Kokoro's voices, and as a second opinion on English.

    text --> divide --> words between marks --> espeak-ng --> its IPA --> Kokoro's symbols --> phonemes, words

Marks are kept, as Kokoro's voices breathe at them; espeak-ng is given the words between two of them at once, since
their sounds depend on each other. The overlay `espeak` puts this stage in the place of `g2p`.

Raises:
    StageError: an unknown language; espeak-ng is not installed; markup of English; a word in another script, whose
        place is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from stages.contract import In, Out, StageError, stage, warn
from stages.text.espeak_words import speak_words
from stages.text.languages import Language, find_language
from stages.text.markup import MarkedText, read_markup, refuse
from stages.text.pieces import divide
from stages.text.scripts import is_foreign, is_silent
from stages.text.tokens import Token


@stage(
    packages=("espeakng-loader",),
    lang=In("str", "en-us, en-gb, es, fr, hi, it or pt-br; or the letter that voices of it begin with: a b e f h i p"),
    text=In("str", "text of one utterance"),
    phonemes=Out("str", "symbols of the vocabulary"),
    words=Out("int64[words, 4]", "a word a row: start and end in the text, start and end in `phonemes`"),
    sources=Out("str", "what says how each word sounds: 'espeak' for every one, with spaces between"),
)
def espeak(text: str, lang: str) -> dict[str, object]:
    try:
        language = find_language(lang)
    except ValueError as error:
        raise StageError(f"lang: {error}") from None
    marked = read_markup(text)
    for span in marked.spans:
        refuse(span.column, f"markup of {span.manner} is for English", "give other words, as in [GIF](=giffe)")
    phonemes, words = "", []
    for kind, tokens in groupby(_choose_spoken(marked, language), lambda token: token.kind):
        group = list(tokens)
        if kind == "mark":
            phonemes += "".join(" " * (token.spaced and bool(phonemes)) + token.text for token in group)
            continue
        phonemes += " " * (group[0].spaced and bool(phonemes))
        said, places = speak_words([token.text for token in group], language)
        words += [
            (*marked.find_place(token.start, token.end), len(phonemes) + start, len(phonemes) + end)
            for token, (start, end) in zip(group, places, strict=True)
        ]
        phonemes += said
    rows = np.array(words, np.int64).reshape(-1, 4)
    return {"phonemes": phonemes, "words": rows, "sources": " ".join(["espeak"] * len(words))}


def _choose_spoken(marked: MarkedText, language: Language) -> Iterator[Token]:
    """Choose the words and marks that are spoken; symbols that say nothing are left out, emoji with a warning."""
    left_out: list[str] = []
    for token in divide(marked.text):
        if token.kind == "word" and is_silent(token.text):
            left_out += [token.text] if not token.text.isascii() else []
            continue
        if token.kind == "word" and is_foreign(token.text, language.script):
            start, _ = marked.find_place(token.start, token.end)
            fact = f"'{token.text}' is not in the script of {language.name}"
            raise StageError(
                f"column {start + 1}: {fact}; leave it out, or give other words, as in [{token.text}](=nom)"
            )
        yield token
    if left_out:
        warn(f"left out what cannot be spoken: {', '.join(left_out[:3])}{' ...' if len(left_out) > 3 else ''}")
