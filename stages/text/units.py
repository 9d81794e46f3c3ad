"""Reads quantities with units aloud: lengths, weights, temperatures, sizes of data, percentages."""

from __future__ import annotations

import re

from stages.text.abbreviations import ends_sentence
from stages.text.numbers import read_below_hundred, read_number
from stages.text.rules import END, GAP, NUMBER, Context, Rule, Words
from stages.text.unit_table import (
    BRITISH_SPELLING,
    COUNTED_IN_MILLIONS,
    COUNTS,
    MEASURED_NOUNS,
    PER_UNITS,
    POWERS,
    UNITS,
    Unit,
)

# Units that are none without their dot, because they are words or letters too.
DOTTED_UNITS = frozenset({"in", "pt", "c"})
# A dot in a sentence behind a capital: the letter is an initial, or a point of the compass (12 W. Pine St.).
_INITIAL = re.compile(r"\.[ ]")
# Parts of an inch behind whole ones -> spoken
_PARTS = {"½": "and a half", "¼": "and a quarter", "¾": "and three quarters"}
_SECONDS = re.compile(r" ?\d{1,2}(?:\.\d{1,3})?s\b")


def spell(word: str, british: bool) -> str:
    """Spell the name of a unit as the language does."""
    if not british:
        return word
    stem, plural = (word[:-1], "s") if word.endswith("s") else (word, "")
    for american, other in BRITISH_SPELLING.items():
        if stem == american or (american != "ton" and stem.endswith(american)):
            return stem[: -len(american)] + other + plural
    return word


def find_unit(written: str) -> Unit | None:
    """The unit that is written so: one of the table, or two of it with a slash between them."""
    if written[:1] in {"°", "º"}:
        written = written.replace(" ", "").replace("\u00a0", "")
    if written in UNITS:
        return UNITS[written]
    if len(written) > 1 and (written.isupper() or written[1:].islower()) and written.lower() in UNITS:
        return UNITS[written.lower()]
    kind, name = POWERS.get(written[:2]), written[2:].lstrip(". ")
    if kind and name in UNITS:
        return Unit(f"{kind} {UNITS[name].one}", f"{kind} {UNITS[name].many}")
    first, *others = written.split("/")
    if first not in UNITS or not others or any(each not in PER_UNITS for each in others):
        return None
    one, many, gap = UNITS[first]
    per = "".join(f" per {PER_UNITS[each]}" for each in others)
    return Unit(one + per, many + per, gap)


def _speak_quantity(match: re.Match[str], context: Context) -> Words | None:
    number, written = match["number"], match["unit"].replace("μ", "µ").replace("\u2126", "Ω")
    if match["dot"] and written in DOTTED_UNITS:
        written += "."
    unit = find_unit(written)
    if unit is None or (match["gap"] and not unit.gap) or context.touches_letter(match.start()):
        return None
    if match["minus"] and not context.allows_minus(match.start()):
        return None
    if match["gap"] == "-" and written in {"in", "a", "s", "d"}:
        return None
    if match["gap"] and written.isupper() and len(written) == 1 and _is_initial(context.text, match.end("unit")):
        return None
    if written == "m" and _counts_minutes(match, context):
        unit = UNITS["min"]
    noun = match["noun"]
    described = (noun or "").removesuffix("s") in MEASURED_NOUNS or context.describes(match.start(), noun)
    if written == "t" and match["gap"] and not context.british:
        return None  # a teaspoon in recipes
    if written == "A" and not described:
        return None
    one = (number == "1" and not match["scale"]) or match["gap"] == "-" or described
    name = [spell(word, context.british) for word in (unit.one if one else unit.many).split()]
    words = [*read_count(number, context.british), *([match["scale"]] if match["scale"] else []), *name]
    return ["minus", *words] if match["minus"] else words


def _is_initial(text: str, end: int) -> bool:
    return _INITIAL.match(text, end) is not None and not ends_sentence(text, end + 1)


def read_count(number: str, british: bool) -> Words:
    """Read a number of things: "fifteen hundred" where it is written 1500."""
    hundreds, zeros = number[:2], number[2:]
    if len(number) == 4 and zeros == "00" and hundreds.isdecimal() and hundreds[1] != "0" and hundreds < "30":
        return [*read_below_hundred(int(hundreds)), "hundred"]
    return read_number(number, british)


def _counts_minutes(match: re.Match[str], context: Context) -> bool:
    """Whether m is for minutes: seconds follow, or hours are before (2h 15m)."""
    before = context.find_before(match.start()).lower()
    return before in {"hour", "hours"} or _SECONDS.match(context.text, match.end()) is not None


