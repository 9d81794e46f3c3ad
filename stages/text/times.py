"""Reads times of day and durations aloud."""

from __future__ import annotations

import re

from stages.text.abbreviations import ends_sentence
from stages.text.dates import DAYS_AND_MONTHS, SHORT_NAMES
from stages.text.numbers import read_below_hundred
from stages.text.rules import END, GAP, Context, Rule, Words, list_words

_CAPITAL = re.compile(r"\s{1,3}([A-Z][a-z]{1,20})\b")
_ZONES = list_words("Eastern Central Mountain Pacific Greenwich Local London Paris Beijing Moscow Tokyo")
# Written behind a time (in small letters, without dots) -> spoken.
HALVES = {"am": "AM", "pm": "PM"}
_HALF = rf"(?:{GAP}?(?P<half>[aApP]\.?[mM](?:\b\.?)))"


def _read_half(match: re.Match[str], context: Context) -> Words:
    """Read "AM" or "PM", and the end of the sentence if the last dot is that too."""
    written = match["half"]
    if not written:
        return []
    ends = written.endswith(".") and (ends_sentence(context.text, match.end()) or _begins_sentence(match, context))
    return [HALVES[written.replace(".", "").lower()], *(["."] if ends else [])]


def _begins_sentence(match: re.Match[str], context: Context) -> bool:
    """Whether a word with a capital follows "p.m." that is no day and no zone (2 p.m. Saturday, 2 p.m. EST)."""
    word = _CAPITAL.match(context.text, match.end())
    return word is not None and word[1] not in DAYS_AND_MONTHS and word[1] not in SHORT_NAMES and word[1] not in _ZONES


def _read_minutes(minutes: int) -> Words:
    return [*(["oh"] if minutes < 10 else []), *read_below_hundred(minutes)]


def _speak_time(match: re.Match[str], context: Context) -> Words | None:
    hours, minutes, half = int(match["hours"]), int(match["minutes"]), match["half"]
    behind_date = context.text[match.start() - 1 : match.start()] == "T"
    if hours > 24 or minutes > 59 or (context.touches_letter(match.start()) and not behind_date):
        return None
    words = [*_read_clock(hours, minutes, half), *_read_seconds(match["seconds"]), *_read_half(match, context)]
    if match["offset"] and behind_date:
        return [*words, *_read_offset(match["offset"])]
    return [*words, "UTC"] if match["zulu"] else words


def _read_offset(offset: str) -> Words:
    """Read how far the clock of a place is from that of Greenwich."""
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if not hours and not minutes:
        return ["UTC"]
    sign = "plus" if offset[0] == "+" else "minus"
    return ["UTC", sign, *read_below_hundred(hours), *(_read_minutes(minutes) if minutes else [])]


def _read_clock(hours: int, minutes: int, half: str | None) -> Words:
    """Read "ten thirty", "ten o'clock", and in the afternoon of 24 hours "fourteen hundred"."""
    if minutes:
        return [*read_below_hundred(hours), *_read_minutes(minutes)]
    if half:
        return read_below_hundred(hours)
    if hours in {0, 24}:
        return ["midnight"]
    return [*read_below_hundred(hours), "o'clock" if hours <= 12 else "hundred"]


def _read_seconds(seconds: str | None) -> Words:
    if not seconds or not int(seconds):
        return []
    return ["and", *read_below_hundred(int(seconds)), "second" if int(seconds) == 1 else "seconds"]


def _speak_hour(match: re.Match[str], context: Context) -> Words | None:
    """An hour, or an hour and minutes with a dot, which are times only beside am or pm."""
    hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
    if hours > 12 or minutes > 59:
        return None
    words = [*read_below_hundred(hours), *(_read_minutes(minutes) if minutes else [])]
    return [*words, *_read_half(match, context)]


def _speak_train(match: re.Match[str], context: Context) -> Words | None:
    """An hour and minutes with a dot, which are a time before a train, or behind another time and a dash."""
    ranged = _RANGED.search(context.text[max(0, match.start() - 8) : match.start()])
    if int(match["hours"]) > 24 or not (match["sure"] or ranged):
        return None
    return _read_clock(int(match["hours"]), int(match["minutes"]), None)


def _speak_military(match: re.Match[str], context: Context) -> Words | None:
    """Four digits before a zone."""
    if context.touches_word(match.start()):
        return None
    return _read_clock(int(match["hours"]), int(match["minutes"]), None)


def _speak_hour_range(match: re.Match[str], context: Context) -> Words | None:
    hours, last = int(match["hours"]), int(match["last"])
    if hours > 12 or last > 12:
        return None
    return [*read_below_hundred(hours), "to", *read_below_hundred(last), *_read_half(match, context)]


_RANGED = re.compile(r"\d:\d\d ?[-–] ?\Z")
# name, pattern, reading, example. Tried in this order.
TIME_RULES = (
    Rule(
        "time",
        rf"(?P<hours>\d{{1,2}}):(?P<minutes>\d{{2}})(?::(?P<seconds>\d{{2}})(?:[.,]\d{{1,9}})?)?"
        rf"(?:(?P<zulu>Z)\b|(?<=:\d\d:\d\d)(?P<offset>[+−-]\d\d:\d\d)(?!\d)|(?![\d:]))(?:{_HALF}{END})?",
        _speak_time,
        "10:30",
    ),
    Rule(
        "train",
        r"(?P<hours>\d{1,2})\.(?P<minutes>[0-5]\d)(?![\d.])"
        r"(?=(?P<sure> (?:train|bus|express|ferry|coach)\b| (?:to|from) [A-Z]|:\s)?)",
        _speak_train,
        "the 3.15 train",
    ),
    Rule(
        "military",
        r"(?P<hours>[01]\d|2[0-3])(?P<minutes>[0-5]\d)(?= (?:GMT|UTC|BST|CET|CEST|E[SD]T|C[SD]T|M[SD]T|P[SD]T|hrs)\b)",
        _speak_military,
        "1034 GMT",
    ),
    Rule("hours", rf"(?P<hours>\d{{1,2}})[-–](?P<last>\d{{1,2}}){_HALF}{END}", _speak_hour_range, "9-5pm"),
    Rule("hour", rf"(?P<hours>\d{{1,2}})(?:\.(?P<minutes>\d{{2}}))?{_HALF}{END}", _speak_hour, "7.30pm"),
)
