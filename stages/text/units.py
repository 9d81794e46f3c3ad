"""Reads quantities with units aloud: lengths, weights, temperatures, sizes of data, percentages."""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.text.numbers import read_number
from stages.text.rules import END, GAP, NUMBER, Context, Rule, Words, list_words


class Unit(NamedTuple):
    """A unit: its name in the singular and the plural, and whether a space may stand between number and unit."""

    one: str
    many: str
    gap: bool = True


# abbreviation -> singular, plural, whether "5 xx" with a space is a quantity too
UNITS = {
    # length
    "mm": Unit("millimeter", "millimeters"),
    "cm": Unit("centimeter", "centimeters"),
    "m": Unit("meter", "meters"),
    "km": Unit("kilometer", "kilometers"),
    "nm": Unit("nanometer", "nanometers"),
    "µm": Unit("micrometer", "micrometers"),
    "in": Unit("inch", "inches", gap=False),
    "in.": Unit("inch", "inches"),
    "ft": Unit("foot", "feet"),
    "yd": Unit("yard", "yards"),
    "yds": Unit("yard", "yards"),
    "mi": Unit("mile", "miles"),
    "″": Unit("inch", "inches"),
    # area and volume
    "m²": Unit("square meter", "square meters"),
    "m2": Unit("square meter", "square meters"),
    "km²": Unit("square kilometer", "square kilometers"),
    "km2": Unit("square kilometer", "square kilometers"),
    "cm²": Unit("square centimeter", "square centimeters"),
    "ft²": Unit("square foot", "square feet"),
    "m³": Unit("cubic meter", "cubic meters"),
    "m3": Unit("cubic meter", "cubic meters"),
    "cm³": Unit("cubic centimeter", "cubic centimeters"),
    "cc": Unit("cubic centimeter", "cubic centimeters"),
    "ha": Unit("hectare", "hectares"),
    "l": Unit("liter", "liters"),
    "L": Unit("liter", "liters"),
    "dl": Unit("deciliter", "deciliters"),
    "cl": Unit("centiliter", "centiliters"),
    "ml": Unit("milliliter", "milliliters"),
    "mL": Unit("milliliter", "milliliters"),
    "gal": Unit("gallon", "gallons"),
    "qt": Unit("quart", "quarts"),
    "tsp": Unit("teaspoon", "teaspoons"),
    "tbsp": Unit("tablespoon", "tablespoons"),
    # weight
    "mcg": Unit("microgram", "micrograms"),
    "µg": Unit("microgram", "micrograms"),
    "mg": Unit("milligram", "milligrams"),
    "g": Unit("gram", "grams"),
    "kg": Unit("kilogram", "kilograms"),
    "kgs": Unit("kilogram", "kilograms"),
    "t": Unit("ton", "tons"),
    "oz": Unit("ounce", "ounces"),
    "lb": Unit("pound", "pounds"),
    "lbs": Unit("pound", "pounds"),
    # time
    "ns": Unit("nanosecond", "nanoseconds"),
    "µs": Unit("microsecond", "microseconds"),
    "us": Unit("microsecond", "microseconds", gap=False),
    "ms": Unit("millisecond", "milliseconds"),
    "s": Unit("second", "seconds"),
    "sec": Unit("second", "seconds"),
    "secs": Unit("second", "seconds"),
    "min": Unit("minute", "minutes"),
    "mins": Unit("minute", "minutes"),
    "h": Unit("hour", "hours"),
    "hr": Unit("hour", "hours"),
    "hrs": Unit("hour", "hours"),
    "d": Unit("day", "days", gap=False),
    "wk": Unit("week", "weeks"),
    "wks": Unit("week", "weeks"),
    "yr": Unit("year", "years"),
    "yrs": Unit("year", "years"),
    # speed and rate
    "mph": Unit("mile per hour", "miles per hour"),
    "kph": Unit("kilometer per hour", "kilometers per hour"),
    "km/h": Unit("kilometer per hour", "kilometers per hour"),
    "kmh": Unit("kilometer per hour", "kilometers per hour"),
    "kt": Unit("knot", "knots"),
    "kts": Unit("knot", "knots"),
    "mpg": Unit("mile per gallon", "miles per gallon"),
    "m/s²": Unit("meter per second squared", "meters per second squared"),
    "rpm": Unit("RPM", "RPM"),
    "fps": Unit("frame per second", "frames per second"),
    "bpm": Unit("beat per minute", "beats per minute"),
    # temperature and angle
    "°C": Unit("degree Celsius", "degrees Celsius"),
    "°F": Unit("degree Fahrenheit", "degrees Fahrenheit"),
    "ºC": Unit("degree Celsius", "degrees Celsius"),
    "ºF": Unit("degree Fahrenheit", "degrees Fahrenheit"),
    "℃": Unit("degree Celsius", "degrees Celsius"),
    "℉": Unit("degree Fahrenheit", "degrees Fahrenheit"),
    "C": Unit("degree Celsius", "degrees Celsius", gap=False),
    "F": Unit("degree Fahrenheit", "degrees Fahrenheit", gap=False),
    "°": Unit("degree", "degrees"),
    "º": Unit("degree", "degrees"),
    # electricity, energy, sound, pressure
    "A": Unit("amp", "amps", gap=False),  # only before a noun that it describes
    "V": Unit("volt", "volts"),
    "kV": Unit("kilovolt", "kilovolts"),
    "mA": Unit("milliamp", "milliamps"),
    "mAh": Unit("milliamp hour", "milliamp hours"),
    "Ah": Unit("amp hour", "amp hours"),
    "W": Unit("watt", "watts"),
    "kW": Unit("kilowatt", "kilowatts"),
    "MW": Unit("megawatt", "megawatts"),
    "GW": Unit("gigawatt", "gigawatts"),
    "Wh": Unit("watt hour", "watt hours"),
    "kWh": Unit("kilowatt hour", "kilowatt hours"),
    "MWh": Unit("megawatt hour", "megawatt hours"),
    "GWh": Unit("gigawatt hour", "gigawatt hours"),
    "J": Unit("joule", "joules"),
    "kJ": Unit("kilojoule", "kilojoules"),
    "cal": Unit("calorie", "calories"),
    "kcal": Unit("kilocalorie", "kilocalories"),
    "hp": Unit("horsepower", "horsepower"),
    "Ω": Unit("ohm", "ohms"),
    "Hz": Unit("hertz", "hertz"),
    "kHz": Unit("kilohertz", "kilohertz"),
    "MHz": Unit("megahertz", "megahertz"),
    "GHz": Unit("gigahertz", "gigahertz"),
    "dB": Unit("decibel", "decibels"),
    "Pa": Unit("pascal", "pascals"),
    "kPa": Unit("kilopascal", "kilopascals"),
    "hPa": Unit("hectopascal", "hectopascals"),
    "mbar": Unit("millibar", "millibars"),
    "psi": Unit("PSI", "PSI"),
    # data and pictures
    "kB": Unit("kilobyte", "kilobytes"),
    "KB": Unit("kilobyte", "kilobytes"),
    "MB": Unit("megabyte", "megabytes"),
    "GB": Unit("gigabyte", "gigabytes"),
    "TB": Unit("terabyte", "terabytes"),
    "PB": Unit("petabyte", "petabytes"),
    "KiB": Unit("kibibyte", "kibibytes"),
    "MiB": Unit("mebibyte", "mebibytes"),
    "GiB": Unit("gibibyte", "gibibytes"),
    "kbps": Unit("kilobit per second", "kilobits per second"),
    "Mbps": Unit("megabit per second", "megabits per second"),
    "Gbps": Unit("gigabit per second", "gigabits per second"),
    "px": Unit("pixel", "pixels"),
    "MP": Unit("megapixel", "megapixels"),
    "dpi": Unit("DPI", "DPI"),
    "ppm": Unit("part per million", "parts per million"),
    # shares
    "%": Unit("percent", "percent"),
    "‰": Unit("per mille", "per mille"),
    "pc": Unit("percent", "percent", gap=False),
    "pp": Unit("percentage point", "percentage points", gap=False),
}
# Magnitudes without a currency (10k, 5bn), directly behind the number.
COUNTS = {
    "k": "thousand",
    "K": "thousand",
    "mn": "million",
    "mln": "million",
    "M": "million",
    "bn": "billion",
    "tn": "trillion",
}
# Nouns behind "5m" that make millions of it.
COUNTED_IN_MILLIONS = list_words(
    "residents citizens students pupils patients adults cars vehicles units tourists migrants refugees cases "
    "deaths doses listeners readers fans accounts records rows lines items messages tweets visits clicks streams "
    "sales acres hectares people users customers viewers subscribers followers jobs homes households barrels "
    "tonnes tons copies shares dollars pounds euros downloads views passengers visitors workers children voters "
    "members years"
)
# Nouns that a quantity may describe; it is in the singular before them ("a twenty megapixel camera").
MEASURED_NOUNS = list_words(
    "fuse plug socket adapter adaptor pan camera battery screen display monitor TV tv telly laptop tablet race "
    "run walk hike drive cake tin dish skillet lens engine motor bulb bottle bag pack can box tank cable wall "
    "fence pool ruler disk card charger radius limit zone gun nail board pipe hose rope knife blade telescope"
)
# What stands behind a slash or "per" -> the unit in the singular ($5/mo, 3 kg/day).
PER_UNITS = {
    "s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "hour": "hour", "d": "day",
    "day": "day", "wk": "week", "week": "week", "mo": "month", "mth": "month", "month": "month", "y": "year",
    "yr": "year", "year": "year", "night": "night", "kg": "kilogram", "g": "gram", "lb": "pound", "oz": "ounce",
    "l": "liter", "L": "liter", "gal": "gallon", "mile": "mile", "km": "kilometer", "m": "meter", "m²": "square meter",
    "m2": "square meter", "m³": "cubic meter", "ha": "hectare", "person": "person", "pp": "person", "ml": "milliliter",
    "item": "item", "piece": "piece", "unit": "unit", "user": "user", "share": "share", "barrel": "barrel",
    "kWh": "kilowatt hour", "MWh": "megawatt hour", "game": "game", "student": "student", "head": "head",
}  # fmt: skip
# Before the abbreviation of a length -> the kind of unit it makes (sq ft)
POWERS = {"sq": "square", "cu": "cubic"}
# American spelling -> British spelling, where the lexicons differ.
BRITISH_SPELLING = {"meter": "metre", "liter": "litre", "ton": "tonne"}


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


