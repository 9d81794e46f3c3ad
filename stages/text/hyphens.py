"""Joins the words between hyphens: they are one word for the lexicon, which has some so (to-day, well-known)."""

from __future__ import annotations

from collections.abc import Container, Iterable

from stages.text.tokens import Token


def join_hyphenated(tokens: Iterable[Token], apart: Container[int] = ()) -> list[Token]:
    """Join words that one character parts in the user's text, and no space when they are spoken.

    Args:
        apart: offsets at which a word that begins or ends there is not joined.
    """
    joined: list[Token] = []
    for token in tokens:
        before = joined[-1] if joined else None
        joins = before is not None and before.kind == token.kind == "word" and _touch(before, token)
        if before is not None and joins and before.end not in apart and token.start not in apart:
            joined[-1] = before._replace(text=f"{before.text}-{token.text}", end=token.end)
        else:
            joined.append(token)
    return joined


def _touch(before: Token, token: Token) -> bool:
    return not token.spaced and before.end + 1 == token.start
