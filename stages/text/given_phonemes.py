"""Reads phonemes that a user gives for a word: in markup, and in a lexicon of their own.

They are Kokoro's symbols, or IPA as dictionaries and espeak-ng write it, which is told by its signs and spelled with
Kokoro's symbols: nearly nobody who writes `tʃɪp` or `gˈoʊt` wants two sounds where a voice has one, and Kokoro's own
symbols for them (ʧ, O) are in no dictionary.
"""

from __future__ import annotations

from collections.abc import Collection

from stages.symbols import describe_unknown, normalise
from stages.text.espeak import find_alphabet_of


class PhonemeError(ValueError):
    """A symbol that no voice knows, or none at all.

    Attributes:
        column: its place in the phonemes, from 1.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


def read_phonemes(text: str, vocab: Collection[str], lang: str) -> str:
    """Read phonemes; gives Kokoro's symbols.

    Args:
        vocab: the symbols that the model knows.
        lang: the language whose dialect IPA is spelled for.

    Raises:
        PhonemeError: a symbol is not in the vocabulary, or nothing is left of them.
    """
    symbols = list(normalise(text.strip(), vocab, find_alphabet_of(text, lang)))
    unknown = next((symbol for symbol in symbols if symbol.text not in vocab), None)
    if unknown is not None:
        skipped = len(text) - len(text.lstrip())
        raise PhonemeError(describe_unknown(unknown, vocab), unknown.column + skipped)
    if not symbols:
        raise PhonemeError(f"nothing of '{text}' is spoken", 1)
    return "".join(symbol.text for symbol in symbols)