def _find_unit(written: str) -> Unit | None:
    """The unit that is written so: one of the table, or two of it with a slash between them."""
    if written in UNITS:
        return UNITS[written]
    if len(written) > 1 and written.lower() in UNITS:
        return UNITS[written.lower()]
    kind, name = POWERS.get(written[:2]), written[2:].lstrip(". ")
    if kind and name in UNITS:
        return Unit(f"{kind} {UNITS[name].one}", f"{kind} {UNITS[name].many}")
    first, _, second = written.partition("/")
    if first not in UNITS or second not in PER_UNITS:
        return None
    one, many, gap = UNITS[first]
    return Unit(f"{one} per {PER_UNITS[second]}", f"{many} per {PER_UNITS[second]}", gap)


def _speak_quantity(match: re.Match[str], context: Context) -> Words | None:
    number, written = match["number"], match["unit"].replace("μ", "µ").replace("\u2126", "Ω")
    if written == "in" and match["dot"]:
        written = "in."
    unit = _find_unit(written)
    if unit is None or (match["gap"] and not unit.gap) or context.touches_letter(match.start()):
        return None
    if match["minus"] and not context.allows_minus(match.start()):
        return None
    if match["gap"] == "-" and written in {"in", "a", "s", "d"}:
        return None
    if written == "m" and _counts_minutes(match, context):
        unit = UNITS["min"]
    noun = match["noun"]
    described = (noun or "").removesuffix("s") in MEASURED_NOUNS or context.describes(match.start(), noun)
    if written == "A" and not described:
        return None
    one = number == "1" or match["gap"] == "-" or described
    name = [spell(word, context.british) for word in (unit.one if one else unit.many).split()]
    words = [*read_number(number, context.british), *name]
    return ["minus", *words] if match["minus"] else words


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
    return [*words, *read_number(match["inches"])] if match["inches"] else words


