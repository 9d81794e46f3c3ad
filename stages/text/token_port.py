"""Tokens between stages: the words and marks as one text, and a row of numbers for each.

    [Token("Dr", 0, 3), Token("Who", 4, 7)] --write_tokens--> "Doctor Who", [[0, 6, 0, 3, 0, 0], [7, 10, 4, 7, 0, 0]]
                                            <--read_tokens--
    columns: start and end in the spoken text, start and end in the user's text, kind (its place in KINDS), stress

A space before a token in the spoken text says that it is spaced. The phonemes of tokens of the kind "given" go beside
them as a text of a line each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stages.text.tokens import Kind, Token

COLUMNS = 6
KINDS: tuple[Kind, ...] = ("word", "mark", "letters", "given")
_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}


def write_tokens(tokens: Iterable[Token]) -> tuple[str, list[tuple[int, ...]]]:
    """Write tokens as a spoken text and the rows that tell where each lies."""
    pieces: list[str] = []
    rows: list[tuple[int, ...]] = []
    at = 0
    for token in tokens:
        if token.spaced and at:
            pieces.append(" ")
            at += 1
        pieces.append(token.text)
        rows.append((at, at + len(token.text), token.start, token.end, _NUMBERS[token.kind], token.stress))
        at += len(token.text)
    return "".join(pieces), rows


def read_tokens(spoken: str, rows: Sequence[Sequence[int]]) -> list[Token]:
    """Read the tokens that `write_tokens` has written; the first one counts as spaced."""
    tokens: list[Token] = []
    before = -1
    for first, last, start, end, kind, stress in rows:
        tokens.append(Token(spoken[first:last], start, end, first > before, KINDS[kind], stress))
        before = last
    return tokens
