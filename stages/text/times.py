"""Reads times of day and durations aloud."""

from __future__ import annotations

import re

from stages.text.abbreviations import ends_sentence
from stages.text.numbers import read_below_hundred
from stages.text.rules import END, GAP, Context, Rule, Words

# Written behind a time (in small letters, without dots) -> spoken.
HALVES = {"am": "AM", "pm": "PM"}
_HALF = rf"(?:{GAP}?(?P<half>[aApP]\.?[mM](?:\b\.?)))"


def _read_half(match: re.Match[str], context: Context) -> Words:
    """Read "AM" or "PM", and the end of the sentence if the last dot is that too."""
    written = match["half"]
    if not written:
        return []
    ends = written.endswith(".") and ends_sentence(context.text, match.end())
    return [HALVES[written.replace(".", "").lower()], *(["."] if ends else [])]


def _read_minutes(minutes: int) -> Words:
    return [*(["oh"] if minutes < 10 else []), *read_below_hundred(minutes)]


def _speak_time(match: re.Match[str], context: Context) -> Words | None:
    hours, minutes, half = int(match["hours"]), int(match["minutes"]), match["half"]
    behind_date = context.text[match.start() - 1 : match.start()] == "T"
    if hours > 24 or minutes > 59 or (context.touches_letter(match.start()) and not behind_date):
        return None
    words = [*_read_clock(hours, minutes, half), *_read_seconds(match["seconds"]), *_read_half(match, context)]
    return [*words, "UTC"] if match["zulu"] else words


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


def _speak_hour_range(match: re.Match[str], context: Context) -> Words | None:
    hours, last = int(match["hours"]), int(match["last"])
    if hours > 12 or last > 12:
        return None
    return [*read_below_hundred(hours), "to", *read_below_hundred(last), *_read_half(match, context)]


# name, pattern, reading, example. Tried in this order.
TIME_RULES = (
    Rule(
        "time",
        rf"(?P<hours>\d{{1,2}}):(?P<minutes>\d{{2}})(?::(?P<seconds>\d{{2}})(?:[.,]\d{{1,9}})?)?"
        rf"(?:(?P<zulu>Z)\b|(?![\d:]))(?:{_HALF}{END})?",
        _speak_time,
        "10:30",
    ),
    Rule(
        "train",
        r"(?P<hours>\d{1,2})\.(?P<minutes>\d{2})(?P<half>(?!))?(?= (?:train|bus|express|ferry|coach)\b)",
        _speak_hour,
        "the 3.15 train",
    ),
    Rule("hours", rf"(?P<hours>\d{{1,2}})[-–](?P<last>\d{{1,2}}){_HALF}{END}", _speak_hour_range, "9-5pm"),
    Rule("hour", rf"(?P<hours>\d{{1,2}})(?:\.(?P<minutes>\d{{2}}))?{_HALF}{END}", _speak_hour, "7.30pm"),
)
