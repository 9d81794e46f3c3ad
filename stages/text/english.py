"""Which English a text is spoken in, and the words of it."""

from __future__ import annotations

import functools
from pathlib import Path

from stages.contract import StageError
from stages.text.languages import find_language
from stages.text.lexicon import Lexicon
from stages.text.words import Pronouncer

_LEXICON = Path(__file__).with_name("english.lexicon")


def is_british(lang: str) -> bool:
    """Whether a language is British English, and not American.

    Raises:
        StageError: it is neither.
    """
    try:
        dialect = find_language(lang).dialect
    except ValueError as error:
        raise StageError(str(error)) from None
    if dialect == "other":
        raise StageError(f"lang is '{lang}', expected en-us or en-gb; other languages are spoken with `-c espeak`")
    return dialect == "british"


@functools.cache
def load_pronouncer(*, british: bool) -> Pronouncer:
    """Open the lexicon; its file is mapped, and words that were looked up are remembered."""
    return Pronouncer(_open_lexicon(), british)


@functools.cache
def _open_lexicon() -> Lexicon:
    return Lexicon(_LEXICON)
