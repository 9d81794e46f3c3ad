"""Reads Roman numerals aloud, where the words around them make numbers of the letters."""

from __future__ import annotations

import re

from stages.text.numbers import read_cardinal, read_ordinal
from stages.text.rules import Context, Words, list_words

_VALUES = (("L", 50), ("XL", 40), ("X", 10), ("IX", 9), ("V", 5), ("IV", 4), ("I", 1))


def write_roman(number: int) -> str:
    """Write a number below 90 in Roman numerals."""
    text = ""
    for letters, value in _VALUES:
        count, number = divmod(number, value)
        text += letters * count
    return text


ROMANS = {write_roman(number): number for number in range(1, 90)}
# Numerals that no one takes for a word or an abbreviation: these are numbers behind any name (Apollo XI, Rocky II).
CLEAR_ROMANS = frozenset(roman for roman, number in ROMANS.items() if number < 40 and len(roman) > 1) - {"XX", "XXX"}
# Numerals in small letters that are no words; they are read behind the name of a part (Act III, Scene ii).
SMALL_ROMANS = frozenset(roman.lower() for roman in ROMANS if len(roman) > 1 and ROMANS[roman] <= 20) - {"xx"}
# Words before a numeral that is a cardinal: Chapter IV is "chapter four".
PART_WORDS = list_words(
    "act appendix article book canto chapter class column division episode factor figure generation grade group "
    "item level mark number no phase part plate psalm quadrant scene section season sonnet stage step table title "
    "tome type unit verse vol volume war bowl game round category schedule tier lesson day canon apollo saturn"
)
# Words before a name with a numeral that is an ordinal: King Henry V is "King Henry the fifth".
RULER_WORDS = list_words(
    "king queen pope emperor empress tsar czar prince princess duke sultan kaiser pharaoh patriarch saint"
)
# Names of rulers: behind them a numeral is an ordinal even without a title.
RULER_NAMES = list_words(
    "Albert Alexander Alfonso Alfred Amenhotep Baldwin Benedict Boniface Canute Carol Carlos Catherine Charles "
    "Christian Clement Constantine Darius David Edmund Edward Elizabeth Eric Eugene Ferdinand Francis Frederick "
    "George Gregory Gustav Haakon Harald Harold Henri Henry Innocent Isabella Ivan James John Joseph Juan Julius "
    "Leo Leopold Louis Margaret Maria Mary Maximilian Mehmed Michael Murad Napoleon Nicholas Olaf Otto Paul Pedro "
    "Peter Philip Philippe Pius Ptolemy Ramesses Ramses Richard Robert Rudolf Selim Sigismund Stephen Suleiman "
    "Urban Umberto Valdemar Victor Vittorio Wilhelm William Xerxes"
)
_CENTURY = re.compile(r"(?:th)?[ -](?:century|centuries|Century|dynasty|Dynasty|Olympiad)\b")
_HEADING = re.compile(r"\. [A-Z]{3,}")
_CLOSED = re.compile(
    r"['’]s\b|\s?[(\[]|[.,;:!?)\]”\"’—–]|\s+(?:of|was|is|had|has|and|in|to|who|by|ruled|died|became|on|at|for|as)\b|\s*\Z"
)


def read_roman(word: str, start: int, end: int, context: Context) -> Words | None:
    """Read a word that may be a Roman numeral; None where it is none."""
    number = ROMANS[word]
    before = context.find_before(start)
    if _CENTURY.match(context.text, end):
        return read_ordinal(number, context.british)
    if before.lower() in PART_WORDS:
        return read_cardinal(number, context.british)
    if _is_ruler(word, start, end, context):
        return ["the", *read_ordinal(number, context.british)]
    if begins_heading(context.text, start, end):
        return read_cardinal(number, context.british)
    if word not in CLEAR_ROMANS or not (
        (before[:1].isupper() and len(before) > 2) or _begins_line(start, end, context)
    ):
        return None
    return read_cardinal(number, context.british)


def read_small_roman(word: str, start: int, context: Context) -> Words | None:
    """Read a word of small letters that may be a Roman numeral; None where it is none."""
    if context.find_before(start).lower() not in PART_WORDS:
        return None
    return read_cardinal(ROMANS[word.upper()], context.british)


def _is_ruler(word: str, start: int, end: int, context: Context) -> bool:
    """Whether a ruler's name is before the numeral; "I" may be the pronoun, unless no verb of it follows."""
    name = context.find_before(start)
    titled = name[:1].isupper() and context.find_before(start, 2).lower() in RULER_WORDS
    if not titled and name not in RULER_NAMES:
        return False
    if not titled and word == "I" and (len(context.tokens) == 1 or context.tokens[-2].kind == "mark"):
        return True  # the sentence begins with the name: James I reigned
    return word in CLEAR_ROMANS or word in {"V", "X", "L"} or _CLOSED.match(context.text, end) is not None


def begins_heading(text: str, start: int, end: int) -> bool:
    """Whether a numeral numbers a heading in capitals (I. BACKGROUND)."""
    return text[max(0, start - 1) : start] in {"", "\n"} and _HEADING.match(text, end) is not None


def _begins_line(start: int, end: int, context: Context) -> bool:
    """Whether the numeral numbers a heading or an item of a list: alone on its line, or with a dot behind it."""
    text = context.text
    before = text[max(0, start - 1) : start]
    return before in {"", "\n"} and text[end : end + 1] in {"", ".", "\n", ")", ":"}
