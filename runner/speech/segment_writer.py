r"""Writes the texts of segments, piece by piece, with the place of each piece in the row.

    write("Fish ")  write_character("&")  write(" [chips]")  end_sentence()   -->   Fish & \[chips].
    begin_markup()  write("WHO")  end_markup("=World Health")                 -->   [WHO](=World Health)

White space, however long, is one space between two words. A pause, a voice or a rate takes effect at the next word:
there a new segment begins. So what is written behind a pause may still belong to the sentence in front of it.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from runner.speech.segments import Segment
from stages.text.text_places import Piece, Places

PARAGRAPH_PAUSE_S = Fraction(4, 5)
_WORDS = re.compile(r"[^ \t\r\n]++(?: [^ \t\r\n]++)*+")  # with single spaces: nothing to collapse
_BRACKET, _MARKUP_SYMBOL = re.compile(r"\["), re.compile(r"[\[\]()\\]")  # to escape: in the text, inside of markup
_CLOSERS = "\"'”’»)]"
_MARKS = ".!?…,;:—–。！？"  # no full stop is added behind one of these


class _Delivery(NamedTuple):
    voice: str | None
    rate: Fraction
    pause: Fraction


class SegmentWriter:
    """Writes the segments of one row.

    Attributes:
        voice, rate: of the words that are written next.
    """

    def __init__(self) -> None:
        self.voice: str | None = None
        self.rate = Fraction(1)
        self._segments: list[Segment] = []
        self._delivery = _Delivery(None, Fraction(1), Fraction(0))
        self._texts: list[str] = []
        self._pieces: list[Piece] = []
        self._length = 0
        self._end = 0  # of what was written last, in the row
        self._space: tuple[int, int] | None = None  # white space since the last word: its place in the row, its length
        self._ended = True  # whether a mark is behind the last word
        self._pause, self._pause_at, self._paragraph = Fraction(0), 0, False
        self._in_markup, self._opens = False, False

    def write(self, text: str, at: int) -> None:
        """Write text that stands literally in the row, at `at`."""
        end = 0
        for words in _WORDS.finditer(text):
            self.write_space(at + end, words.start() - end)
            self._write_words(words[0], at + words.start())
            end = words.end()
        self.write_space(at + end, len(text) - end)

    def write_character(self, character: str, at: int, taken: int) -> None:
        """Write a character for which the row has `taken` characters at `at`."""
        if character in " \t\r\n" or self._skips(character):
            self.write_space(at, taken)
            return
        self._prepare(at)
        escaped = (_MARKUP_SYMBOL if self._in_markup else _BRACKET).match(character)
        self._append(f"\\{character}" if escaped else character, at, taken)
        self._look_at_end(character)

    def write_space(self, at: int, taken: int) -> None:
        """Write white space that the row has at `at`."""
        if taken:
            start = at if self._space is None else self._space[0]
            self._space = (start, at + taken - start)

    def begin_markup(self) -> None:
        """Begin markup of the words that are written next."""
        self._in_markup = self._opens = True

    def end_markup(self, target: str) -> bool:
        """End markup, with what it says of its words; returns whether there were any."""
        written, self._in_markup, self._opens = not self._opens, False, False
        if written:
            escaped = _MARKUP_SYMBOL.sub(r"\\\g<0>", target)
            self._append(f"]({escaped})", self._end, 0)
        return written

    def end_sentence(self) -> None:
        """Add a full stop behind the last word if there is no mark."""
        if self._ended:
            return
        self._append(".", self._end, 0)
        self._ended = True
        self._space = self._space or (self._end, 0)

    def end_paragraph(self) -> None:
        """End a sentence, and pause before the next one."""
        self.end_sentence()
        self._paragraph = self._paragraph or bool(self._texts)

    def pause(self, seconds: Fraction, at: int) -> None:
        """Pause before what is written next; `at` is the place in the row."""
        self._pause_at = self._pause_at if self._pause else at
        self._pause += seconds

    def finish(self) -> list[Segment]:
        """Give the segments; the last one is without text if there is a pause at the end."""
        self._close()
        if self._pause:
            places = Places((Piece(0, 0, self._pause_at, 0),))
            self._segments.append(Segment("", places, self.voice, float(self.rate), float(self._pause)))
        return self._segments

    def _write_words(self, words: str, at: int) -> None:
        """Write words, some of whose symbols are escaped."""
        if self._skips(words):
            self.write_space(at, len(words))
            return
        self._prepare(at)
        start = 0
        for symbol in (_MARKUP_SYMBOL if self._in_markup else _BRACKET).finditer(words):
            self._append(words[start : symbol.start()], at + start, symbol.start() - start)
            self._append(f"\\{symbol[0]}", at + symbol.start(), 1)
            start = symbol.end()
        self._append(words[start:], at + start, len(words) - start)
        self._look_at_end(words)

    def _skips(self, words: str) -> bool:
        """Whether there are no words in it, only white space such as no-break spaces, where words would begin."""
        return words.isspace() and (self._opens or self._begins())

    def _begins(self) -> bool:
        """Whether a segment begins with the next word."""
        changed = self._delivery[:2] != (self.voice, self.rate)
        return not self._texts or changed or bool(self._pause) or self._paragraph

    def _look_at_end(self, words: str) -> None:
        last = words.rstrip(_CLOSERS)
        if last:
            self._ended = last[-1] in _MARKS

    def _prepare(self, at: int) -> None:
        """Begin a segment, write a space, or begin markup, where one is due in front of a word."""
        if self._begins():
            self._close()
            pause = self._pause + (PARAGRAPH_PAUSE_S if self._paragraph else 0)
            self._delivery = _Delivery(self.voice, self.rate, pause)
            self._pause, self._paragraph = Fraction(0), False
        elif self._space is not None:
            self._append(" ", *self._space)
        self._space = None
        if self._opens:
            self._opens = False
            if self._texts and self._texts[-1].endswith("\\"):  # which would make a bracket of the text
                self._append(" ", at, 0)
            self._append("[", at, 0)

    def _append(self, text: str, at: int, taken: int) -> None:
        if not text:
            return
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.is_literal and len(text) == taken and at == last.at + last.taken:
            self._pieces[-1] = Piece(last.start, last.size + taken, last.at, last.taken + taken)
        else:
            self._pieces.append(Piece(self._length, len(text), at, taken))
        self._texts.append(text)
        self._length += len(text)
        self._end = at + taken

    def _close(self) -> None:
        """End the segment that is written, if there is one."""
        if self._texts:
            voice, rate, pause = self._delivery
            places = Places(tuple(self._pieces))
            self._segments.append(Segment("".join(self._texts), places, voice, float(rate), float(pause)))
        self._texts, self._pieces, self._length, self._ended = [], [], 0, True
