"""Reads figures that have a way of writing of their own: verses, moves of chess, sections of laws, house numbers."""

from __future__ import annotations

import re

from stages.text.numbers import read_as_name, read_cardinal, read_number
from stages.text.rules import END, GAP, Context, Rule, Words, list_words

# Books of the Bible: abbreviation -> name, before a chapter and a verse, with a dot or without one.
BOOKS = {
    "Gen": "Genesis", "Exod": "Exodus", "Lev": "Leviticus", "Deut": "Deuteronomy", "Josh": "Joshua",
    "Chron": "Chronicles", "Chr": "Chronicles", "Neh": "Nehemiah", "Ps": "Psalm", "Pss": "Psalms", "Prov": "Proverbs",
    "Eccl": "Ecclesiastes", "Isa": "Isaiah", "Jer": "Jeremiah", "Ezek": "Ezekiel", "Zech": "Zechariah",
    "Rom": "Romans", "Cor": "Corinthians", "Eph": "Ephesians", "Thess": "Thessalonians", "Heb": "Hebrews",
    "Rev": "Revelation",
}  # fmt: skip
# Those that are the names of people too, or words: they need their dot.
DOTTED_BOOKS = {
    "Ex": "Exodus", "Num": "Numbers", "Judg": "Judges", "Sam": "Samuel", "Dan": "Daniel", "Hos": "Hosea",
    "Mic": "Micah", "Mal": "Malachi", "Matt": "Matthew", "Mt": "Matthew", "Mk": "Mark", "Lk": "Luke", "Jn": "John",
    "Gal": "Galatians", "Phil": "Philippians", "Col": "Colossians", "Tim": "Timothy", "Jas": "James", "Pet": "Peter",
}  # fmt: skip
_NAMES = frozenset({*BOOKS.values(), *DOTTED_BOOKS.values()}) | list_words(
    "Ruth Kings Ezra Esther Job Psalm Psalms Song Lamentations Joel Amos Obadiah Jonah Nahum Habakkuk Zephaniah "
    "Haggai Acts Titus Philemon Jude Ecclesiasticus Wisdom Maccabees Tobit Surah Sura Quran"
)
# Pieces of chess, by the letter that stands for them.
PIECES = {"K": "king", "Q": "queen", "R": "rook", "B": "bishop", "N": "knight"}
# What is behind a move.
_SIGNS = {"x": "takes", "+": "check", "#": "mate", "=": "equals"}
# Words before a decimal fraction that is said as one number: batting three twelve.
_AVERAGE_WORDS = list_words("batting hitting hit hits average averaging slugging bats batted")
# Words behind the name of a street.
_STREETS = (
    "Street|St|Avenue|Ave|Boulevard|Blvd|Road|Rd|Drive|Dr|Lane|Ln|Court|Ct|Place|Pl|Square|Sq|Highway|Hwy|Parkway|Pkwy"
    "|Terrace|Way|Circle|Cir|Broadway|Expressway|Expy|Freeway|Fwy|Turnpike|Pike|Trail|Loop|Alley|Crescent|Row"
)


def _speak_verse(match: re.Match[str], context: Context) -> Words | None:
    if context.find_before(match.start()) not in _NAMES:
        return None
    words = [*read_as_name(match["chapter"]), *read_as_name(match["verse"])]
    return [*words, "to", *read_as_name(match["last"])] if match["last"] else words


def _speak_move(match: re.Match[str], context: Context) -> Words | None:
    """A move of chess: a piece or a pawn, and the square that it goes to."""
    if context.touches_word(match.start()):
        return None
    words: Words = []
    for symbol in match[0]:
        if symbol.isdecimal():
            words += read_cardinal(int(symbol))
        else:
            words.append(PIECES.get(symbol) or _SIGNS.get(symbol) or symbol.upper())
    return words


def _speak_section(match: re.Match[str], context: Context) -> Words | None:
    """A section of a law with its paragraphs: 401(k), 12(b)(6)."""
    if context.touches_word(match.start()):
        return None
    words = read_as_name(match["section"])
    for part in re.findall(r"\((\w{1,4})\)", match["paragraphs"]):
        words += read_as_name(part) if part.isdecimal() else [part.upper()]
    return words


def _speak_house(match: re.Match[str], context: Context) -> Words | None:
    return None if context.touches_word(match.start()) else read_as_name(match[0])


def _speak_ratio(match: re.Match[str], context: Context) -> Words | None:
    """A ratio whose second number looks like the minutes of a time; its noun is behind it."""
    return [*read_number(match["first"], context.british), "to", *read_number(match["second"], context.british)]


def _speak_average(match: re.Match[str], context: Context) -> Words | None:
    return read_as_name(match["digits"]) if context.find_before(match.start()).lower() in _AVERAGE_WORDS else None


def _speak_stones(match: re.Match[str], context: Context) -> Words | None:
    """A weight in stones: the letters behind it are no ending of an ordinal (11st, 12st)."""
    number = int(match["number"])
    if number % 10 == 1 and number != 11:
        return None
    pounds = [*read_cardinal(int(match["pounds"])), "pounds"] if match["pounds"] else []
    return [*read_cardinal(number), "stone", *pounds]


# name, pattern, reading, example. Tried in this order.
NOTATION_RULES = (
    Rule(
        "verse",
        r"(?P<chapter>\d{1,3})[:.](?P<verse>\d{1,3})(?:[-–](?P<last>\d{1,3}))?(?![\w:]|[.,]\d|[ ]?[ap]\.?m)",
        _speak_verse,
        "Matthew 5:3–12",
    ),
    Rule(
        "move",
        r"(?:[KQRBN][a-h]?[1-8]?x?[a-h][1-8]|[a-h]x[a-h][1-8](?:=[QRBN])?|(?<=\d\.)[a-h][1-8])[+#]?(?![\w/-])",
        _speak_move,
        "Nf3",
    ),
    Rule(
        "section",
        r"(?P<section>\d{1,4})(?P<paragraphs>\([a-zA-Z]\)(?:\([0-9a-zA-Z]{1,4}\)){0,4})(?!\w)",
        _speak_section,
        "401(k)",
    ),
    Rule(
        "house",
        rf"\d{{3,4}}(?={GAP}(?:[NSEW]{{1,2}}\.?{GAP})?(?:[A-Z][\w'’]{{0,20}}\.?{GAP}){{1,3}}(?:{_STREETS})\b)",
        _speak_house,
        "2310 W. Pine Blvd.",
    ),
    Rule(
        "house",
        rf"\d{{3,4}}(?={GAP}(?:[NSEW]{{1,2}}\.?{GAP})?\d{{1,3}}(?:st|nd|rd|th){GAP}(?:{_STREETS})\b)",
        _speak_house,
        "2310 42nd St.",
    ),
    Rule(
        "ratio",
        r"(?P<first>\d{1,4}):(?P<second>\d{1,4})"
        r"(?=[ -](?:aspect|ratio|screen|display|format|odds|split|scale|mix|dilution)\b)",
        _speak_ratio,
        "a 16:10 screen",
    ),
    Rule("average", r"\.(?P<digits>\d{3})(?!\d)", _speak_average, "batting .312"),
    Rule("stones", rf"(?P<number>\d{{1,2}})st{END}(?:{GAP}(?P<pounds>\d{{1,2}})lbs?{END})?", _speak_stones, "11st 4lb"),
)
