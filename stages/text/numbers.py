"""Reads numbers aloud: cardinals, ordinals, decimals, digits one by one, years, and numbers that are names."""

from __future__ import annotations

import re

_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
# The numbers below twenty have names of their own; the place in the table is the number.
ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
# The multiples of ten; the place in the table is the number of tens.
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# The powers of a thousand, from the first; the same in both Englishes today.
SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion")
# Cardinal -> ordinal, where it is not the cardinal with -th (-y becomes -ieth).
ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip

LONGEST = 3 * len(SCALES)  # digits: a longer number is read digit by digit


def spell_digits(text: str) -> str:
    """Spell the digits of every script as 0 to 9; all characters keep their places."""
    return text if text.isascii() else _OTHER_DIGIT.sub(lambda match: str(int(match[0])), text)


def read_cardinal(number: int, british: bool = False) -> list[str]:
    """Read a number from 0 to below 10 ** LONGEST. British English has "and" before the tens and ones."""
    if number < 1000:
        return _read_below_thousand(number, british)
    words: list[str] = []
    rest = number
    for power in range(len(SCALES) - 1, -1, -1):
        group, rest = divmod(rest, 1000**power)
        if group:
            if british and power == 0 and group < 100:
                words.append("and")
            words += _read_below_thousand(group, british)
            words += [SCALES[power]] if power else []
    return words


def _read_below_thousand(number: int, british: bool) -> list[str]:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return read_below_hundred(rest)
    words = [ONES[hundreds], "hundred"]
    return [*words, *(["and"] if british else []), *read_below_hundred(rest)] if rest else words


def read_below_hundred(number: int) -> list[str]:
    """Read 0 to 99."""
    if number < 20:
        return [ONES[number]]
    tens, ones = divmod(number, 10)
    return [TENS[tens], ONES[ones]] if ones else [TENS[tens]]


def read_ordinal(number: int, british: bool = False) -> list[str]:
    """Read 21 as "twenty first"."""
    *words, last = read_cardinal(number, british)
    return [*words, make_ordinal(last)]


def make_ordinal(cardinal: str) -> str:
    """The ordinal of a number of one word."""
    if cardinal in ORDINALS:
        return ORDINALS[cardinal]
    return cardinal[:-1] + "ieth" if cardinal.endswith("y") else cardinal + "th"


def make_plural(words: list[str]) -> list[str]:
    """Put the last word into the plural: "nineteen nineties", "sixes", "hundreds"."""
    last = words[-1]
    if last.endswith("y"):
        last = last[:-1] + "ies"
    else:
        last += "es" if last.endswith("x") else "s"
    return [*words[:-1], last]


def read_digits(text: str, zero: str = "zero") -> list[str]:
    """Read the digits of a text one by one, and nothing else of it."""
    return [zero if digit == "0" else ONES[int(digit)] for digit in text if digit.isdecimal()]


def read_number(text: str, british: bool = False) -> list[str]:
    """Read a number as it is written: with separators of thousands, with decimals, of any length."""
    whole, point, decimals = text.partition(".")
    whole = "".join(digit for digit in whole if digit.isdecimal())
    words = ["point", *read_digits(decimals)] if point else []
    return [*read_whole(whole, british), *words] if whole else words


def read_whole(digits: str, british: bool = False) -> list[str]:
    """Read digits as a cardinal, or one by one where no cardinal is written so: 007, or longer than LONGEST."""
    if len(digits) > LONGEST or (digits[0] == "0" and len(digits) > 1):
        return read_digits(digits)
    return read_cardinal(int(digits), british)


def read_year(year: int, british: bool = False) -> list[str]:
    """Read a year: by its century and the rest, 1905 as "nineteen oh five", but 2005 as "two thousand five"."""
    century, rest = divmod(year, 100)
    if year < 1000 or (century % 10 == 0 and rest < 10):
        return read_cardinal(year, british)
    if rest == 0:
        return [*read_below_hundred(century), "hundred"]
    return [*read_below_hundred(century), *(["oh"] if rest < 10 else []), *read_below_hundred(rest)]


def read_as_name(digits: str) -> list[str]:
    """Read a number that names a thing (Boeing 747, Room 101): by its last two digits and what is before them."""
    if len(digits) > 4 or digits[0] == "0":
        return read_digits(digits)
    head, tail = digits[:-2], digits[-2:]
    if not head:
        return read_below_hundred(int(tail))
    if tail == "00":
        return [*read_below_hundred(int(head)), "hundred"] if int(head) % 10 else [ONES[int(head) // 10], "thousand"]
    return [*read_below_hundred(int(head)), *(["oh"] if tail[0] == "0" else []), *read_below_hundred(int(tail))]
