"""Abbreviations: what they stand for, and whether their dot ends the sentence too."""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.text.dates import SHORT_NAMES
from stages.text.rules import Context, Words, list_words


class Abbreviation(NamedTuple):
    """One reading of an abbreviation.

    Attributes:
        spoken: the words that it stands for.
        where: the place in which it does.
            dot      a dot is behind it
            any      with a dot or without
            name     a name (a word with a capital) follows
            street   a name is before it, and it has a dot or ends the phrase
            figure   a figure follows
            is       "is" follows its dot
            measured a figure is before it
            date     it has a dot, or a figure is beside it
        ends: whether the sentence may end with it; a title's never does.
    """

    spoken: str
    where: str
    ends: bool = True


# abbreviation, without its dot -> its readings, the first that fits is taken
ABBREVIATIONS: dict[str, tuple[Abbreviation, ...]] = {
    # titles
    "Mr": (Abbreviation("Mister", "any", False),),
    "Mrs": (Abbreviation("Mrs", "any", False),),
    "Ms": (Abbreviation("Ms", "any", False),),
    "Messrs": (Abbreviation("Messrs", "any", False),),
    "Dr": (Abbreviation("Drive", "street"), Abbreviation("Doctor", "any", False)),
    "Prof": (Abbreviation("Professor", "any", False),),
    "Rev": (Abbreviation("Reverend", "any", False),),
    "Hon": (Abbreviation("Honorable", "name", False),),
    "Gen": (Abbreviation("General", "name", False),),
    "Col": (Abbreviation("Colonel", "name", False),),
    "Maj": (Abbreviation("Major", "name", False),),
    "Capt": (Abbreviation("Captain", "any", False),),
    "Cpt": (Abbreviation("Captain", "any", False),),
    "Lt": (Abbreviation("Lieutenant", "name", False),),
    "Sgt": (Abbreviation("Sergeant", "any", False),),
    "Cpl": (Abbreviation("Corporal", "any", False),),
    "Pvt": (Abbreviation("Private", "any", False),),
    "Adm": (Abbreviation("Admiral", "name", False),),
    "Cmdr": (Abbreviation("Commander", "any", False),),
    "Sen": (Abbreviation("Senator", "name", False),),
    "Rep": (Abbreviation("Representative", "name", False),),
    "Gov": (Abbreviation("Governor", "name", False),),
    "Pres": (Abbreviation("President", "name", False),),
    "Supt": (Abbreviation("Superintendent", "any", False),),
    "Insp": (Abbreviation("Inspector", "any", False),),
    "Fr": (Abbreviation("Father", "name", False),),
    "Jr": (Abbreviation("Junior", "any"),),
    "Sr": (Abbreviation("Senior", "any"),),
    "Esq": (Abbreviation("Esquire", "any"),),
    # places
    "St": (Abbreviation("Street", "street"), Abbreviation("Saint", "name", False), Abbreviation("Street", "any")),
    "Ste": (Abbreviation("Suite", "figure", False), Abbreviation("Saint", "name", False)),
    "Ave": (Abbreviation("Avenue", "any"),),
    "Blvd": (Abbreviation("Boulevard", "any"),),
    "Rd": (Abbreviation("Road", "any"),),
    "Ln": (Abbreviation("Lane", "any"),),
    "Sq": (Abbreviation("Square", "street"),),
    "Ct": (Abbreviation("Court", "street"),),
    "Pl": (Abbreviation("Place", "street"),),
    "Hwy": (Abbreviation("Highway", "any"),),
    "Pkwy": (Abbreviation("Parkway", "any"),),
    "Apt": (Abbreviation("Apartment", "any", False),),
    "Bldg": (Abbreviation("Building", "any"),),
    "Mt": (Abbreviation("Mount", "name", False),),
    "Ft": (Abbreviation("Fort", "name", False),),
    "Pt": (Abbreviation("Point", "name", False), Abbreviation("Part", "figure", False)),
    # companies and institutions
    "Inc": (Abbreviation("Incorporated", "any"),),
    "Ltd": (Abbreviation("Limited", "any"),),
    "Corp": (Abbreviation("Corporation", "any"),),
    "Co": (Abbreviation("Company", "dot"),),
    "Bros": (Abbreviation("Brothers", "any"),),
    "Dept": (Abbreviation("Department", "any"),),
    "Univ": (Abbreviation("University", "any"),),
    "Assn": (Abbreviation("Association", "any"),),
    "Govt": (Abbreviation("Government", "any"),),
    # numbered things
    "No": (Abbreviation("Number", "figure", False),),
    "no": (Abbreviation("number", "figure dot", False), Abbreviation("number", "is dot", False),),
    "Nos": (Abbreviation("Numbers", "figure", False),),
    "nos": (Abbreviation("numbers", "figure", False),),
    "Nr": (Abbreviation("Number", "figure", False),),
    "vol": (Abbreviation("volume", "figure", False),),
    "vols": (Abbreviation("volumes", "dot", False),),
    "ch": (Abbreviation("chapter", "figure dot", False),),
    "fig": (Abbreviation("figure", "figure", False),),
    "figs": (Abbreviation("figures", "figure", False),),
    "p": (Abbreviation("page", "figure dot", False),),
    "pp": (Abbreviation("pages", "figure", False), Abbreviation("pages", "measured dot")),
    "pg": (Abbreviation("page", "figure", False),),
    "sec": (Abbreviation("section", "figure dot", False),),
    "para": (Abbreviation("paragraph", "figure", False),),
    "art": (Abbreviation("article", "figure dot", False),),
    "ext": (Abbreviation("extension", "figure", False),),
    "op": (Abbreviation("opus", "figure dot", False),),
    "eq": (Abbreviation("equation", "figure", False),),
    "c": (Abbreviation("circa", "figure dot", False),),
    "ca": (Abbreviation("circa", "figure", False),),
    # words of texts
    "vs": (Abbreviation("versus", "any", False),),
    "v": (Abbreviation("versus", "dot name", False),),
    "etc": (Abbreviation("etc", "any"),),
    "al": (Abbreviation("al", "dot"),),
    "cf": (Abbreviation("compare", "dot", False),),
    "viz": (Abbreviation("namely", "any", False),),
    "approx": (Abbreviation("approximately", "any"),),
    "incl": (Abbreviation("including", "any"),),
    "excl": (Abbreviation("excluding", "any"),),
    "est": (Abbreviation("established", "figure dot", False), Abbreviation("estimated", "dot")),
    "dept": (Abbreviation("department", "any"),),
    "govt": (Abbreviation("government", "any"),),
    "misc": (Abbreviation("miscellaneous", "any"),),
    "max": (Abbreviation("maximum", "dot figure"), Abbreviation("maximum", "measured dot")),
    "min": (Abbreviation("minutes", "measured dot"), Abbreviation("minimum", "dot")),
    "avg": (Abbreviation("average", "any"),),
    "temp": (Abbreviation("temperature", "dot"),),
    "tel": (Abbreviation("telephone", "any"),),
    "tsp": (Abbreviation("teaspoon", "any"),),
    "tbsp": (Abbreviation("tablespoon", "any"),),
    "hrs": (Abbreviation("hours", "any"),),
    "yrs": (Abbreviation("years", "any"),),
    "ft": (Abbreviation("feet", "measured dot"),),
    "oz": (Abbreviation("ounce", "any"),),
    "lbs": (Abbreviation("pounds", "any"),),
    "lb": (Abbreviation("pound", "any"),),
    "mph": (Abbreviation("miles per hour", "any"),),
    "aka": (Abbreviation("also known as", "any"),),
    "asst": (Abbreviation("assistant", "any"),),
    "mgr": (Abbreviation("manager", "any"),),
    "qty": (Abbreviation("quantity", "any"),),
    # months and days: those of the table of dates
    **{short: (Abbreviation(name, "date", True),) for short, name in SHORT_NAMES.items()},
}  # fmt: skip
# Those in small letters begin with a capital where a sentence does (Fig. 3), but for names (Al) and initials (V.).
ABBREVIATIONS |= {
    short.capitalize(): tuple(reading._replace(spoken=reading.spoken.capitalize()) for reading in readings)
    for short, readings in ABBREVIATIONS.items()
    if short.islower() and short.capitalize() not in ABBREVIATIONS and short not in {"al", "v"}
}
# Abbreviations of single letters with dots -> words; the others are spoken letter by letter (U.S.).
DOTTED = {
    "e.g": "for example",
    "i.e": "that is",
    "n.b": "note well",
    "a.k.a": "also known as",
}
# Those of more than letters, written out with their dots -> spoken, in capitals letter by letter
DOTTED_NAMES = {"Ph.D": "PHD", "M.Sc": "MSC", "B.Sc": "BSC", "Ed.D": "EDD", "Lt.Col": "Lieutenant Colonel"}
# Words that begin a sentence more often than they follow an abbreviation inside one: "at 5 p.m. The ...".
STARTERS = list_words(
    "Are Is Was Do Does Did Don Didn Can Could Will Would Should Shall Please Let Look See Go Come "
    "A After All Also An And Another As At Before Both But By Each Even Every First For From Has Have He Her Here "
    "His How However I If In Instead Is It Its Later Many More Most My No Not Nobody Now Of On Once One Only Our "
    "Over Perhaps She Since So Some Such That The Their Then There These They This Those Though Thus To Today "
    "Tomorrow Under Until We Were What When Where Which While Who Why With Would Yes Yet You Your"
)
# Words with a capital that are no name before "St." and "Dr.": those that begin a sentence, and what a saint follows.
_BEFORE_SAINTS = STARTERS | list_words("Mount Port Fort Lake Bay Church Cathedral Visit Dear Sault Isle Mr Mrs")
_NAME = re.compile(r"\.?[ \t\n\u00a0]{1,3}[\"“'‘(]?[^\W\d_a-z]")
_FIGURE = re.compile(r"\.?[ \t\n\u00a0]{0,2}[#$€£~]?(?:\d|[IVXLC]{2,7}\b)")
_NEXT = re.compile(r"[\"”’')\]]{0,3}(?:\s{1,4}[\"“‘'(\[]{0,3}([^\W\d_]{1,20})|\s{0,4}\Z|[ \t]{0,4}\n[ \t]{0,4}\n)")
_DATE = re.compile(rf"\.?,?[ \u00a0]\d|\.?[-–](?:{'|'.join(SHORT_NAMES)})\b")


