"""Reads abbreviations: which of their readings fits, and whether their dot ends the sentence too."""

from __future__ import annotations

import re

from stages.text.abbreviation_table import ABBREVIATIONS
from stages.text.dates import DAYS_AND_MONTHS, SHORT_NAMES
from stages.text.rules import Context, Words, list_words

# Words before the name of a day at the end of a sentence: closed on Sun.
_DAY_BEFORE = list_words("on every this next last until till by from to before after since and or through thru")
# Words that begin a sentence more often than they follow an abbreviation inside one: "at 5 p.m. The ...".
STARTERS = list_words(
    "Are Is Was Do Does Did Don Didn Can Could Will Would Should Shall Please Let Look See Go Come "
    "A After All Also An And Another As At Before Both But By Each Even Every First For From Has Have He Her Here "
    "His How However I If In Instead Is It Its Later Many More Most My No Not Nobody Now Of On Once One Only Our "
    "Over Perhaps She Since So Some Such That The Their Then There These They This Those Though Thus To Today "
    "Tomorrow Under Until We Were What When Where Which While Who Why With Would Yes Yet You Your"
)
# Words with a capital that are no name before "St." and "Dr.": those that begin a sentence, and what a saint follows.
_BEFORE_SAINTS = STARTERS | list_words("Mount Port Fort Lake Bay Church Cathedral Visit Dear Sault Isle Mr Mrs")
_NUMBERED = re.compile(r"\. ?\d")
_NAME = re.compile(r"\.?[ \t\n\u00a0]{1,3}[\"“'‘(]?[^\W\d_a-z]")
_FIGURE = re.compile(r"\.?[ \t\n\u00a0]{0,2}[#$€£~(§]?(?:\d|[IVXLC]{2,7}\b)")
_NUMERAL = re.compile(r"\.?[ \t\n\u00a0]{0,2}[(§]?(?:\d|[IVXLC]{2,7}\b|[IVXA-D](?=[,.;:)\]–-]|\s?\Z)|[ivx]{1,5}\b)")
_NEXT = re.compile(r"[\"”’')\]]{0,3}(?:\s{1,4}[\"“‘'(\[]{0,3}([^\W\d_]{1,20})|\s{0,4}\Z|[ \t]{0,4}\n[ \t]{0,4}\n)")
_VERSE = re.compile(r"\.?[ \u00a0]\d{1,3}[:.]\d{1,3}(?!\d)")
_PARTY = re.compile(r"(?:[^\w]|\A)[DRI](?:[-–]|\.?, )\Z")
_STREET = re.compile(r"\.?[ \u00a0](?:[A-Z][a-z]|\d{1,3}(?:st|nd|rd|th)\b)")
_CODE = re.compile(r",?[ \u00a0]\d{5}(?!\d)")
_LETTER = re.compile(r"[ \u00a0][A-Z](?![\w.])")
_NAMES = "|".join((*SHORT_NAMES, *sorted(DAYS_AND_MONTHS)))
_DATE = re.compile(
    rf"\.?(?:-(?=\d{{1,2}}\b)|,?[ \u00a0])(?:\d|(?:{_NAMES})\.?[ \u00a0]\d)|\.?[-–](?:{'|'.join(SHORT_NAMES)})\b"
)


# place -> what is behind an abbreviation there
_BEHIND = {
    "name": _NAME,
    "compass": _STREET,
    "letter": _LETTER,
    "figure": _FIGURE,
    "numeral": _NUMERAL,
    "verse": _VERSE,
    "code": _CODE,
    "is": re.compile(r"\. is"),
}


def ends_sentence(text: str, end: int) -> bool:
    """Whether a sentence ends behind an abbreviation: the text or paragraph does, or a word that begins one follows."""
    match = _NEXT.match(text, end)
    if match is None or (match[1] == "No" and _NUMBERED.match(text, match.end())):
        return False
    return match[1] is None or match[1] in STARTERS


def ends_text(text: str, end: int) -> bool:
    """Whether nothing but quotes and brackets follows in the paragraph."""
    match = _NEXT.match(text, end)
    return match is not None and match[1] is None


def read_abbreviation(word: str, start: int, end: int, context: Context) -> tuple[Words, int] | None:
    """Read an abbreviation that ends at `end`, where its dot may be; gives the words, and the end of what they read."""
    for reading in ABBREVIATIONS[word]:
        if not _fits(reading.where, start, end, context):
            continue
        if context.text[end : end + 1] != ".":
            return reading.spoken.split(), end
        kept = ends_text(context.text, end + 1) or (reading.ends and ends_sentence(context.text, end + 1))
        return [*reading.spoken.split(), *(["."] if kept else [])], end + 1
    return None


def _fits(where: str, start: int, end: int, context: Context) -> bool:
    return all(_fits_one(part, start, end, context) for part in where.split())


def _fits_one(where: str, start: int, end: int, context: Context) -> bool:
    text = context.text
    dot = text[end : end + 1] == "."
    if where in _BEHIND and _BEHIND[where].match(text, end) is None:
        return False
    if where in {"measured", "compass"}:
        return context.follows_figure(start)
    if where in {"state", "code"}:
        return (dot or where == "code") and _follows_place(start, context)
    if where == "weekday":
        return _is_weekday(start, end, context)
    if where == "date":
        return dot or _is_beside_figure(start, end, context)
    return (dot or where != "dot") and (where != "street" or _is_street(start, end, context))


def _follows_place(start: int, context: Context) -> bool:
    """Whether a name and a comma are before an abbreviation of a state, or the letter of a party (D-Ore.)."""
    if _PARTY.search(context.text[max(0, start - 5) : start]):
        return True
    before = context.find_before_comma(start)
    return len(before) > 2 and before[0].isupper() and before not in STARTERS


def _is_weekday(start: int, end: int, context: Context) -> bool:
    """Whether "Sun." is Sunday: a figure or another day is beside it, or what goes before a day."""
    before = context.find_before(start)
    if before.lower() == "the":
        return False
    dot = context.text[end : end + 1] == "."
    if dot and (not ends_sentence(context.text, end + 1) or before.lower() in _DAY_BEFORE):
        return True
    return _is_beside_figure(start, end, context)


def _is_beside_figure(start: int, end: int, context: Context) -> bool:
    """Whether a figure is beside the short name of a day or a month, or another such name with a hyphen."""
    text = context.text
    ranged = text[start - 1 : start] in {"-", "–"} and context.find_before(start) in {"to", *SHORT_NAMES.values()}
    return ranged or _DATE.match(text, end) is not None or context.follows_figure(start)


def _is_street(start: int, end: int, context: Context) -> bool:
    """Whether "St." is a street: a name or an ordinal is before it, and no other name follows in the sentence."""
    before = context.find_before(start)
    if before in _BEFORE_SAINTS or not (before[:1].isupper() or before.endswith(("th", "st", "nd", "rd"))):
        return False
    return _NAME.match(context.text, end) is None or ends_sentence(context.text, end + 1)
