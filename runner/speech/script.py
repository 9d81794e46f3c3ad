"""Reads a row as a script: what is spoken, with which voice, at which rate, after which pause.

    Good [pause:0.5s] morning. [voice:am_adam] [rate:1.2] Hello!

    row --read_script--> segments   "Good"   0.5 s "morning."   am_adam, 1.2: "Hello!"

A mark holds until the next one of its kind, or the end of the row:

    [pause:0.5s] [pause:500ms]    silence of 0 to 60 s; pauses next to each other add up
    [voice:NAME]                  any specification of voices; [voice:] goes back to the run's
    [rate:1.1]                    a factor of the run's speed, 0.25 to 4; [rate:1] goes back

Spaces around a mark belong to no segment. A `\\[` begins no mark, and every other bracket is left to the stages. A row
that begins as an SSML document is read by `runner.speech.ssml`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from runner.errors import RunError
from runner.speech.mark_values import name_place, read_pause, read_rate, read_voice, shorten
from runner.speech.segments import Segment, cut_literally

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACES = " \t\r\n"
_ELEMENT = re.compile(r"<(?:break|emphasis|phoneme|prosody|say-as|sub)\b[^<>]*+>")
_SSML = re.compile(r"[ \t\r\n]*+<(?:speak|\?xml)")
# What is meant as a mark, rightly spelled or not.
_OPENING = re.compile(
    r"(?<!\\)\[[ \t]*+(?:(pause|voice|rate)[ \t]*+[:=]|(pause)[ \t]++(?=\.?[0-9]))", re.IGNORECASE | re.ASCII
)
_MARK = re.compile(r"\[(pause|voice|rate):([^\[\]]*+)\]")
_EXAMPLES = {"pause": "[pause:0.5s]", "voice": "[voice:af_heart]", "rate": "[rate:1.1]"}


def is_ssml(row: str) -> bool:
    """Whether a row begins as an SSML document."""
    return _SSML.match(row) is not None


def looks_like_ssml(row: str) -> bool:
    """Whether a text has an element of SSML, and is no document of it."""
    return not is_ssml(row) and _ELEMENT.search(row) is not None


def read_script(row: str, *, phonemes: bool = False, line: int = 1) -> list[Segment]:
    """Read a row as the segments that are spoken one after the other; one of its own text if it has no mark.

    Args:
        row: a text, an SSML document, or a line of phonemes.
        phonemes: whether it is a line of phonemes, which is never SSML.
        line: number of the row's first line, for messages.

    Raises:
        RunError: a mark or the document is wrong, or there is nothing to speak; it names the place.
    """
    if not phonemes and is_ssml(row):
        from runner.speech.ssml import read_ssml  # noqa: PLC0415 - an XML parser, which few rows need

        return read_ssml(row, line)
    marked = _MarkedRow(row, line, phonemes)
    marks = list(marked.find_marks()) if "[" in row else []
    return marked.cut(marks) if marks else [Segment(*cut_literally(row, 0, len(row)))]


@dataclass
class _Delivery:
    """How the next segment is spoken, by the marks in front of it."""

    voice: str | None = None
    rate: Fraction = Fraction(1)
    pause: Fraction = Fraction(0)
    pause_at: int = 0  # where the first mark of the pause stands

    def apply(self, mark: re.Match[str]) -> None:
        """Follow a mark.

        Raises:
            ValueError: its value cannot be read.
        """
        kind, value = mark[1], mark[2].strip(_SPACES)
        if kind == "voice":
            self.voice = read_voice(value) if value else None
        elif kind == "rate":
            self.rate = read_rate(value)
        else:
            self.pause_at = self.pause_at if self.pause else mark.start()
            self.pause += read_pause(value)

    def speak(self, row: str, start: int, end: int) -> Segment:
        """Make the segment of `start` to `end` of a row; the pause is in front of it, and of no other."""
        segment = Segment(*cut_literally(row, start, end), self.voice, float(self.rate), float(self.pause))
        self.pause = Fraction(0)
        return segment


class _MarkedRow(NamedTuple):
    """A row with marks.

    Attributes:
        row: a text, or a line of phonemes.
        line: number of its first line.
        phonemes: whether it is a line of phonemes.
    """

    row: str
    line: int
    phonemes: bool

    def find_marks(self) -> Iterator[re.Match[str]]:
        """Find the marks of the row; their values are not read yet."""
        at = 0
        while opening := _OPENING.search(self.row, at):
            mark = _MARK.match(self.row, opening.start())
            if mark is None:
                example = _EXAMPLES[(opening[1] or opening[2]).lower()]
                self._refuse(opening.start(), f"{example}, in small letters and without spaces")
            yield mark
            at = mark.end()

    def cut(self, marks: list[re.Match[str]]) -> list[Segment]:
        """Cut the row into the segments between its marks."""
        delivery, segments, start = _Delivery(), list[Segment](), 0
        for mark in marks:
            segments += self._speak(delivery, start, mark.start())
            try:
                delivery.apply(mark)
            except ValueError as error:
                self._refuse(mark.start(), str(error))
            start = mark.end()
        segments += self._speak(delivery, start, len(self.row))
        if delivery.pause:
            segments.append(delivery.speak(self.row, delivery.pause_at, delivery.pause_at))
        if not segments:
            raise RunError("nothing is spoken: got marks alone, expected a text or a pause beside them; add one")
        return segments

    def _speak(self, delivery: _Delivery, start: int, end: int) -> list[Segment]:
        """Make the segment between two marks, or a mark and an end of the row; none if there is white space alone."""
        text = self.row[start:end]
        if not text.strip(_SPACES if self.phonemes else None):
            return []
        skipped = len(text) - len(text.lstrip(_SPACES)) if start else 0  # spaces at the ends of the row stay
        kept = len(text.rstrip(_SPACES)) if end < len(self.row) else len(text)
        return [delivery.speak(self.row, start + skipped, start + kept)]

    def _refuse(self, start: int, expected: str) -> NoReturn:
        end = self.row.find("]", start) + 1
        got = shorten(self.row[start : end or None]) + ("" if end else " without a ']'")
        fix = "correct the mark" if self.phonemes else r"correct the mark, or write \[ if it is no mark but text"
        raise RunError(f"{name_place(self.row, start, self.line)}: got {got}, expected {expected}; {fix}")
