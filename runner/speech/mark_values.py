"""Reads the values that marks and SSML have in common: lengths of pauses, rates and voices.

    0.5s  500ms  -->  1/2          1.1  -->  11/10          af_heart*0.6+am_adam*0.4  -->  itself

Numbers are fractions, so that sums and products of them are exact. What cannot be read is a ValueError whose message
says what is expected.
"""

from __future__ import annotations

import re
from fractions import Fraction

from runner.errors import WeightsError, printable
from runner.speech.voice_spec import parse_spec

LONGEST_PAUSE_S = 60
LOWEST_RATE, HIGHEST_RATE = Fraction(1, 4), Fraction(4)
NUMBER = r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}"
"""The pattern of a plain number: no sign, no exponent."""
_NUMBER, _LENGTH = re.compile(NUMBER), re.compile(rf"\+?({NUMBER})(ms|s)")
_SHOWN = 40  # characters of a user's text in a message


def read_pause(text: str) -> Fraction:
    """Read the length of a pause [s].

    Raises:
        ValueError: it is no length, or longer than a pause may be.
    """
    match = _LENGTH.fullmatch(text)
    length = Fraction(match[1]) / (1000 if match[2] == "ms" else 1) if match else None
    if length is None or length > LONGEST_PAUSE_S:
        raise ValueError(f"a length from 0s to {LONGEST_PAUSE_S}s, such as 0.5s or 500ms")
    return length


def read_rate(text: str) -> Fraction:
    """Read a factor of the speed.

    Raises:
        ValueError: it is no number, or outside of the limits.
    """
    return check_rate(Fraction(text) if _NUMBER.fullmatch(text) else None)


def check_rate(rate: Fraction | None) -> Fraction:
    """Check that a factor of the speed is inside of the limits.

    Raises:
        ValueError: it is not, or there is none.
    """
    if rate is None or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(f"a number from {float(LOWEST_RATE):g} to {float(HIGHEST_RATE):g}, such as 1.1")
    return rate


def read_voice(text: str) -> str:
    """Read a specification of voices; whether there are such voices is not asked.

    Raises:
        ValueError: it is none.
    """
    try:
        parse_spec(text)
    except WeightsError as error:
        raise ValueError(f"a voice, such as af_heart or af_heart*0.6+am_adam*0.4 ({error})") from None
    return text


def shorten(text: str) -> str:
    """Quote the begin of a user's text for a message."""
    return printable(f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}...'")


def name_place(row: str, offset: int, line: int, *, lines: bool = False) -> str:
    """Name a place in messages: `column 7`; in a row of several lines, or where `lines` says so, `line 2, column 7`.

    Args:
        line: number of the row's first line.
    """
    begin = row.rfind("\n", 0, offset) + 1
    column = f"column {offset - begin + 1}"
    return f"line {line + row.count(chr(10), 0, begin)}, {column}" if lines or "\n" in row else column
