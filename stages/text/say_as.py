"""Reads words as the user says that they are: [42](as:ordinal), [GIF](as:characters), [3/4/2025](as:date).

characters   letters and digits one by one; symbols by their names
cardinal     a number: with separators, decimals, a sign
ordinal      42 or 42nd
telephone    digits one by one, with a pause between groups
date         3/4/2025, 2025-03-04, 4 March 2025, or a year
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable

from stages.text.addresses import ADDRESS_SYMBOLS
from stages.text.dates import FIGURE_DATE_RULES, MONTHS
from stages.text.normalizer import normalise
from stages.text.numbers import LONGEST, ONES, read_digits, read_number, read_ordinal, read_year, spell_digits
from stages.text.phones import read_groups
from stages.text.rules import Context, Words
from stages.text.symbols import GREEK, SYMBOLS

_NUMBER = re.compile(r"(?P<sign>[-−+])?(?P<number>(?:\d{1,3}(?:[,\u00a0\u202f ]\d{3})++|\d++)(?:\.\d++)?|\.\d++)")
_ORDINAL = re.compile(r"(?P<number>\d{1,3}(?:,\d{3})++|\d++)(?:st|nd|rd|th)?")
_TELEPHONE = re.compile(r"[+(]?\d[\d ().+/\u00a0-]*+")
_YEAR = re.compile(r"\d{1,4}")
_MONTH = re.compile("|".join(rf"\b{form}\b" for name, shorts in MONTHS for form in (name, *shorts)))
_SIGNS = {"-": "minus", "−": "minus", "+": "plus"}


def _read_characters(text: str, british: bool) -> Words:
    words: Words = []
    for symbol in unicodedata.normalize("NFKD", text):
        if symbol.isdecimal():
            words.append(ONES[int(symbol)])
        elif symbol in GREEK:
            words.append(GREEK[symbol])
        elif symbol.isalpha():
            words.append(symbol.upper())
        elif name := ADDRESS_SYMBOLS.get(symbol) or SYMBOLS.get(symbol):
            words += name.split()
    return words


def _read_cardinal(text: str, british: bool) -> Words:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return []
    return [*([_SIGNS[match["sign"]]] if match["sign"] else []), *read_number(match["number"], british)]


def _read_ordinal(text: str, british: bool) -> Words:
    match = _ORDINAL.fullmatch(text)
    digits = match["number"].replace(",", "") if match else ""
    return read_ordinal(int(digits), british) if 0 < len(digits) <= LONGEST else []


def _read_telephone(text: str, british: bool) -> Words:
    if _TELEPHONE.fullmatch(text) is None:
        return []
    return [*(["plus"] if text[0] == "+" else []), *read_groups(text, british)]


def _read_date(text: str, british: bool) -> Words:
    if _YEAR.fullmatch(text):
        return read_year(int(text), british) if text[0] != "0" else read_digits(text, "oh")
    context = Context(text, british, [])
    for rule in FIGURE_DATE_RULES:
        match = re.fullmatch(rule.pattern, text)
        if match is not None and (words := rule.speak(match, context)):
            return words
    if _MONTH.search(text) is None or not any(map(str.isdecimal, text)):
        return []
    return [token.text for token in normalise(text, british=british)]


READERS: dict[str, tuple[Callable[[str, bool], Words], str]] = {
    "characters": (_read_characters, "letters or digits"),
    "cardinal": (_read_cardinal, "a number such as 1,234.5"),
    "ordinal": (_read_ordinal, "a whole number such as 42 or 42nd"),
    "telephone": (_read_telephone, "digits in groups, such as +1 212 555 0199"),
    "date": (_read_date, "a date such as 3/4/2025, 2025-03-04, 4 March 2025 or 1984"),
}


def read_as(text: str, kind: str, british: bool) -> Words:
    """Read words as what they are: words and marks, those in capitals letter by letter.

    Raises:
        ValueError: there is no such kind, or the text is none of it; the message says what was expected.
    """
    if kind not in READERS:
        close = difflib.get_close_matches(kind, READERS, 1)
        hint = f"did you mean as:{close[0]}?" if close else f"expected one of {', '.join(READERS)}"
        raise ValueError(f"no kind 'as:{kind}'; {hint}")
    read, expected = READERS[kind]
    words = read(spell_digits(text), british)
    if not words:
        raise ValueError(f"'{text}' is not of the kind 'as:{kind}'; expected {expected}")
    return words
