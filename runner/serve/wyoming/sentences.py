"""Cuts a text that arrives bit by bit into sentences, each as soon as its end is certain.

    "The door" " is op" "en. Dr. W" "ho is here."  -->  "The door is open."  " Dr. Who is here."

Where the bits begin and end makes no difference to the sentences, and joined they are the text. The rules that read the
text later say whether a dot ends a sentence: they know abbreviations, initials and figures. They look at the word
behind the dot, so a word that comes late is waited for. Behind a plain word no wait is needed: "open. " has ended.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stages.text.abbreviation_table import ABBREVIATIONS
from stages.text.normalizer import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 500  # characters of a sentence; a longer one is cut at a clause or between words
_LONGEST_WORD, _WIDEST_GAP = 40, 20  # characters behind a mark that are looked at
_CONTEXT = 60  # characters before it
_LONGEST_MARKUP = 100
_MOST_ASKED = 12  # dots of a sentence that the rules are asked about: it costs a millisecond each
_MARKS = ".!?…।॥"
_CLOSERS, _OPENERS = "\"'”’»)]*_", "\"'“‘«([*_"
_END = re.compile(rf"\n[ \t\r]*+\n|(?P<marks>[{_MARKS}]++)(?P<closers>[{re.escape(_CLOSERS)}]*+)(?=\s)")
_PLAIN = re.compile(r"(?<![^\s(\"“])[a-z]{4,20}\Z")  # a word that is no abbreviation, unless the table has it
_ITEM = re.compile(r"(?:\A|\n)[ \t]*\d{1,3}\Z")  # the number of an item in a list
_BEHIND = re.compile(rf"(\s{{1,{_WIDEST_GAP}}}+)(\S{{0,{_LONGEST_WORD}}})")
_CLAUSE, _SPACE = re.compile(r"(?:[,;:—][\"'”’)]*|\n)(?=\s)"), re.compile(r"(?<=\S)(?=\s)")
_DOCUMENTS = ("<speak", "<?xml")


class SentenceStream:
    """A text that arrives bit by bit.

    A text that begins as SSML does is one sentence.
    """

    def __init__(self) -> None:
        self._text = ""
        self._begun = False  # whether it is certain that the text is not SSML
        self._searched, self._asked = (
            0,
            0,
        )  # of the sentence: characters without an end, dots the rules were asked about

    @property
    def waiting(self) -> int:
        """The characters of which no sentence is made yet."""
        return len(self._text)

    def add(self, text: str) -> Iterator[str]:
        """Add a bit; gives the sentences that have ended."""
        self._text += text
        return self._take(complete=False)

    def finish(self) -> Iterator[str]:
        """End the text; gives the sentences that are left."""
        return self._take(complete=True)

    def _take(self, *, complete: bool) -> Iterator[str]:
        if not self._begun and _may_be_document(self._text):
            if not complete:
                return
            sentence, self._text = self._text, ""
            yield sentence
        self._begun = self._begun or bool(self._text.strip())
        start = 0
        while (end := self._find_end(start, complete=complete)) > start:
            self._searched, self._asked = 0, 0
            sentence, start = self._text[start:end], end
            yield sentence
        self._text = self._text[start:]

    def _find_end(self, start: int, *, complete: bool) -> int:
        """Find the end of the sentence that begins at `start`; gives `start` if it is not certain yet."""
        text = self._text
        limit = min(len(text), start + LONGEST)
        for match in _END.finditer(text, start + self._searched):
            if match.end() > limit:
                break
            ends = self._ends_sentence(start, match, complete=complete)
            if ends is None:
                return start
            if ends:
                return match.end() if match["marks"] else match.start()
            self._searched = match.end() - start
        if complete and limit == len(text):
            return limit
        if complete or len(text) > limit + _WIDEST_GAP + _LONGEST_WORD:
            return _cut(text, start, limit)
        return start

    def _ends_sentence(self, start: int, match: re.Match[str], *, complete: bool) -> bool | None:
        """Whether a sentence ends at marks or a blank line; None if what is behind them has to be waited for."""
        text, marks = self._text, match.start()
        if match["marks"] is None:
            return bool(text[start:marks].strip())
        before = text[max(start, marks - 24) : marks]
        if _is_in_markup(text, start, marks) or _ITEM.search(before):
            return False  # inside of markup, or "2. " of a list
        word = _PLAIN.search(before)
        if word and len(match[0]) == 1 and not {word[0], word[0].capitalize()} & ABBREVIATIONS.keys():
            return True
        behind = _BEHIND.match(text, match.end())
        gap, following = behind.groups() if behind else ("", "")
        if gap.count("\n") > 1 or len(gap) == _WIDEST_GAP:
            return True
        end = behind.end() if behind else match.end()
        if end == len(text) and len(following) < _LONGEST_WORD and not complete:
            return None
        if following.lstrip(_OPENERS)[:1].islower():
            return False
        return match["marks"] != "." or self._ask_rules(start, match, end)

    def _ask_rules(self, start: int, match: re.Match[str], end: int) -> bool:
        """Whether a mark is spoken for a dot, by the rules for abbreviations, initials and figures."""
        if self._asked == _MOST_ASKED:
            return False
        self._asked += 1
        start = max(start, match.start() - _CONTEXT)
        return any(
            token.kind == "mark" and token.text == "." and match.start() < start + token.end <= match.end()
            for token in normalise(self._text[start:end])
        )


def _is_in_markup(text: str, start: int, at: int) -> bool:
    """Whether a bracket is open, as in `[Dr. Who](/.../)`."""
    start = max(start, at - _LONGEST_MARKUP)
    return text.rfind("[", start, at) > text.rfind("]", start, at)


def _may_be_document(text: str) -> bool:
    head = text.lstrip()
    return any(head.startswith(name) or name.startswith(head) for name in _DOCUMENTS)


def _cut(text: str, start: int, limit: int) -> int:
    """Cut a sentence that is too long: at its last clause, else between words, else anywhere."""
    for pattern in (_CLAUSE, _SPACE):
        ends = [match.end() for match in pattern.finditer(text, start + LONGEST // 4, limit) if match.end() < limit]
        if ends:
            return ends[-1]
    return limit
