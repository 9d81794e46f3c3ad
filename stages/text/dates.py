"""Reads dates, years and decades aloud."""

from __future__ import annotations

import re

from stages.text.numbers import (
    make_plural,
    read_below_hundred,
    read_cardinal,
    read_number,
    read_ordinal,
    read_whole,
    read_year,
)
from stages.text.rules import END, GAP, Context, Rule, Words, list_words

# Months: their names, and the abbreviations that are written with or without a dot.
MONTHS = (
    ("January", ("Jan",)),
    ("February", ("Feb",)),
    ("March", ("Mar",)),
    ("April", ("Apr",)),
    ("May", ()),
    ("June", ("Jun",)),
    ("July", ("Jul",)),
    ("August", ("Aug",)),
    ("September", ("Sept", "Sep")),
    ("October", ("Oct",)),
    ("November", ("Nov",)),
    ("December", ("Dec",)),
)
# Days of the week and their abbreviations, which need a dot or a date behind them.
WEEKDAYS = (
    ("Monday", ("Mon",)),
    ("Tuesday", ("Tues", "Tue")),
    ("Wednesday", ("Wed",)),
    ("Thursday", ("Thurs", "Thur", "Thu")),
    ("Friday", ("Fri",)),
    ("Saturday", ("Sat",)),
    ("Sunday", ("Sun",)),
)
SHORT_NAMES = {short: name for name, shorts in (*MONTHS, *WEEKDAYS) for short in shorts}
DAYS_AND_MONTHS = frozenset(name for name, _ in (*MONTHS, *WEEKDAYS))
_NAMES = {name for name, _ in MONTHS}
# Words before a day or a year.
DATING_WORDS = frozenset({*(name.lower() for name in _NAMES), "ad", "ce"})

# Words before four digits that make a year of them where nothing else does (in 1066).
YEAR_WORDS = list_words(
    "in since until till by from before after during around circa of year years ad bc ce bce and to between"
)
# Words before a number with -s that make a decade of it (in her 20s, the mid-80s).
DECADE_WORDS = list_words("the his her their my your our its early mid late in into these those")
# Nouns that are counted though they have no -s. Four digits before a counted noun are no year (1234 people).
COUNTED_NOUNS = list_words("people men women children feet fish sheep cattle data aircraft troops police staff")
# Words on -s that are not counted nouns: four digits before them may be a year (1984 was).
UNCOUNTED_WORDS = list_words("was is has as its his this us does yes thus perhaps always sees saw's")

# Months that are words too in small letters.
WORD_MONTHS = frozenset({"may", "march", "mar"})
_FORMS = [form for name, shorts in MONTHS for form in (name, *shorts)]
_FORMS += [form.upper() for form in _FORMS] + [form.lower() for form in _FORMS if form.lower() not in WORD_MONTHS]
_MONTH = "(?:" + "|".join(sorted({*_FORMS, "(?:may|march)(?= [12][0-9]{3})"}, key=len, reverse=True)) + ")"
_MONTH_OF_DAY = re.compile(rf"[ -]{_MONTH}\b")
_NEXT_WORD = re.compile(rf"{GAP}([a-z]{{2,20}})\b")


def read_day(day: int, month: int, context: Context, before: str = "") -> Words:
    """Read a day of a month: "March fourth", in British English "the fourth of March"."""
    name = MONTHS[month - 1][0]
    if context.british:
        return [*([] if before == "the" else ["the"]), *read_ordinal(day), "of", name]
    return [name, *read_ordinal(day)]


def _is_date(day: int, month: int) -> bool:
    return 1 <= day <= 31 and 1 <= month <= 12


def _read_written_year(digits: str, british: bool) -> Words:
    """Read a year of four digits or of two: 00 to 29 are of this century, and none is said before 30 to 69."""
    if len(digits) == 4:
        return read_year(int(digits), british)
    short = int(digits)
    if 30 <= short < 70:
        return read_below_hundred(short)
    return read_year(short + (2000 if short < 30 else 1900), british)


def _speak_iso(match: re.Match[str], context: Context) -> Words | None:
    month, day = int(match["month"]), int(match["day"])
    if not _is_date(day, month):
        return None
    words = [*read_day(day, month, context), *read_year(int(match["year"]), context.british)]
    return [*words, "at"] if match["time"] else words


def _speak_slashed(match: re.Match[str], context: Context) -> Words | None:
    """Month first in American English and day first in British, unless only the other order is a date."""
    first, second = int(match["first"]), int(match["second"])
    day_first = context.british or match["mark"] == "."
    if match["mark"] == "." and len(match["year"]) == 2:
        return None
    day, month = (first, second) if day_first else (second, first)
    if not _is_date(day, month):
        day, month = month, day
    if not _is_date(day, month):
        return None
    before = context.find_before(match.start()).lower()
    return [*read_day(day, month, context, before), *_read_written_year(match["year"], context.british)]


def _speak_days(match: re.Match[str], context: Context) -> Words | None:
    """Two days of the year without a year, which could not be told from fractions alone."""
    words: Words = []
    for one, two in (match["from"].split("/"), match["till"].split("/")):
        day, month = (int(one), int(two)) if context.british else (int(two), int(one))
        if not _is_date(day, month):
            return None
        words += [*(["to"] if words else []), *read_day(day, month, context)]
    return words


def _speak_day_before_month(match: re.Match[str], context: Context) -> Words | None:
    day, last = int(match["day"]), match["last"]
    if not 1 <= day <= 31 or context.touches_word(match.start()):
        return None
    article = [] if context.find_before(match.start()).lower() == "the" else ["the"]
    words = [*article, *read_ordinal(day)]
    if last:
        words += ["to", "the", *read_ordinal(int(last))]
    return words if match["of"] else [*words, "of"]


