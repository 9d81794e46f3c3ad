"""Reads telephone numbers and the like aloud: digit by digit, with a pause between the groups."""

from __future__ import annotations

import re

from stages.text.numbers import read_digits, read_number
from stages.text.rules import END, Context, Rule, Words, list_words

# Words before a number that make a telephone number of any groups of digits.
PHONE_WORDS = list_words(
    "tel telephone phone call fax mobile cell dial text ring whatsapp hotline helpline id account sort"
)
DIAL_WORDS = list_words("call dial ring dialed dialled called calling dialing dialling")

# Words before the numbers of CALLED_RULES, which are short or grouped in any way.
CALLING_WORDS = PHONE_WORDS | DIAL_WORDS | {"a", "the", "an", "this", "that", "her", "his", "my", "their"}


def read_groups(text: str, british: bool) -> Words:
    """Read groups of digits: each digit by digit, with a pause before the next."""
    zero = "oh" if british else "zero"
    words: Words = []
    for group in re.findall(r"\d{1,20}", text):
        digits = read_number(group) if group in {"800", "900"} else read_digits(group, zero)
        words += [*([","] if words else []), *digits]
    return words


def _speak_groups(match: re.Match[str], context: Context) -> Words | None:
    if context.touches_word(match.start()):
        return None
    return [*(["plus"] if match[0].startswith("+") else []), *read_groups(match[0], context.british)]


def _speak_international(match: re.Match[str], context: Context) -> Words | None:
    if match[0][1] == " " and context.follows_figure(match.start()):
        return None  # a sum
    return _speak_groups(match, context) if sum(symbol.isdecimal() for symbol in match[0]) >= 8 else None


def _speak_local(match: re.Match[str], context: Context) -> Words | None:
    """A number of seven digits, unless it is a range of round numbers (100-1000)."""
    if context.touches_word(match.start()) or (match["first"].endswith("0") and match["second"].endswith("0")):
        return None
    return read_groups(match[0], context.british)


def _speak_vanity(match: re.Match[str], context: Context) -> Words | None:
    """The beginning of a number whose rest is words."""
    return [*read_groups(match[0], context.british), ","]


def _speak_called(match: re.Match[str], context: Context) -> Words | None:
    before = context.find_label(match.start()).lower()
    return read_groups(match[0], context.british) if before in PHONE_WORDS else None


def _speak_emergency(match: re.Match[str], context: Context) -> Words | None:
    if context.find_before(match.start()).lower() not in DIAL_WORDS and not match["call"]:
        return None
    return read_digits(match[0], "oh" if context.british else "zero")


# name, pattern, reading, example. Tried in this order.
PHONE_RULES = (
    Rule(
        "international",
        r"\+ ?\d{1,3}(?:[ .-]?\(\d{1,5}\)|[ .-]\d{1,12}(?!\d)|(?<=\))\d{1,12}(?!\d)){1,6}(?![\w%])",
        _speak_international,
        "+1 212 555 0199",
    ),
    Rule("international", r"\+\d{9,15}(?!\w)", _speak_international, "+442079460958"),
    Rule(
        "american",
        r"(?:\+?1[ .-])?(?:\(\d{3}\)[ -]?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])",
        _speak_groups,
        "(212) 555-0199",
    ),
    Rule(
        "british", r"(?:\(0\d{2,4}\)|0\d{2,4})[ -]\d{3,7}(?:[ -]\d{3,4}){0,2}(?![\w-])", _speak_groups, "020 7946 0958"
    ),
    Rule("vanity", r"1-8\d\d-(?=[A-Z0-9-]{4,12}\b)", _speak_vanity, "1-800-FLOWERS"),
    Rule("pairs", r"0\d(?:[ .-]\d{2}){4}(?![\w-])", _speak_groups, "06 40 49 49 49"),
    Rule("card", r"\d{4}(?:[ -]\d{4}){3}(?![\w-])", _speak_groups, "4111 1111 1111 1111"),
    Rule("identity", r"\d{3}-\d{2}-\d{4}(?![\w-])", _speak_groups, "078-05-1120"),
    Rule("isbn", r"97[89](?:-\d{1,7}){3}-\d(?![\w-])", _speak_groups, "978-0-306-40615-7"),
    Rule("local", r"(?P<first>\d{3})-(?P<second>\d{4})(?![\w-]|[.,]\d)", _speak_local, "555-0199"),
)
CALLED_RULES = (
    Rule("called", r"\d{2,5}(?:[ .-]\d{2,5}){1,4}(?![\w%:°]|[.,]\d)", _speak_called, "call 5550 1234"),
    Rule(
        "emergency", rf"(?:911|999|112|[2-8]11){END}(?=[ ](?P<call>calls?|operator)\b)?", _speak_emergency, "call 911"
    ),
)
