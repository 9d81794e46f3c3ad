"""Turns written English into the words and marks that are spoken, each with its place in the text.

The text is read once from left to right. A word of letters goes straight through; figures, abbreviations, addresses and
symbols are looked up in the tables of the other files. Every rule looks a bounded way ahead, so the time is linear.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from stages.text.abbreviation_table import ABBREVIATIONS, DOTTED, DOTTED_NAMES
from stages.text.abbreviations import ends_sentence, read_abbreviation
from stages.text.addresses import find_address, find_ending, find_path
from stages.text.figures import LEADING, find_figure, read_run
from stages.text.fixed_parts import Fixed, hide, touches_word
from stages.text.marks import MarkReader, find_joined
from stages.text.money import CURRENCIES
from stages.text.numbers import spell_digits
from stages.text.romans import ROMANS, SMALL_ROMANS, begins_heading, read_roman, read_small_roman
from stages.text.rules import END, Words
from stages.text.speech import Note, Speech
from stages.text.symbols import GREEK
from stages.text.tokens import Token
from stages.text.units import find_rate

_PLAIN = re.compile(r"(\s*+)([A-Za-z]++(?:['’][A-Za-z]++)?)(?=[\s,;!?]|\Z)")
_WORD = re.compile(r"[A-Za-z]++(?:['’][A-Za-z]++)*+")
_SPACE = re.compile(r"\s++")
_DOTTED = re.compile(rf"(?:[A-Za-z]\.){{1,8}}[A-Za-z]{END}\.?|(?:[A-Za-z]\.){{2,8}}{END}")
_DOTTED_NAME = re.compile(r"(?:Ph\.D|M\.Sc|B\.Sc|Ed\.D|Lt\.Col)\b\.?")
_POSSESSIVE = re.compile(r"(?<=[0-9A-Za-z%])['’]s(?!\w)")
_ADDRESS = re.compile(r"(?<!\w)\d{1,64}+[A-Za-z.@_-]")
_INITIAL = re.compile(r"[A-Z]\.(?=[ \u00a0]{1,2}(?:[A-Z][\w'’]{0,20}|[a-z]{2}|\d{1,3}(?:st|nd|rd|th)\b))")
# Words that are not always spoken as they are written.
_SPECIAL = (
    frozenset(ABBREVIATIONS)
    | frozenset(ROMANS)
    | SMALL_ROMANS
    | frozenset(f"{roman}'s" for roman in ROMANS)
    | frozenset(name for name in CURRENCIES if name.isalpha())
    | {"x"}
)
# Dotted abbreviations that no sentence ends with.
_UNENDING = (["for", "example"], ["that", "is"], ["note", "well"], ["PS"])
# Signs of transliteration that are letters to Unicode; they have no sound in English.
_HALF_RINGS = frozenset("ʿʾʻˈ")
_JOINTS = frozenset(".@:/_-&+#~\\")


def normalise(
    text: str, *, british: bool = False, notes: list[Note] | None = None, fixed: Sequence[Fixed] = ()
) -> list[Token]:
    """Turn a text into what is spoken. Any text is taken.

    Args:
        text: English prose, mail, log, ...: everything that people read.
        british: speak British English: "and" in numbers, days before months.
        notes: takes what was left out because it cannot be spoken, such as emoji.
        fixed: the parts that are not read by rules, in their order, none over another.

    Returns:
        Words and marks in the order of the text. Words of other scripts are left as they are.
    """
    text = spell_digits(text)
    hidden = [part for part in fixed if touches_word(text, part)]
    reader = _read_hiding(text, hidden, fixed, british=british)
    if reader.overrun:
        reader = _read_hiding(text, [*hidden, *reader.overrun], fixed, british=british)
    if reader.overrun:  # a rule took along what it had not taken before
        reader = _read_hiding(text, fixed, fixed, british=british)
    if notes is not None:
        notes += reader.speech.notes
    return reader.speech.tokens


def _read_hiding(text: str, hidden: Sequence[Fixed], fixed: Sequence[Fixed], *, british: bool) -> Normalizer:
    """Read a text in which some of the fixed parts are hidden."""
    reader = Normalizer(hide(text, hidden), british)
    reader.read(text, fixed)
    return reader


def _clip(token: Token, end: int) -> Token:
    return token._replace(start=min(token.start, end), end=min(token.end, end))


class Normalizer:
    """Reads one text.

    Attributes:
        speech: what has been said.
        overrun: the fixed parts that a rule before them took along.
    """

    def __init__(self, text: str, british: bool) -> None:
        self.text = text
        self.speech = Speech(text, british, [])
        self.marks = MarkReader(self.speech)
        self.overrun: list[Fixed] = []

    def read(self, written: str, fixed: Sequence[Fixed]) -> None:
        """Read the text to its end.

        Args:
            written: the text with nothing hidden.
            fixed: what rules may look at (St. [Ives]), but not take along (5 [km]).
        """
        at, tokens = 0, self.speech.tokens
        for part in fixed:
            count = len(tokens)
            if self._read_to(at, part.start) > part.start:
                self.overrun.append(part)
                tokens[count:] = [_clip(token, part.start) for token in tokens[count:]]
            self._say_fixed(written, part)
            at = part.end
        self._read_to(at, len(self.text))

    def _say_fixed(self, written: str, part: Fixed) -> None:
        if part.words is None:
            self.speech.add_word(written[part.start : part.end], part.start, part.end, "given")
        else:
            self.speech.add(part.words, part.start, part.end)

    def _read_to(self, at: int, stop: int) -> int:
        """Read what begins before `stop`; gives its end, which is behind `stop` if a rule took more."""
        text, add_word = self.text, self.speech.add_word
        while at < stop:
            match = _PLAIN.match(text, at)
            if match is None:
                at = self._read_piece(at)
                continue
            space, word = match.groups()
            if "\n" in space:
                self._end_line(space)
            if match.start(2) >= stop:
                return stop
            if word in _SPECIAL or "’" in word:
                at = self._read_word(match.start(2))
            else:
                at = match.end()
                add_word(word, match.start(2), at)
        return at

    def _end_line(self, space: str) -> None:
        if space.count("\n") > 1:
            self.marks.end_paragraph()

    def _read_piece(self, at: int) -> int:
        symbol = self.text[at]
        if match := _SPACE.match(self.text, at):
            self._end_line(match[0])
            return match.end()
        if symbol.isalpha():
            return self._read_word(at)
        if symbol in "~./" and not self.speech.follows_figure(at) and (path := find_path(self.text, at)):
            return self._add_tokens(*path)
        if symbol == "." and self._begins_name(at):
            self.speech.add(["dot"], at, at + 1)
            return at + 1
        if symbol.isdecimal() or symbol in LEADING:
            return self._read_figure(at)
        if symbol in "./\\" and (joined := find_joined(self.text, at)):
            return self._say(joined, at)
        return self.marks.read(at)

    def _begins_name(self, at: int) -> bool:
        """Whether the dot at `at` begins the name of a file or a part of code (.env, *.txt)."""
        text = self.text
        if find_joined(text, at) or find_ending(text, at):
            return False
        return (at == 0 or text[at - 1] in " \t\n(\"'“‘*`") and text[at + 1 : at + 3].isalpha()

    def _say(self, found: tuple[Words, int], at: int) -> int:
        """Say words that are read from `at` on; gives the end of what they read, which comes with them."""
        words, end = found
        self.speech.add(words, at, end)
        return end

    def _read_figure(self, at: int) -> int:
        """Read a figure, and the letters that are written close to it (5G); else a mark or a run of digits."""
        symbol = self.text[at]
        if symbol.isdecimal() and _ADDRESS.match(self.text, at) and (found := find_address(self.text, at)):
            return self._add_tokens(*found)
        if symbol in "'\"" and (self.marks.single or self.speech.touches_word(at)):
            return self.marks.read(at)
        figure = find_figure(self.speech, at)
        if figure is None and not symbol.isdecimal():
            joined = find_joined(self.text, at) or find_ending(self.text, at) if symbol == "." else None
            if joined is None:
                return self.marks.read(at)
            figure = joined
        end = self._say(figure or read_run(self.text, at), at)
        if _POSSESSIVE.match(self.text, end):
            return self._own(end)
        return self._read_suffix(end) if self.text[end - 1].isalnum() else end

    def _own(self, at: int) -> int:
        """Read the 's of a figure (Flight 370's engine) as an ending of its last word."""
        last = self.speech.tokens[-1]
        if last.kind == "mark":
            return at
        self.speech.tokens[-1] = last._replace(text=last.text + "'s")
        return at + 2

    def _read_suffix(self, at: int) -> int:
        match = _WORD.match(self.text, at)
        if match is None or (len(match[0]) > 1 and not match[0].isupper()):
            return at
        if len(match[0]) > 3 or (self.text[match.end() : match.end() + 1] in {".", "@"} and len(match[0]) > 1):
            return at
        self.speech.add_word(match[0], at, match.end(), "letters")
        return match.end()

    def _add_tokens(self, tokens: list[Token], end: int) -> int:
        for token in tokens:
            self.speech.add_word(token.text, token.start, token.end, token.kind)
        return end

    def _read_word(self, at: int) -> int:
        word, end = self._find_word(at)
        behind = self.text[end : end + 1]
        if behind and (behind in _JOINTS or behind.isdecimal() or behind == "$"):
            after = self._read_compound(word, at, behind)
            if after is not None:
                return after
        if word in _SPECIAL:
            after = self._read_special(word, at, end)
            if after is not None:
                return after
        self._add_plain(word, at, end, behind)
        return end

    def _find_word(self, at: int) -> tuple[str, int]:
        """The word that begins at `at`, in composed letters, and its end."""
        match = _WORD.match(self.text, at)
        end = match.end() if match else at + 1
        word = self.text[at:end].replace("’", "'")
        text = self.text
        if match and (end == len(text) or text[end].isascii() or not _belongs(text[end])):
            return word, end
        while end < len(text) and (_belongs(text[end]) or (text[end] in "'’ʼ" and text[end + 1 : end + 2].isalpha())):
            end += 1
        return _compose(text[at:end]), end

    def _add_plain(self, word: str, start: int, end: int, behind: str) -> None:
        if word in GREEK:
            word = GREEK[word]
        if word == "x" and self.speech.follows_figure(start) and self.text[end + 1 : end + 2].isalnum():
            word = "by"  # 60 x H 85 cm
        single = len(word) == 1 and word.isascii()
        joint = behind in {"&", "+"} or behind.isdecimal() or self.speech.touches_word(start)
        code = len(word) == 2 and word.isascii() and word.isupper() and behind.isdigit()  # CO2, also with a small 2
        if word.strip("'"):
            self.speech.add_word(word, start, end, "letters" if (single and joint) or code else "word")

    def _read_compound(self, word: str, at: int, behind: str) -> int | None:
        """Read a word with a symbol or a digit close behind it: an address, U.S., a version, and/or."""
        text = self.text
        after = text[at + len(word) + 1 : at + len(word) + 2]
        ends = not after or after.isspace() or (behind == "." and after in "\"”’')]")
        if behind not in ".@:_-" or not ends:
            if not self.speech.touches_word(at) and (address := find_address(text, at)):
                return self._add_tokens(*address)
            if behind == "/" and not self.speech.follows_figure(at) and (rate := find_rate(text, at)):
                return self._say(rate, at)
            if behind in "/&+#" and (joined := find_joined(text, at)):
                return self._say(joined, at)
            if (behind.isdecimal() or behind in "$.-") and (figure := find_figure(self.speech, at)):
                return self._say(figure, at)
        return self._read_dotted(at) if behind == "." else None

    def _read_dotted(self, at: int) -> int | None:
        """Read letters with dots: "e.g.", "U.S.", the initial of a name."""
        text = self.text
        if named := _DOTTED_NAME.match(text, at):
            return self._say_dotted(DOTTED_NAMES[named[0].rstrip(".")].split(), at, named.end())
        if match := _DOTTED.match(text, at):
            letters = match[0].rstrip(".")
            spoken = DOTTED.get(letters.lower())
            return self._say_dotted(spoken.split() if spoken else [letters.replace(".", "").upper()], at, match.end())
        if begins_heading(text, at, at + 1) or (
            text[at] in ABBREVIATIONS and read_abbreviation(text[at], at, at + 1, self.speech)
        ):
            return None
        if _INITIAL.match(text, at) and not ends_sentence(text, at + 2):
            self.speech.add_word(text[at], at, at + 2, "letters")
            return at + 2
        return None

    def _say_dotted(self, words: list[str], start: int, end: int) -> int:
        if self.text[end - 1 : end + 2] in {".'s", ".’s"}:
            self.speech.add_word(words[-1] + "'s", start, end + 2, "letters")
            return end + 2
        self.speech.add(words, start, end)
        if self.text[end - 1] == "." and words not in _UNENDING and ends_sentence(self.text, end):
            self.speech.add_mark(".", end - 1, end)
        return end

    def _read_special(self, word: str, start: int, end: int) -> int | None:
        """Read an abbreviation, a Roman numeral or a currency; None where the word is none of them."""
        if word in ABBREVIATIONS and (reading := read_abbreviation(word, start, end, self.speech)):
            words, after = reading
            self.speech.add([w for w in words if w != "."], start, after)
            if words[-1] == ".":
                self.speech.add_mark(".", after - 1, after)
            return after
        if word in SMALL_ROMANS and (numeral := read_small_roman(word, start, self.speech)):
            self.speech.add(numeral, start, end)
            return end
        if word in ROMANS and (numeral := read_roman(word, start, end, self.speech)):
            self.speech.add(numeral, start, end)
            return end
        if word[:-2] in ROMANS and (numeral := read_roman(word[:-2], start, end - 2, self.speech)):
            self.speech.add([*numeral[:-1], numeral[-1] + "'s"], start, end)
            return end
        if word in CURRENCIES and (money := find_figure(self.speech, start)):
            return self._say(money, start)
        return None


def _belongs(symbol: str) -> bool:
    """Whether a character goes on with a word: a letter, what combines with one, or a soft hyphen."""
    return symbol.isalpha() or (not symbol.isascii() and unicodedata.category(symbol) in {"Mn", "Mc", "Me", "Cf"})


def _compose(word: str) -> str:
    """Compose the letters of a word, without characters that only say how it is set."""
    word = (
        "".join(symbol for symbol in word if unicodedata.category(symbol) != "Cf" and symbol not in _HALF_RINGS)
        .replace("ʼ", "'")
        .replace("’", "'")
    )
    plain = unicodedata.normalize("NFKC", word)
    return plain if all(_belongs(symbol) or symbol == "'" for symbol in plain) else unicodedata.normalize("NFC", word)