def _speak_day_after_month(match: re.Match[str], context: Context) -> Words | None:
    day, last = int(match["day"]), match["last"]
    before = context.find_before(match.start())
    if before.capitalize() not in _NAMES or (before in WORD_MONTHS and not match["year"]) or not 1 <= day <= 31:
        return None
    article = ["the"] if context.british else []
    words = [*article, *read_ordinal(day)]
    if match["year"]:
        return [*words, *read_year(int(match["year"]), context.british)]
    return [*words, "to", *article, *read_ordinal(int(last))] if last else words


def _speak_decade(match: re.Match[str], context: Context) -> Words | None:
    digits = match["decade"]
    if match["short"] is None and len(digits) == 2:
        before = context.find_before(match.start()).lower()
        ranged = context.text[match.start() - 2 : match.start()] in {"s-", "s–"}
        if (before not in DECADE_WORDS and not ranged) or digits == "10":
            return None
    if digits == "00":
        return ["two", "thousands"]
    return make_plural(read_year(int(digits)) if len(digits) == 4 else read_cardinal(int(digits)))


def _speak_short_year(match: re.Match[str], context: Context) -> Words | None:
    return read_year(1900 + int(match["year"]))[1:] if match["year"] != "00" else ["oh", "oh"]


def _speak_year_pair(match: re.Match[str], context: Context) -> Words | None:
    second = match["second"]
    short = [*(["oh"] if second[0] == "0" else []), *read_whole(second.lstrip("0") or "0")]
    return [*read_year(int(match["first"]), context.british), *(["to"] if match["mark"] != "/" else []), *short]


def _speak_year(match: re.Match[str], context: Context) -> Words | None:
    digits, end = match["year"], match.end()
    year = int(digits)
    before = context.find_before(match.start())
    if context.touches_letter(match.start()) or year < 1000:
        return None
    if before in _NAMES or (before.lower() in YEAR_WORDS and year <= 2100):
        return read_year(year, context.british) if not _counts(context, end) else None
    if not 1100 <= year <= 2099:
        return None
    if year % 100 and _counts(context, end):
        return read_number(digits, context.british)
    return read_year(year, context.british)


def _counts(context: Context, end: int) -> bool:
    """Whether a counted noun follows: "1234 words", but not "1984 was"."""
    match = _NEXT_WORD.match(context.text, end)
    word = match[1] if match else ""
    return word in COUNTED_NOUNS or (word.endswith("s") and word not in UNCOUNTED_WORDS and not word.endswith("ss"))


def _speak_era(match: re.Match[str], context: Context) -> Words | None:
    """A year beside AD or BC, of any length."""
    return read_year(int(match["year"]), context.british)


_ST = "(?:st|nd|rd|th)?"
_DAYS = (
    rf"(?P<day>\d{{1,2}}){_ST}(?:{GAP}?[-–]{GAP}?(?P<last>\d{{1,2}}){_ST}(?!{GAP}?[ap]\.?m\b|\d))?"  # one, or a range
)
# name, pattern, reading, example. Tried in this order.
FIGURE_DATE_RULES = (
    Rule(
        "days",
        r"(?P<from>\d{1,2}/\d{1,2}) ?[-–] ?(?P<till>\d{1,2}/\d{1,2})(?![\w/-])",
        _speak_days,
        "7/1-7/5",
    ),
    Rule(
        "iso",
        r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?:(?P<time>T)(?=\d\d:\d\d)|(?![\w-]))",
        _speak_iso,
        "2025-03-04",
    ),
    Rule(
        "iso",
        r"(?P<year>(?:1[5-9]|20)\d{2})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?P<time>(?!))?(?![\w-])",
        _speak_iso,
        "2025-3-4",
    ),
    Rule("iso", r"(?P<year>\d{4})/(?P<month>\d{2})/(?P<day>\d{2})(?P<time>(?!))?(?![\w/])", _speak_iso, "2025/03/04"),
    Rule(
        "slashed",
        r"(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\w/-]|\.\d)",
        _speak_slashed,
        "3/4/2025",
    ),
)
NAMED_DATE_RULES = (
    Rule(
        "month day",
        rf"{_DAYS}(?:[ -](?P<year>(?:1[1-9]|20)\d{{2}}){END})?(?![\w:%°/]|[.,]\d)",
        _speak_day_after_month,
        "March 4",
    ),
    Rule("era", rf"(?P<year>\d{{1,4}}){END}(?!,\d)", _speak_era, "AD 79"),
)
DATE_RULES = (
    Rule(
        "day month",
        rf"{_DAYS}(?=[ -](?P<of>of )?(?:the )?{_MONTH}\b)",
        _speak_day_before_month,
        "4 March",
    ),
    Rule("decade", rf"(?P<short>['’])?(?P<decade>\d00|\d{{3}}0|\d0)['’]?s{END}", _speak_decade, "the 1980s"),
    Rule("short year", rf"['’](?P<year>\d{{2}}){END}", _speak_short_year, "the summer of ’69"),
    Rule(
        "years",
        r"(?P<first>(?:1[0-9]|20)\d{2})(?P<mark>[-–/])['’]?(?P<second>\d{2}|(?<=['’])\d)(?![\w/-])",
        _speak_year_pair,
        "1939-45",
    ),
    Rule("era", rf"(?P<year>\d{{1,4}})(?={GAP}?(?:AD|BC|BCE|CE|A\.D\.|B\.C\.)(?!\w))", _speak_era, "44 BC"),
    Rule("year", rf"(?P<year>\d{{4}}){END}(?![.,]\d|{GAP}?[%°])", _speak_year, "in 1984"),
)