def ends_sentence(text: str, end: int) -> bool:
    """Whether a sentence ends behind an abbreviation: the text or paragraph does, or a word that begins one follows."""
    match = _NEXT.match(text, end)
    return match is not None and (match[1] is None or match[1] in STARTERS)


def ends_text(text: str, end: int) -> bool:
    """Whether nothing but quotes and brackets follows in the paragraph."""
    match = _NEXT.match(text, end)
    return match is not None and match[1] is None


def read_abbreviation(word: str, start: int, end: int, context: Context) -> tuple[Words, int] | None:
    """Read an abbreviation that ends at `end`, where its dot may be; gives the words, and the end of what they read."""
    for reading in ABBREVIATIONS[word]:
        if not _fits(reading.where, start, end, context):
            continue
        if context.text[end : end + 1] != ".":
            return reading.spoken.split(), end
        kept = ends_text(context.text, end + 1) or (reading.ends and ends_sentence(context.text, end + 1))
        return [*reading.spoken.split(), *(["."] if kept else [])], end + 1
    return None


def _fits(where: str, start: int, end: int, context: Context) -> bool:
    return all(_fits_one(part, start, end, context) for part in where.split())


def _fits_one(where: str, start: int, end: int, context: Context) -> bool:
    text = context.text
    dot = text[end : end + 1] == "."
    if where == "dot":
        return dot
    if where == "name":
        return _NAME.match(text, end) is not None
    if where == "figure":
        return _FIGURE.match(text, end) is not None
    if where == "is":
        return text[end : end + 4] == ". is"
    if where == "measured":
        return context.follows_figure(start)
    if where == "date":
        ranged = text[start - 1 : start] in {"-", "–"} and context.find_before(start) in SHORT_NAMES.values()
        return dot or ranged or _DATE.match(text, end) is not None or context.follows_figure(start)
    return where != "street" or _is_street(start, end, context)


def _is_street(start: int, end: int, context: Context) -> bool:
    """Whether "St." is a street: a name or an ordinal is before it, and no other name follows in the sentence."""
    before = context.find_before(start)
    if before in _BEFORE_SAINTS or not (before[:1].isupper() or before.endswith(("th", "st", "nd", "rd"))):
        return False
    return _NAME.match(context.text, end) is None or ends_sentence(context.text, end + 1)
