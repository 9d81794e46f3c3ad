"""Reads fractions, ratios, scores and products of numbers aloud."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from stages.text.dates import DAYS_AND_MONTHS, read_day
from stages.text.numbers import make_plural, read_as_name, read_below_hundred, read_cardinal, read_number, read_ordinal
from stages.text.rules import END, GAP, NUMBER, Context, Rule, Speak, Words, list_words
from stages.text.units import DOTTED_UNITS, UNIT, find_unit, spell

# Denominators that have a name of their own, singular and plural; the others are ordinals.
DENOMINATORS = {2: ("half", "halves"), 4: ("quarter", "quarters"), 100: ("hundredth", "hundredths")}
# Denominators up to 20 and these make fractions; with others "7/365" is "seven over three hundred sixty five".
LARGE_DENOMINATORS = frozenset({32, 64, 100, 1000})
# Figures with a slash that are names of their own -> spoken
FIXED_PAIRS = {
    "24/7": "twenty four seven", "9/11": "nine eleven", "7/7": "seven seven", "50/50": "fifty fifty",
    "20/20": "twenty twenty",
}  # fmt: skip
VULGAR = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
# Two numbers with a hyphen that are no score and no range.
_EVEN = frozenset({"50-50", "50–50", "20-20", "20–20"})


# Words before a number and the number of all (step 3/5), which is "three out of five".
COUNT_WORDS = list_words(
    "step page part retry attempt try test day round level slide question episode rated rating score scored grade "
    "marks task chunk epoch"
)


# What makes a share of a fraction, even behind one of these words.
_SHARE = re.compile(r" (?:of|cups?|inch(?:es)?|miles?|points?|hours?|teaspoons?|tablespoons?)\b")
# Words before two numbers that are a day of the year (due 6/12).
DAY_WORDS = list_words(
    "on by due until ends end starts began begins since before after monday tuesday wednesday thursday friday "
    "saturday sunday"
)


def read_fraction(over: int, under: int, whole: str | None, british: bool = False) -> Words:
    """Read "three quarters", and behind a whole number "two and a half"."""
    one, many = DENOMINATORS.get(under) or (" ".join(read_ordinal(under)), " ".join(make_plural(read_ordinal(under))))
    if whole is None:
        return [*read_cardinal(over), *(one if over == 1 else many).split()]
    part = ["an" if one[0] in "ae" else "a", *one.split()] if over == 1 else [*read_cardinal(over), *many.split()]
    return [*read_number(whole, british), "and", *part]


def _speak_fraction(match: re.Match[str], context: Context) -> Words | None:
    over, under, whole = int(match["over"]), int(match["under"]), match["whole"]
    before = (context.find_label(match.start()) or context.find_before_comma(match.start())).lower()
    pair = f"{match['over']}/{match['under']}"
    if pair in FIXED_PAIRS and not whole:
        return FIXED_PAIRS[pair].split()
    if not whole and over + under == 100 and over % 5 == 0:
        return [*read_below_hundred(over), *read_below_hundred(under)]
    rated = match["stars"] or before in COUNT_WORDS or under in {10, 20} or over == under == 5
    if not whole and _is_day(match, before, context):
        day, month = (over, under) if context.british else (under, over)
        return read_day(day, month, context) if month <= 12 else read_day(month, day, context)
    if not whole and rated:
        return [*read_cardinal(over), "out", "of", *read_cardinal(under)]
    if 0 < over < under and (2 <= under <= 20 or under in LARGE_DENOMINATORS):
        return read_fraction(over, under, whole, context.british)
    if whole:
        return None
    return [*read_cardinal(over, context.british), "over", *read_cardinal(under, context.british)]


def _is_day(match: re.Match[str], before: str, context: Context) -> bool:
    """Whether two numbers are a day of the year: behind a word of DAY_WORDS, or where they are no usual fraction."""
    over, under = int(match["over"]), int(match["under"])
    if not (1 <= min(over, under) <= 12 and max(over, under) <= 31) or max(over, under) < 2:
        return False
    if _SHARE.match(context.text, match.end()):
        return False
    usual = under <= 10 or under in {12, 16, 32, 64}
    return before in DAY_WORDS or (over > 12 if context.british else over <= 12 < under and not usual)


def _add_unit(speak: Speak) -> Speak:
    """Make a reading of a fraction with its unit (2½ km, 1/8"), which is in the plural behind a whole number."""

    def speak_with_unit(match: re.Match[str], context: Context) -> Words | None:
        written = match["unit"] + ("." if match["dot"] and match["unit"] in DOTTED_UNITS else "")
        unit, words = find_unit(written), speak(match, context)
        if written == "t" and not context.british:
            return None  # a teaspoon in recipes
        if (
            unit is None
            or words is None
            or (match["gap"] and not unit.gap)
            or words[0] in DAYS_AND_MONTHS
            or "over" in words
        ):
            return None
        if not match["whole"] and "over" in match.groupdict() and int(match["over"]) >= int(match["under"]):
            return None
        many = match["whole"] and not match["hyphen"] and not context.describes(match.start(), match["noun"])
        return [*words, *(spell(word, context.british) for word in (unit.many if many else unit.one).split())]

    return speak_with_unit


def _speak_rating(match: re.Match[str], context: Context) -> Words | None:
    return [*read_number(match["points"]), "out", "of", *read_number(match["all"])]


def _speak_vulgar(match: re.Match[str], context: Context) -> Words | None:
    value = Fraction(unicodedata.numeric(match["sign"])).limit_denominator(10)
    return read_fraction(value.numerator, value.denominator, match["whole"], context.british)


def _speak_ratio(match: re.Match[str], context: Context) -> Words | None:
    if context.touches_word(match.start()):
        return None
    return [*read_number(match["first"], context.british), "to", *read_number(match["second"], context.british)]


def _speak_series(match: re.Match[str], context: Context) -> Words | None:
    words: Words = []
    numbers = re.split("[-–]", match[0])
    if len(numbers) == 2 and match[0] not in _EVEN:
        return None
    for number in numbers:
        words += read_below_hundred(int(number))
    return words


def _speak_product(match: re.Match[str], context: Context) -> Words | None:
    """A factor and its sign: "four by" of the size of a thing, and with spaces around the sign "three times"."""
    factor = match["factor"]
    words = read_as_name(factor) if len(factor) == 4 and factor.isdecimal() else read_number(factor, context.british)
    return [*words, "times" if match["power"] or "*" in match["sign"] or match["sign"] == " × " else "by"]


def _speak_power(match: re.Match[str], context: Context) -> Words | None:
    exponent = unicodedata.normalize("NFKC", match["exponent"]).replace("−", "-")
    return [*read_number(match["base"], context.british), *read_power(exponent)]


def _speak_power_of_unit(match: re.Match[str], context: Context) -> Words | None:
    unit, words = find_unit(match["unit"]), _speak_power(match, context)
    if unit is None or words is None or not unit.gap:
        return None
    return [*words, *(spell(word, context.british) for word in unit.many.split())]


def read_power(exponent: str) -> Words:
    """Read an exponent: "squared", "cubed", "to the power of minus five"."""
    if exponent in {"2", "3"}:
        return ["squared" if exponent == "2" else "cubed"]
    minus = ["minus"] if exponent.startswith("-") else []
    return ["to", "the", "power", "of", *minus, *read_number(exponent.lstrip("+-").lstrip("0") or "0")]


def _speak_scientific(match: re.Match[str], context: Context) -> Words | None:
    if context.touches_word(match.start()):
        return None
    return [*read_number(match["number"]), "times", "ten", *read_power(match["exponent"])]


_FRACTION = r"(?:(?P<whole>\d{1,4})(?:[ -]| and ))?(?P<over>\d{1,4})[/⁄](?P<under>\d{1,4})"
_VULGAR = rf"(?P<whole>\d{{1,9}})?{GAP}?(?P<sign>[{VULGAR}])"
_UNIT_BEHIND = (
    rf"(?P<gap>{GAP}|-)?(?P<unit>[\"″”]|{UNIT})(?![^\W_]|['’][a-z]|\.[A-Za-z])"
    r"(?P<dot>\.(?=[ \n]{1,2}[a-z(\d]|[,;)]))?(?P<hyphen>(?=-))?(?=(?:[ ](?P<noun>[A-Za-z]{2,9})\b)?)"
)
_POWER = rf"(?P<base>{NUMBER})(?:\^|\*\*)?(?P<exponent>(?:(?<=[\^*])-?\d{{1,3}}|[⁻⁺]?[⁰¹²³⁴-⁹]{{1,3}}))"
# name, pattern, reading, example. Tried in this order.
FRACTION_RULES = (
    Rule("rating", r"(?P<points>\d{1,2}\.\d)/(?P<all>5|10)(?![\w/]|[.,]\d)", _speak_rating, "4.7/5"),
    Rule("ratio", r"(?P<first>\d{1,4}):(?P<second>\d{1,6})(?![\w:]|[.,]\d)", _speak_ratio, "3:1"),
    Rule("fraction of a unit", rf"{_FRACTION}(?P<stars>(?!))?{_UNIT_BEHIND}", _add_unit(_speak_fraction), '1/8"'),
    Rule("fraction", rf"{_FRACTION}(?![\w/]|[.,]\d)(?=(?P<stars> stars?\b)?)", _speak_fraction, "3/4"),
    Rule("vulgar of a unit", rf"{_VULGAR}{_UNIT_BEHIND}", _add_unit(_speak_vulgar), "2½ km"),
    Rule("vulgar", _VULGAR, _speak_vulgar, "2½"),
    Rule("series", r"\d{1,2}(?:[-–]\d{1,2}){1,6}(?![\w-])", _speak_series, "4-4-2"),
    Rule(
        "product",
        rf"(?P<factor>(?:\d{{1,3}},\d{{3}}|\d{{1,5}})(?:\.\d{{1,3}})?)(?P<sign>{GAP}?[xX×*]{GAP}?)(?=(?P<power>10[\^⁰-⁹²³])?\d)",
        _speak_product,
        "4x4",
    ),
    Rule(
        "scientific", rf"(?P<number>\d(?:\.\d{{1,9}})?)[eE](?P<exponent>[+-]?\d{{1,3}}){END}", _speak_scientific, "1e-5"
    ),
    Rule(
        "power",
        rf"{_POWER}{END}[ \u00a0](?P<unit>{UNIT}){END}",
        _speak_power_of_unit,
        "10⁸ m/s",
    ),
    Rule("power", rf"{_POWER}{END}", _speak_power, "10²³"),
)
