"""Units: their names, and the words around a quantity that tell how it is said."""

from __future__ import annotations

from typing import NamedTuple

from stages.text.rules import list_words


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
    "ly": Unit("light year", "light years"),
    "mi": Unit("mile", "miles"),
    "″": Unit("inch", "inches"),
    "”": Unit("inch", "inches"),
    '"': Unit("inch", "inches"),
    # area and volume
    "m²": Unit("square meter", "square meters"),
    "m2": Unit("square meter", "square meters"),
    "km²": Unit("square kilometer", "square kilometers"),
    "km2": Unit("square kilometer", "square kilometers"),
    "cm²": Unit("square centimeter", "square centimeters"),
    "ft²": Unit("square foot", "square feet"),
    "m³": Unit("cubic meter", "cubic meters"),
    "m3": Unit("cubic meter", "cubic meters"),
    "km³": Unit("cubic kilometer", "cubic kilometers"),
    "mi²": Unit("square mile", "square miles"),
    "ft³": Unit("cubic foot", "cubic feet"),
    "in³": Unit("cubic inch", "cubic inches"),
    "cm³": Unit("cubic centimeter", "cubic centimeters"),
    "cc": Unit("cubic centimeter", "cubic centimeters"),
    "ha": Unit("hectare", "hectares"),
    "l": Unit("liter", "liters"),
    "L": Unit("liter", "liters"),
    "dl": Unit("deciliter", "deciliters"),
    "cl": Unit("centiliter", "centiliters"),
    "ml": Unit("milliliter", "milliliters"),
    "mL": Unit("milliliter", "milliliters"),
    "µL": Unit("microliter", "microliters"),
    "µl": Unit("microliter", "microliters"),
    "gal": Unit("gallon", "gallons"),
    "pt.": Unit("pint", "pints"),
    "c.": Unit("cup", "cups"),
    "qt": Unit("quart", "quarts"),
    "tsp": Unit("teaspoon", "teaspoons"),
    "tbsp": Unit("tablespoon", "tablespoons"),
    "pkg": Unit("package", "packages"),
    "pkgs": Unit("package", "packages"),
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
    "mol": Unit("mole", "moles"),
    "µmol": Unit("micromole", "micromoles"),
    "nmol": Unit("nanomole", "nanomoles"),
    "mmol": Unit("millimole", "millimoles"),
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
    "mo": Unit("month", "months", gap=False),
    "mos": Unit("month", "months"),
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
    "m/s^2": Unit("meter per second squared", "meters per second squared"),
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
    "eV": Unit("electron volt", "electron volts"),
    "keV": Unit("kiloelectron volt", "kiloelectron volts"),
    "MeV": Unit("megaelectron volt", "megaelectron volts"),
    "GeV": Unit("gigaelectron volt", "gigaelectron volts"),
    "N": Unit("newton", "newtons", gap=False),
    "kN": Unit("kilonewton", "kilonewtons"),
    "Nm": Unit("newton meter", "newton meters"),
    "lm": Unit("lumen", "lumens"),
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
    "mbps": Unit("megabit per second", "megabits per second"),
    "Mbps": Unit("megabit per second", "megabits per second"),
    "Gbps": Unit("gigabit per second", "gigabits per second"),
    "px": Unit("pixel", "pixels"),
    "MP": Unit("megapixel", "megapixels"),
    "dpi": Unit("DPI", "DPI"),
    "ppm": Unit("part per million", "parts per million"),
    "ppb": Unit("part per billion", "parts per billion"),
    "kb": Unit("kilobase", "kilobases"),
    "kbp": Unit("kilobase pair", "kilobase pairs"),
    # shares
    "%": Unit("percent", "percent"),
    "‰": Unit("per mille", "per mille"),
    "pc": Unit("percent", "percent", gap=False),
    "pp": Unit("percentage point", "percentage points", gap=False),
    "bp": Unit("basis point", "basis points"),
    "bps": Unit("basis point", "basis points"),
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
    "resolution baking loaf square round springform pie casserole fuse plug socket adapter adaptor "
    "pan camera battery screen display monitor TV tv telly laptop tablet race "
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
    "item": "item", "ea": "each", "mL": "milliliter", "dL": "deciliter", "dl": "deciliter", "bbl": "barrel",
    "acre": "acre",
    "ha.": "hectare", "ton": "ton", "t": "ton", "gallon": "gallon", "liter": "liter",
    "serving": "serving", "page": "page",
    "room": "room", "line": "line", "cap": "capita", "capita": "capita", "foot": "foot",
    "ft": "foot", "yard": "yard", "yd": "yard",
    "pound": "pound", "ounce": "ounce", "second": "second", "minute": "minute", "call": "call",
    "order": "order", "ticket": "ticket", "dose": "dose",
    "piece": "piece", "unit": "unit", "user": "user", "share": "share", "barrel": "barrel",
    "kWh": "kilowatt hour", "MWh": "megawatt hour", "game": "game", "student": "student", "head": "head",
}  # fmt: skip
# Before the abbreviation of a length -> the kind of unit it makes (sq ft)
POWERS = {"sq": "square", "cu": "cubic"}
# American spelling -> British spelling, where the lexicons differ.
BRITISH_SPELLING = {"meter": "metre", "liter": "litre", "ton": "tonne"}
