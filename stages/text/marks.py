"""Reads what is neither a word nor a figure: quotes, dashes, other marks, symbols, and what cannot be spoken."""

from __future__ import annotations

import itertools
import re
import unicodedata

from stages.text.dates import DAYS_AND_MONTHS, SHORT_NAMES
from stages.text.fixed_parts import HIDDEN
from stages.text.numbers import read_cardinal
from stages.text.rules import END
from stages.text.speech import Speech
from stages.text.symbols import ELISIONS, EMOTICON, JOINED, MARKS, SILENT, SYMBOLS, TEMPERATURES
from stages.text.unit_table import MEASURED_NOUNS, PER_UNITS
from stages.text.units import spell

_DASHES = "-‐‑–—―⸺−"
_DASH_RUN = re.compile(f"[{_DASHES}]++")
# A day or a month, also cut short.
_DAY = re.compile(rf"(?:{'|'.join((*DAYS_AND_MONTHS, *SHORT_NAMES))})\b(\.?[ \u00a0]?\d{{1,2}}\b)?")
_SCALE = re.compile(r"[°º]([CF])\b")
_OPTION = re.compile(r"-([A-Za-z])(?= |\Z)")
# Symbols that draw a line where three or more of them stand.
_REPEATED = frozenset("=+#*_~/\\<>|&^%@$")
_RUN = re.compile(r"(.)\1{2,}+")
_DOTS = re.compile(r"\.(?:[ \u00a0]\.){2,3}|\.++|…[.…]*+")
# Behind the unit a dot that ends no sentence is a part of it ($5/lb. or less).
_PER = re.compile(r"/(?P<unit>[a-zA-Z]{1,8}[²³2]?)(?![\w])(?:\.(?=[ \n]{1,2}[a-z(\d]|[,;)]))?")
_TAG_WORD = re.compile(r"[A-Z]{1,40}(?![a-z])|[A-Z]?[a-z]{1,40}|[^\W\d_A-Za-z]++")
_CODE = re.compile(r"`[^`\s](?:[^`\n]{0,200}[^`\s])?`")
_ELIDED = re.compile(r"['’‘]([A-Za-z]{1,6})(?![A-Za-z])(['’](?=\W))?")
_JOINED = re.compile("|".join(re.escape(key) + END for key in sorted(JOINED, key=len, reverse=True)))
_NOUN = re.compile(r"[ -]([A-Za-z]{2,9})\b")
_TIMES = frozenset({"s", "sec", "min", "h", "hr"})
_ARROWS = {"->": "to", "=>": "to", "<=": "is at most", ">=": "is at least", "!=": "is not equal to", "==": "equals"}
# Categories of characters that change others or nothing: combining marks, formats. They are left out without a note.
_UNHEARD = frozenset({"Mn", "Mc", "Me", "Cf"})


