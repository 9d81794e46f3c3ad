"""The form of the normaliser's rules: a pattern, and how to say the text that it matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from stages.text.tokens import Token

# Fragments of patterns. Every repeat is bounded, so that no rule looks further than a few hundred characters:
# a rule that fails has cost a constant, and the normaliser takes linear time on any text.
NUMBER = (
    r"(?:\d{1,3}(?:[,\u00a0\u2009\u202f]\d{3}){1,6}|\d{1,2}(?:,\d{2}){1,4},\d{3}"  # 1,234,567; 1,00,000
    r"|[1-9]\d{0,2}(?:[ ]\d{3}){0,5}[ ]000(?![ ]\d)|\d{1,18})"  # 10 000, as only round figures are surely one; 12
    r"(?:\.\d{1,15})?(?![\d]|[.,]\d)"
)
GAP = r"[ \t\u00a0\u2009\u202f]"  # a space inside a line
END = r"(?![^\W_])"  # no letter or digit follows

Words = list[str]


def list_words(text: str) -> frozenset[str]:
    """Make a set of the words of a table."""
    return frozenset(text.split())


# Words before a quantity that describes the noun behind it, and words that are no such noun.
ARTICLES = list_words("a an another every each this that")
# Words on 's that are two words, not an owner's name.
CLIPPED = list_words("it's that's he's she's there's here's what's who's let's where's how's one's everyone's")
PARTICLES = list_words(
    "a an the in of to for on at and or but per from by with as is was are were be been has had have will would could "
    "can may if so he she it we they you I not more less each off away long wide high deep tall old apart later ago "
    "before after when while than that this which who over under up down out into plus minus today yesterday now then"
)


class Context:
    """What a rule may look at beside its match.

    Attributes:
        text: the whole text, in which decimal digits of every script are 0 to 9.
        british: whether British English is spoken.
        tokens: what has been said so far.
    """

    __slots__ = ("british", "text", "tokens")

    def __init__(self, text: str, british: bool, tokens: Sequence[Token]) -> None:
        self.text, self.british, self.tokens = text, british, tokens

    def find_before(self, at: int, back: int = 1) -> str:
        """The word before `at` in the same phrase, as it was said; "" where a mark or nothing is there."""
        if len(self.tokens) < back:
            return ""
        last = self.tokens[-1]
        if at - last.end > 3 or self.text[last.end : at].strip(" \t\n\u00a0.-–") or last.kind == "mark":
            return ""
        return "" if self.tokens[-back].kind == "mark" else self.tokens[-back].text

    def find_before_comma(self, at: int) -> str:
        """The word before a comma before `at` (Tues., 3/12), as it was said; "" where there is none."""
        tokens = self.tokens
        if len(tokens) < 2 or tokens[-1].text != "," or at - tokens[-1].end != 1:
            return ""
        return tokens[-2].text

    def find_label(self, at: int) -> str:
        """The word that says of what the figure at `at` is the number: before it, or before "is" or a colon."""
        back, tokens = 1, self.tokens
        if tokens and (tokens[-1].text == ":" or self.find_before(at).lower() in {"is", "was"}):
            back = 2
        if back == 2 and len(tokens) > 1 and at - tokens[-2].end < 9:
            return tokens[-2].text
        return self.find_before(at)

    def describes(self, start: int, noun: str | None) -> bool:
        """Whether a quantity at `start` describes the noun behind it, as in "a 5 km run": an article is before it."""
        before = self.find_before(start)
        owner = before.endswith("'s") and before.lower() not in CLIPPED
        return noun is not None and noun not in PARTICLES and (owner or before.lower() in ARTICLES)

    def follows_figure(self, at: int) -> bool:
        """Whether a figure is before `at`, with at most a space between."""
        last = self.tokens[-1] if self.tokens else None
        if last is None or last.kind == "mark" or at - last.end > 1:
            return False
        figure = self.text[last.start : last.end][:64]
        return (figure == '"' and last.text in {"inch", "inches"}) or any(symbol.isdecimal() for symbol in figure)

    def allows_minus(self, at: int) -> bool:
        """Whether a minus sign at `at` belongs to the number behind it."""
        return at == 0 or self.text[at - 1] in " \t\n\r\u00a0([{\"'“‘=<>~:/±*×,|"

    def touches_letter(self, at: int) -> bool:
        """Whether a letter is directly before `at`, other than one between two figures (4x4, the T of a time)."""
        text = self.text
        return at > 0 and text[at - 1].isalpha() and not (text[at - 1] in "xXT" and text[at - 2 : at - 1].isdecimal())

    def touches_word(self, at: int) -> bool:
        """Whether a letter or a digit is directly before `at`."""
        return at > 0 and self.text[at - 1].isalnum()


Speak = Callable[[re.Match[str], Context], "Words | None"]


class Rule(NamedTuple):
    """One way in which figures are written.

    Attributes:
        name: the class of figures.
        pattern: what it looks like, from its first character on.
        speak: gives the words and marks that it is spoken as. A word in capitals is spoken letter by letter.
            None where the context says that it is something else.
        example: one text that the rule is for.
    """

    name: str
    pattern: str
    speak: Speak
    example: str