def _speak_arc(match: re.Match[str], context: Context) -> Words | None:
    words = [*read_number(match["degrees"]), "degrees", *read_number(str(int(match["minutes"]))), "minutes"]
    return [*words, *read_number(str(int(match["seconds"]))), "seconds"] if match["seconds"] else words


# name, pattern, reading, example. Tried in this order.
UNIT_RULES = (
    Rule(
        "arc",
        r"(?P<degrees>\d{1,3})[°º] ?(?P<minutes>\d{1,2})['’′] ?(?:(?P<seconds>\d{1,2})(?:\"|″|”))?",
        _speak_arc,
        "40°42′",
    ),
    Rule("height", r"(?P<feet>\d{1,2})['’′] ?(?P<inches>\d{1,2})(?:\"|″|”|''|(?![\w]))", _speak_height, "5'10\""),
    Rule(
        "count",
        rf"(?P<number>{NUMBER})(?P<scale>k|K|mn|mln|M|bn|tn|m){END}(?=[ ](?P<noun>[a-z]{{4,11}})\b)?",
        _speak_count,
        "10k",
    ),
    Rule(
        "quantity",
        rf"(?P<minus>[-−])?(?P<number>{NUMBER}|\.\d{{1,9}})(?P<gap>{GAP}|-)?"
        r"(?P<unit>(?:sq|cu)\.?[ ]?(?:ft|mi|in|yd|km|cm|m)"
        r"|[a-zA-ZµμΩ\u2126%‰°º℃℉″][a-zA-Z0-9]{0,4}[²³]?(?:/[a-zA-Z]{1,7}[²³2]?)?)"
        r"(?![^\W_]|['’][a-z])"
        r"(?P<dot>\.(?=[ \n]{1,2}[a-z(\d]|[,;)]))?"
        r"(?=(?:[ ](?P<noun>[A-Za-z]{2,9})\b)?)",
        _speak_quantity,
        "5 km",
    ),
)
