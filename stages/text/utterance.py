"""Pronounces the words of a text, from the last to the first: some depend on the sound that follows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stages.text.compounds import Part, begins_with_vowel
from stages.text.tokens import Token
from stages.text.weak_forms import Context
from stages.text.words import Pronouncer

PAUSES = frozenset(";:,.!?—…")  # marks that end a phrase; quotes and brackets do not
_NEAR = 2  # words to each side, among which capitals are common or not

Choose = Callable[[Sequence[Token], int], str | None]


def pronounce_tokens(
    tokens: Sequence[Token], pronouncer: Pronouncer, choose: Choose | None = None, given: Sequence[str] = ()
) -> list[tuple[Part, ...]]:
    """The parts of each token: of a word, its own with their phonemes; of a mark, itself.

    Args:
        tokens: the words and marks of a text, whole sentences.
        pronouncer: the words of one variety of English.
        choose: gives the part of speech of the word at a place, or None where it does not matter.
        given: the phonemes of the tokens of the kind "given", in their order.
    """
    spoken: list[tuple[Part, ...]] = [(Part(token.text, token.text),) for token in tokens]
    vowel: bool | None = None
    before_to = False
    left = list(given)
    for at in range(len(tokens) - 1, -1, -1):
        token = tokens[at]
        if token.kind == "mark":
            vowel, before_to = (None, False) if token.text in PAUSES else (vowel, before_to)
            continue
        if token.kind == "given":
            spoken[at] = (Part(token.text, left.pop(), source="override"),)
        elif token.kind == "letters":
            spoken[at] = (Part(token.text, pronouncer.spell(token.text), source="rule"),)
        else:
            shouted = token.text.isupper() and len(token.text) > 1 and _is_shouted(tokens, at)
            key = choose(tokens, at) if choose else None
            spoken[at] = pronouncer.pronounce_parts(token.text, key, Context(vowel, before_to, shouted))
        vowel = begins_with_vowel(spoken[at], vowel)
        before_to = token.text in ("to", "To", "TO")
    return spoken


def _is_shouted(tokens: Sequence[Token], at: int) -> bool:
    """Whether the words near the one at `at` are in capitals too: then capitals do not mark an abbreviation."""
    near = [*_words(tokens, range(at - 1, -1, -1)), *_words(tokens, range(at + 1, len(tokens)))]
    return bool(near) and all(word.isupper() for word in near) and any(len(word) > 1 for word in near)


def _words(tokens: Sequence[Token], places: Sequence[int]) -> list[str]:
    """The first few words at `places`."""
    words: list[str] = []
    for place in places:
        if tokens[place].kind != "mark":
            words.append(tokens[place].text)
            if len(words) == _NEAR:
                break
    return words