class MarkReader:
    """Reads marks and symbols, and remembers which quotes are open.

    Attributes:
        double: whether a straight or curly double quote is open.
        single: whether a single quote is.
        code_end: offset of the grave accent that ends a piece of code; the pair says nothing.
    """

    def __init__(self, speech: Speech) -> None:
        self.speech, self.text = speech, speech.text
        self.double = self.single = False
        self.code_end = -1

    def end_paragraph(self) -> None:
        """Close the quotes: an open one is closed at the end of its paragraph, as novels leave it."""
        self.double = self.single = False

    def read(self, at: int) -> int:
        """Read what begins at `at`, and return the offset behind it."""
        symbol = self.text[at]
        if symbol in ":;=8<^¯" and self._begins(at) and (face := EMOTICON.match(self.text, at)):
            self.speech.note(at, face.end(), "a face made of marks")
            return face.end()
        if symbol == '"':
            return self._read_double(at)
        if symbol in "'’‘`":
            return self._read_single(at)
        if symbol in _DASHES:
            return self._read_dash(at)
        if symbol in MARKS:
            return self._read_mark(at)
        return self._read_symbol(at)

    def _before(self, at: int) -> str:
        return self.text[at - 1] if at else " "

    def _behind(self, end: int) -> str:
        return self.text[end] if end < len(self.text) else " "

    def _begins(self, at: int) -> bool:
        """Whether a word would begin at `at`: space, an opening mark or nothing is before it."""
        before = self._before(at)
        return before.isspace() or before in "([{“‘\"'—–-/"

    def _read_double(self, at: int) -> int:
        behind = self._behind(at + 1)
        if not self.double and self._before(at).isdecimal() and not behind.isalnum():
            noun = _NOUN.match(self.text, at + 1)
            last = self.speech.tokens[-1].text
            single = last == "one" or (noun is not None and noun[1] in MEASURED_NOUNS)
            self.speech.add_word("inch" if single else "inches", at, at + 1)
            return at + 1
        if self._begins(at) and not behind.isspace() and not (self.double and self._before(at) in "—–-"):
            opens = True
        else:
            opens = not self.double and behind.isalnum() and self._before(at) in ",.!?:;"
        self.double = opens
        self.speech.add_mark("“" if opens else "”", at, at + 1)
        return at + 1

    def _read_single(self, at: int) -> int:
        """Read an apostrophe or a single quote."""
        symbol = self.text[at]
        if symbol == "`" and self._reads_code(at):
            return at + 1
        begins, behind = self._begins(at), self._behind(at + 1)
        if begins and (end := self._read_elision(at)):
            return end
        if symbol == "‘" or (begins and not behind.isspace() and symbol != "’"):
            self.single = True
            self.speech.add_mark("“", at, at + 1)
        elif self.single and not begins:
            self.single = False
            self.speech.add_mark("”", at, at + 1)
        else:
            self._elide(at)
        return at + 1

    def _reads_code(self, at: int) -> bool:
        """Whether a grave accent begins or ends a piece of code, rather than a quote."""
        if self.code_end == at:
            self.code_end = -1
            return True
        if code := _CODE.match(self.text, at):
            self.code_end = code.end() - 1
        return code is not None

    def _read_elision(self, at: int) -> int | None:
        """Read a word that begins with an apostrophe: 'tis, 'em, and 'n', which ends with one too."""
        match = _ELIDED.match(self.text, at)
        if match is None or match[1].lower() not in ELISIONS:
            return None
        both = match[1].lower() == "n"
        if both != bool(match[2]):
            return None
        end = match.end() if both else match.end(1)
        self.speech.add_word(f"'{match[1]}'" if both else f"'{match[1]}", at, end)
        return end

    def _elide(self, at: int) -> None:
        """Keep the apostrophe of "goin'"; that of "the dogs' bowl" has no sound."""
        last = self.speech.tokens[-1] if self.speech.tokens else None
        if (
            last is not None
            and last.end == at
            and last.kind == "word"
            and len(last.text) > 3
            and last.text.endswith("in")
        ):
            self.speech.tokens[-1] = last._replace(text=last.text + "'", end=at + 1)

    def _read_dash(self, at: int) -> int:
        """Read a hyphen, which joins words, or a dash, which parts them."""
        match = _DASH_RUN.match(self.text, at)
        end = match.end() if match else at + 1
        run, before, behind = self.text[at:end], self._before(at), self._behind(end)
        if before.isspace() and not self._begins_line(at) and (option := _OPTION.match(self.text, at)):
            self.speech.add(["dash"], at, end)
            self.speech.add_word(option[1], end, option.end(), "letters")
            return option.end()
        if self._behind(at + 1) == ">" and end == at + 1:
            self.speech.add(["to"], at, at + 2)
            return at + 2
        if len(run) > 3 or (self._begins_line(at) and behind.isspace()):
            return end
        hyphen = run in {"-", "‐", "‑"} or (run == "–" and before.isalnum() and behind.isalnum())
        if _is_between_days(self.speech, at, end):
            self.speech.add(["to"], at, end)
        elif hyphen and before.isalnum() and behind.isalnum():
            if self.speech.follows_plain_word(at) and behind.isalpha():
                self.speech.close_at = end
        elif (
            (before.isspace() == behind.isspace() and not (hyphen and not before.isspace()))
            or run == "—"
            or run == "―"
            or (not hyphen and not before.isspace())
        ):
            self.speech.add_mark("—", at, end)
        return end

    def _begins_line(self, at: int) -> bool:
        """Whether at most spaces are before `at` in its line: a hyphen there is the bullet of a list."""
        head = self.text[max(0, at - 8) : at].rpartition("\n")
        return not head[2].strip() and (bool(head[1]) or at <= 8)

    def _read_mark(self, at: int) -> int:
        symbol = self.text[at]
        if symbol in ".…":
            match = _DOTS.match(self.text, at)
            end = match.end() if match else at + 1
            if end == at + 1 and behind_is_code(self.text, at):
                self.speech.add(["dot"], at, end)
            elif end > at + 1 or symbol != "." or self._behind(end) not in ",;:":  # the dot of an abbreviation
                self.speech.add_mark("." if end == at + 1 and symbol == "." else "…", at, end)
            return end
        mark = MARKS[symbol]
        if symbol == "”" and not self.double and self._before(at).isdecimal():
            return self._read_double(at)
        if mark in "“”":
            self.double = mark == "“"
        if mark == "!" and self._behind(at + 1) == "=":
            self.speech.add(_ARROWS["!="].split(), at, at + 2)
            return at + 2
        self.speech.add_mark(mark, at, at + 1)
        return at + 1

    def _read_symbol(self, at: int) -> int:
        text, symbol = self.text, self.text[at]
        if symbol in _REPEATED and (run := _RUN.match(text, at)):
            return run.end()
        end = at + 2 if text[at + 1 : at + 2] == symbol else at + 1
        if symbol == "#" and self._behind(at + 1).isalpha():
            return self._read_tag(at + 1)
        if symbol == "/" and (per := _PER.match(text, at)) and self._is_rate(per["unit"], at):
            unit = [spell(word, self.speech.british) for word in PER_UNITS[per["unit"]].split()]
            self.speech.add(["per", *unit], at, per.end())
            return per.end()
        if symbol in "§¶" and end == at + 2:
            self.speech.add([SYMBOLS[symbol] + "s"], at, end)
            return end
        if text[at : at + 2] in _ARROWS:
            self.speech.add(_ARROWS[text[at : at + 2]].split(), at, at + 2)
            return at + 2
        return self._say_symbol(symbol, at, end)

    def _is_rate(self, unit: str, at: int) -> bool:
        """Whether a slash is "per": behind a figure, or before a unit of time."""
        return unit in PER_UNITS and (self.speech.follows_figure(at) or (unit in _TIMES and self._before(at).isalpha()))

    def _read_tag(self, at: int) -> int:
        """Read a hashtag: its words begin with capitals."""
        self.speech.add(["hashtag"], at - 1, at)
        while match := _TAG_WORD.match(self.text, at):
            word = "".join(itertools.takewhile(str.isalpha, match[0]))  # not ¼, which the pattern takes for a letter
            if not word:
                break
            self.speech.add_word(word, at, at + len(word))
            at += len(word)
        return at

    def _say_symbol(self, symbol: str, at: int, end: int) -> int:
        before, behind = self._before(at), self._behind(end)
        if symbol == "|" and before.isspace() and behind.isspace():
            self.speech.add_mark(",", at, end)
        elif symbol == "#" and end == at + 1 and before.isspace() and not self._begins_line(at):
            self.speech.add(["number"], at, end)
        elif symbol in "°º" and (scale := _SCALE.match(self.text, at)):
            self.speech.add(["degrees", TEMPERATURES[scale[1]]], at, scale.end())
            end = scale.end()
        elif symbol in SYMBOLS and self._is_spoken(symbol, at, before, behind):
            self.speech.add(_drop_verb(self.speech, SYMBOLS[symbol]).split(), at, end)
            if symbol in "&+" and behind.isalpha() and not self._behind(end + 1).isalpha():
                self.speech.add_word(behind, end, end + 1, "letters")
                end += 1
        elif symbol not in SILENT and symbol not in SYMBOLS:
            end = self._leave_out(at)
        return end

    def _is_spoken(self, symbol: str, at: int, before: str, behind: str) -> bool:
        """Whether a symbol is spoken where it stands, rather than a part of markup."""
        if symbol == "#":
            return not self._begins_line(at)
        if symbol in "<>":
            return (behind.isspace() and before.isspace() and not self._begins_line(at)) or behind.isdecimal()
        if symbol == "^":
            return before.isalnum() and (behind.isalnum() or behind == "-")
        if symbol == "/":
            return (
                before != "/"
                and behind != "/"
                and not (before.isspace() and behind.isspace() and "\n" in before + behind)
            )
        return True

    def _leave_out(self, at: int) -> int:
        """Leave out emoji and the like; a number in a circle is a number."""
        text = self.text
        value = unicodedata.numeric(text[at], None)
        if value is not None and value >= 0 and value == int(value) and value < 10**15:
            self.speech.add(read_cardinal(int(value), self.speech.british), at, at + 1)
            return at + 1
        end = at
        while end < len(text) and not _is_known(text[end]):
            end += 1
        if end == at:
            return at + 1
        if any(unicodedata.category(symbol) not in _UNHEARD for symbol in text[at:end]):
            self.speech.note(at, end, f"no words for {_name(text[at])}")
        return end


