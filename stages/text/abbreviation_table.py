"""Abbreviations: what they stand for, and where."""

from __future__ import annotations

from typing import NamedTuple

from stages.text.dates import MONTHS, SHORT_NAMES
from stages.text.notations import BOOKS, DOTTED_BOOKS
from stages.text.places import DOTTED_STATES, STATES
from stages.text.rules import list_words


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
            compass  a house number is before it, a street behind
            letter   a letter follows that is a word of its own
            numeral  a figure, a Roman numeral or a letter that numbers follows
            verse    a chapter and a verse follow
            code     a ZIP code follows, and a place and a comma are before it
            state    it has a dot, and a comma or the letter of a party is before it
            is       "is" follows its dot
            measured a figure is before it
            date     it has a dot, or a figure is beside it
            weekday  as date, but it is a word too (Sun, Sat, Mar), and more is asked than a dot
        ends: whether the sentence may end with it; a title's never does.
    """

    spoken: str
    where: str
    ends: bool = True


# Months and days whose abbreviations are words too.
_WORDS_TOO = list_words("Sun Sat Wed Mar Jan")
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
    "Gen": (Abbreviation("Gen", "letter"), Abbreviation("General", "name", False),),
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
    "Msgr": (Abbreviation("Monsignor", "any", False),),
    "Amb": (Abbreviation("Ambassador", "dot name", False),),
    "Atty": (Abbreviation("Attorney", "any", False),),
    "Brig": (Abbreviation("Brigadier", "name", False),),
    "Cdr": (Abbreviation("Commander", "name", False),),
    "Ens": (Abbreviation("Ensign", "dot name", False),),
    "Mme": (Abbreviation("Madame", "any", False),),
    "Mlle": (Abbreviation("Mademoiselle", "any", False),),
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
    "Cres": (Abbreviation("Crescent", "street"),),
    "Gdns": (Abbreviation("Gardens", "any"),),
    "Ter": (Abbreviation("Terrace", "street"),),
    "Cir": (Abbreviation("Circuit", "measured dot", False), Abbreviation("Circle", "street")),
    "Sta": (Abbreviation("Station", "street"),),
    "Fwy": (Abbreviation("Freeway", "any"),),
    "Expy": (Abbreviation("Expressway", "any"),),
    "Tpke": (Abbreviation("Turnpike", "any"),),
    "Jct": (Abbreviation("Junction", "any", False),),
    "Rte": (Abbreviation("Route", "any", False),),
    "Rt": (Abbreviation("Route", "figure", False),),
    "Fl": (Abbreviation("Floor", "measured dot"), Abbreviation("Floor", "figure dot")),
    "fl": (Abbreviation("floor", "measured dot"), Abbreviation("floor", "figure dot")),
    "rm": (Abbreviation("room", "figure dot", False),),
    "Hwy": (Abbreviation("Highway", "any"),),
    "Pkwy": (Abbreviation("Parkway", "any"),),
    "Apt": (Abbreviation("Apartment", "any", False),),
    "Bldg": (Abbreviation("Building", "any"),),
    "Mt": (Abbreviation("Mount", "name", False),),
    "Ft": (Abbreviation("Fort", "name", False),),
    "Pt": (Abbreviation("Part", "numeral", False), Abbreviation("Point", "name", False)),
    **{
        point: (Abbreviation(name, "compass", False),)
        for point, name in (
            ("N", "North"), ("S", "South"), ("E", "East"), ("W", "West"),
            ("NE", "Northeast"), ("NW", "Northwest"), ("SE", "Southeast"), ("SW", "Southwest"),
        )
    },
    # companies and institutions
    "Inc": (Abbreviation("Incorporated", "any"),),
    "Ltd": (Abbreviation("Limited", "any"),),
    "Corp": (Abbreviation("Corporation", "any"),),
    "Co": (Abbreviation("Company", "dot"),),
    "Natl": (Abbreviation("National", "any", False),),
    "Intl": (Abbreviation("International", "any", False),),
    "Assoc": (Abbreviation("Association", "dot"),),
    "Inst": (Abbreviation("Institute", "dot"),),
    "Div": (Abbreviation("Division", "dot"),),
    "Dist": (Abbreviation("District", "dot"),),
    "Educ": (Abbreviation("Education", "any"),),
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
    "vol": (Abbreviation("volume", "numeral", False),),
    "vols": (Abbreviation("volumes", "dot", False),),
    "ch": (Abbreviation("chapter", "numeral dot", False),),
    "fig": (Abbreviation("figure", "numeral", False),),
    "bk": (Abbreviation("book", "numeral", False),),
    "sc": (Abbreviation("scene", "numeral dot", False),),
    "prop": (Abbreviation("proposition", "figure dot", False),),
    "sched": (Abbreviation("schedule", "any", False),),
    "ex": (Abbreviation("example", "figure dot", False),),
    "figs": (Abbreviation("figures", "figure", False),),
    "p": (Abbreviation("page", "figure dot", False),),
    "pp": (Abbreviation("pages", "figure", False), Abbreviation("pages", "measured dot")),
    "pg": (Abbreviation("page", "figure", False),),
    "sec": (Abbreviation("section", "numeral dot", False),),
    "secs": (Abbreviation("sections", "numeral dot", False),),
    "para": (Abbreviation("paragraph", "figure", False),),
    "art": (Abbreviation("article", "numeral dot", False),),
    "arts": (Abbreviation("articles", "numeral dot", False),),
    "ext": (Abbreviation("extension", "figure", False),),
    "op": (Abbreviation("opus", "figure dot", False),),
    "eq": (Abbreviation("equation", "numeral", False),),
    "eqs": (Abbreviation("equations", "numeral", False),),
    "cat": (Abbreviation("category", "figure dot", False),),
    "c": (Abbreviation("cup", "measured dot"), Abbreviation("circa", "figure dot", False),),
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
    "arr": (Abbreviation("arrives", "dot figure", False),),
    "dep": (Abbreviation("departs", "dot figure", False),),
    "attn": (Abbreviation("attention", "any", False),),
    "mtg": (Abbreviation("meeting", "any"),),
    "ave": (Abbreviation("avenue", "dot"),),
    "orig": (Abbreviation("originally", "dot", False),),
    "esp": (Abbreviation("especially", "dot", False),),
    "lg": (Abbreviation("large", "dot", False),),
    "med": (Abbreviation("medium", "dot", False),),
    "sm": (Abbreviation("small", "dot", False),),
    "pkg": (Abbreviation("package", "any"),),
    "pkgs": (Abbreviation("packages", "any"),),
    "doz": (Abbreviation("dozen", "any"),),
    "mos": (Abbreviation("months", "measured"),),
    "ea": (Abbreviation("each", "dot"),),
    "b": (Abbreviation("born", "figure dot", False),),
    "d": (Abbreviation("died", "figure dot", False),),
    "pls": (Abbreviation("please", "any", False),),
    "thx": (Abbreviation("thanks", "any", False),),
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
    # wars
    "WWI": (Abbreviation("World War one", "any"),),
    "WWII": (Abbreviation("World War two", "any"),),
    # first names in old records
    "Wm": (Abbreviation("William", "dot name", False),),
    "Jas": (Abbreviation("James", "dot name", False),),
    "Chas": (Abbreviation("Charles", "dot name", False),),
    "Geo": (Abbreviation("George", "dot name", False),),
    "Thos": (Abbreviation("Thomas", "dot name", False),),
    "Robt": (Abbreviation("Robert", "dot name", False),),
    # months and days: those of the table of dates
    **{
        short: (Abbreviation(name, "weekday" if short in _WORDS_TOO else "date", True),)
        for short, name in SHORT_NAMES.items()
    },
    **{
        form: (Abbreviation(name, "date", True),)
        for name, shorts in MONTHS
        for short in shorts
        for form in (short.upper(), *([short.lower()] if short not in {"Mar", "Jun", "Dec", "Sep"} else []))
    },
}  # fmt: skip
# American states
ABBREVIATIONS |= {short: (Abbreviation(name, "state"),) for short, name in DOTTED_STATES.items()}
ABBREVIATIONS |= {
    code: (*ABBREVIATIONS.get(code, ()), Abbreviation(name, "code", False)) for code, name in STATES.items()
}
# Books of the Bible
ABBREVIATIONS |= {
    short: (Abbreviation(name, where, False), *ABBREVIATIONS.get(short, ()))
    for books, where in ((BOOKS, "verse"), (DOTTED_BOOKS, "verse dot"))
    for short, name in books.items()
}
# Those in small letters begin with a capital where a sentence does (Fig. 3), but for names (Al) and initials (V.).
ABBREVIATIONS |= {
    short.capitalize(): tuple(reading._replace(spoken=reading.spoken.capitalize()) for reading in readings)
    for short, readings in ABBREVIATIONS.items()
    if short.islower() and short.capitalize() not in ABBREVIATIONS and short not in {"al", "v", "b", "d"}
}
# Abbreviations of single letters with dots -> words; the others are spoken letter by letter (U.S.).
DOTTED = {
    "e.g": "for example",
    "i.e": "that is",
    "n.b": "note well",
    "m.p.h": "miles per hour",
    "k.p.h": "kilometers per hour",
    "p.a": "per annum",
    "q.v": "which see",
    "a.s.a.p": "as soon as possible",
    "a.k.a": "also known as",
}
# Those of more than letters, written out with their dots -> spoken, in capitals letter by letter
DOTTED_NAMES = {"Ph.D": "PHD", "M.Sc": "MSC", "B.Sc": "BSC", "Ed.D": "EDD", "Lt.Col": "Lieutenant Colonel"}