def _speak_count(match: re.Match[str], context: Context) -> Words | None:
    if context.touches_letter(match.start()) or (match["scale"] == "K" and len(match["number"]) == 1):
        return None  # 4K is said as it is written
    many = match["noun"] in COUNTED_IN_MILLIONS or ("." in match["number"] and (match["noun"] or "").endswith("s"))
    if match["scale"] == "m" and not many:
        return None
    return [*read_number(match["number"], context.british), COUNTS.get(match["scale"], "million")]


def _speak_height(match: re.Match[str], context: Context) -> Words | None:
    words = [*read_number(match["feet"]), "foot"]
    part = _PARTS[match["part"]].split() if match["part"] else []
    return [*words, *read_number(match["inches"]), *part]


def _speak_times(match: re.Match[str], context: Context) -> Words | None:
    """How often, or by what factor."""
    return None if context.touches_word(match.start()) else [*read_number(match["number"]), "times"]


def _speak_feet(match: re.Match[str], context: Context) -> Words | None:
    """Feet without inches, where a size is written: 5' x 3'."""
    behind = context.tokens and context.tokens[-1].text == "by"
    if not (behind or match["size"] or match[0].endswith("′")):
        return None
    return [*read_number(match["feet"]), "foot" if match["feet"] == "1" else "feet"]


def _speak_arc(match: re.Match[str], context: Context) -> Words | None:
    words = [*read_number(match["degrees"]), "degrees", *read_number(str(int(match["minutes"]))), "minutes"]
    return [*words, *read_number(str(int(match["seconds"]))), "seconds"] if match["seconds"] else words


def find_rate(text: str, start: int) -> tuple[Words, int] | None:
    """The words of a unit with a rate and no number before it (mg/day), and its end."""
    match = _RATE.match(text, start)
    unit = find_unit(match[0].replace("μ", "µ")) if match else None
    return (unit.many.split(), match.end()) if match and unit else None


_RATE = re.compile(
    r"(?:[mkµμn]?g|[kcm]?m|[mµμdk]?[lL]|[mµμn]?mol|[KMGT]B|cal|kcal|ng|pg)(?:/[a-zA-Z]{1,7}){1,2}(?![\w/])"
)
UNIT = (
    r"[°º][ \u00a0]?[CF](?![^\W_])|(?:sq|cu)\.?[ ]?(?:ft|mi|in|yd|km|cm|m)"
    r"|[a-zA-ZµμΩ\u2126%‰°º℃℉″][a-zA-Z0-9]{0,4}[²³]?(?:/[a-zA-Z]{1,7}(?:[²³2]|\^2)?){0,2}"
)
# name, pattern, reading, example. Tried in this order.
UNIT_RULES = (
    Rule(
        "arc",
        r"(?P<degrees>\d{1,3})[°º] ?(?P<minutes>\d{1,2})['’′] ?(?:(?P<seconds>\d{1,2})(?:\"|″|”))?",
        _speak_arc,
        "40°42′",
    ),
    Rule(
        "height",
        r"(?P<feet>\d{1,2})['’′] ?(?P<inches>\d{1,2})(?P<part>[½¼¾])?(?:\"|″|”|''|(?![\w]))",
        _speak_height,
        "5'10\"",
    ),
    Rule(
        "times",
        r"(?P<number>\d{1,4}(?:\.\d{1,2})?)x(?=/| (?:a|per|as|daily|weekly|faster|slower|more|less|the|zoom)\b)",
        _speak_times,
        "2x a day",
    ),
    Rule(
        "feet",
        r"(?P<feet>\d{1,3})(?:′|['’](?!\w))(?=(?P<size> ?[x×]| (?:by|tall|long|high|wide|deep)\b)?)",
        _speak_feet,
        "a 3' board",
    ),
    Rule(
        "count",
        rf"(?P<number>{NUMBER})(?P<scale>k|K|mn|mln|M|bn|tn|m){END}(?=[ ](?P<noun>[a-z]{{4,11}})\b)?",
        _speak_count,
        "10k",
    ),
    Rule(
        "quantity",
        rf"(?P<minus>[-−])?(?P<number>{NUMBER}|\.\d{{1,9}})"
        rf"(?: (?P<scale>thousand|million|billion|trillion))?(?P<gap>{GAP}|-)?"
        rf"(?P<unit>{UNIT})"
        r"(?![^\W_]|['’][a-z]|\.[A-Za-z])"
        r"(?P<dot>\.(?=[ \n]{1,2}[a-z(\d]|[,;)]))?"
        r"(?=(?:[ ](?P<noun>[A-Za-z][A-Za-z0-9]{1,8})\b)?)",
        _speak_quantity,
        "5 km",
    ),
)