def _is_between_days(speech: Speech, at: int, end: int) -> bool:
    """Whether a dash is between two days or months (Mon.-Fri.), which is "to"."""
    last = speech.tokens[-1] if speech.tokens else None
    if last is None or at != last.end:
        return False
    day = _DAY.match(speech.text, end)
    return day is not None and (last.text in DAYS_AND_MONTHS or (day[1] is not None and speech.follows_figure(at)))


def _drop_verb(speech: Speech, spoken: str) -> str:
    """Leave out the verb of a comparison that has nothing before it: (>5)."""
    begins = not speech.tokens or speech.tokens[-1].kind == "mark"
    return spoken.removeprefix("is ") if begins else spoken


def behind_is_code(text: str, at: int) -> bool:
    """Whether the dot at `at` is inside a name of code (np.array): small letters are close on both sides."""
    return at > 0 and text[at - 1].islower() and text[at + 1 : at + 2].islower()


def _is_known(symbol: str) -> bool:
    """Whether a character is something other than a symbol without words."""
    return (
        symbol.isspace()
        or symbol.isalnum()
        or symbol in MARKS
        or symbol in SYMBOLS
        or symbol in "\"'’‘`" + _DASHES + "_" + HIDDEN
    )


def _name(symbol: str) -> str:
    return unicodedata.name(symbol, f"U+{ord(symbol):04X}").lower()


def find_joined(text: str, at: int) -> tuple[list[str], int] | None:
    """The words of a group of words and symbols that has a reading of its own (and/or), and its end."""
    match = _JOINED.match(text, at)
    return (JOINED[match[0]].split(), match.end()) if match else None
