"""Reads the markup of single words in a text: how a word is spoken, where the rules would say it otherwise.

    [Kokoro](/kəkˈɔɹO/)      its phonemes: Kokoro's symbols, or IPA; the brackets may hold several words
    [project](+1)            its stress, a step up or down: +2 +1 -1 -2
    [WHO](=World Health)     other words in its place
    [GIF](as:characters)     its letters and digits one by one; as:cardinal as:ordinal as:telephone as:date
    \\[                       a bracket that is none of these; inside of markup \\] and \\) too

    text --read_markup--> plain text, with the words that are spoken  "The WHO ..."
                          spans, each with its place in the plain text and how it is spoken
                          where each character of the plain text stands in the user's text

Every other bracket is ordinary text: [1], [sic], a link such as [text](https://example.com) or [text](/a/page).
The text is read once; a pattern stops at the next bracket, so the time is linear.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, NoReturn

from stages.contract import StageError
from stages.text.text_places import Piece, Places

Manner = Literal["phonemes", "stress", "alias", "as"]
LEVELS = ("+2", "+1", "-1", "-2")

_INSIDE = r"(?:[^\[\]\\]|\\.)*+"
_SOUNDS = r"/(?:[^/()\[\]]|\([^/()\[\]]*+\))*+/(?=\))"  # brackets in pairs, as in (en)
_MARKUP = re.compile(
    rf"\\\[|\[(?P<visible>{_INSIDE})\]\((?=/|=|as:|[+-]\d)(?P<target>{_SOUNDS}|(?:[^)\[\\]|\\.)*+)(?P<close>\))?",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\([\[\]()\\])")
_PHONEMES = re.compile(r"/([^/]*+)/")
_STRESS = re.compile(r"[+-]\d++(?:\.\d++)?")
_EXAMPLES = "[word](/wˈɜɹd/), [word](+1), [word](=other words) or [42](as:ordinal)"


class Span(NamedTuple):
    """A part of the plain text that markup is about.

    Attributes:
        start, end: its place in the plain text, without white space at its ends.
        manner: what the markup gives.
        value: the phonemes, the level of stress, or what is behind `as:`.
        column: where the markup's value stands in the user's text, from 1.
    """

    start: int
    end: int
    manner: Manner
    value: str
    column: int


class MarkedText:
    """A plain text with the spans that markup is about, and the places of both in the user's text.

    Attributes:
        text: what is spoken, without markup.
        spans: in their order, none over another.
        places: of the plain text in the user's.
    """

    def __init__(self) -> None:
        self.text, self.spans = "", list[Span]()
        self.places = Places(())
        self._texts: list[str] = []
        self._pieces: list[Piece] = []
        self._length = 0

    def find_place(self, start: int, end: int) -> tuple[int, int]:
        """Find the place in the user's text of what is at `start` to `end` in the plain text."""
        return self.places.find(start), self.places.find_end(end)

    def _add(self, text: str, begin: int, end: int, *, replaced: bool = False) -> None:
        """Add characters that stand for `begin` to `end` of the user's text."""
        if text:
            self._pieces.append(Piece(self._length, len(text), begin, end - begin, replaced))
            self._texts.append(text)
            self._length += len(text)

    def _finish(self) -> None:
        self.text = "".join(self._texts)
        self.places = Places(tuple(self._pieces) or (Piece(0, 0, 0, 0),))


def read_markup(text: str) -> MarkedText:
    """Read the markup of a text.

    Raises:
        StageError: something that is markup by its form says nothing that can be spoken; its column is named.
    """
    marked, at = MarkedText(), 0
    for found in _MARKUP.finditer(text) if "[" in text else ():
        if found["visible"] is None:  # an escaped bracket
            marked._add(text[at : found.start()], at, found.start())
            at = found.start() + 1
            continue
        read = _read_target(found)
        if read is not None:
            marked._add(text[at : found.start()], at, found.start())
            _add_span(marked, found, *read)
            at = found.end()
    marked._add(text[at:], at, len(text))
    marked._finish()
    return marked


def _add_span(marked: MarkedText, found: re.Match[str], manner: Manner, value: str) -> None:
    """Add the words of one markup, and the span that they are unless other words replace them."""
    visible, inside = found["visible"], found.start("visible")
    if not visible.strip():
        refuse(found.start() + 1, f"{shorten(found[0])} has no word in its brackets", f"write it as in {_EXAMPLES}")
    words = visible.strip()
    begin = inside + len(visible) - len(visible.lstrip())
    end = begin + len(words)
    marked._add(visible[: begin - inside], inside, begin)
    start, plain = marked._length, value if manner == "alias" else unescape(words)
    marked._add(plain, begin, end, replaced=plain != words)
    if manner != "alias":
        marked.spans.append(Span(start, marked._length, manner, value, found.start("target") + 1))
    marked._add(visible[end - inside :], end, found.end("visible"))


def _read_target(found: re.Match[str]) -> tuple[Manner, str] | None:
    """Read what is in the round brackets; None for a link and the like, which are text."""
    target, column = found["target"], found.start("target") + 1
    sounds = target.startswith("/")
    if sounds and target.isascii() and _PHONEMES.fullmatch(target) is None:
        return None  # [text](/a/page.html)
    if target[0] in "+-" and (found["close"] is None or _STRESS.fullmatch(target) is None):
        return None
    if found["close"] is None:
        refuse(column, f"the bracket of {shorten(found[0])} is not closed", "expected ')' behind it")
    if sounds:
        return "phonemes", _read_phonemes(target, column)
    if target[0] in "+-":
        return "stress", _read_level(target, column)
    name, value = ("alias", target[1:]) if target[0] == "=" else ("as", target[3:])
    value = unescape(value).strip()
    if name == "alias" and not value:
        refuse(column, f"{shorten(found[0])} gives no words", "write those that are spoken, as in [Dr](=doctor)")
    return ("alias" if name == "alias" else "as"), value


def _read_phonemes(target: str, column: int) -> str:
    match = _PHONEMES.fullmatch(target)
    if match is None:
        refuse(column, f"the phonemes {shorten(target)} do not end with '/)'", "write them as in [word](/wˈɜɹd/)")
    if not match[1].strip():
        refuse(column, f"no phonemes in '{target}'", "write them between the two '/', as in [word](/wˈɜɹd/)")
    return unescape(match[1])


def _read_level(target: str, column: int) -> str:
    if target not in LEVELS:
        refuse(
            column,
            f"the stress '{shorten(target)}' is no step",
            "expected +2 or +1 to raise it, -1 or -2 to lower it, as in [word](+1)",
        )
    return target


def unescape(text: str) -> str:
    """Give a text without the backslashes before brackets."""
    return _ESCAPED.sub(r"\1", text)


def shorten(text: str, longest: int = 40) -> str:
    """Give the begin of a text, for a message."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def refuse(column: int, found: str, fix: str) -> NoReturn:
    """Refuse markup.

    Raises:
        StageError: always.
    """
    raise StageError(f"column {column}: {found}; {fix}")
