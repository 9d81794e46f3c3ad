"""Reads the tags of SSML documents: which elements and attributes there are, and what their values say.

<break time="500ms"/>                  --> 1/2           seconds
<prosody rate="slow">                  --> 3/4           a factor
<phoneme alphabet="ipa" ph="wˈɜɹd">    --> /wˈɜɹd/       word-level markup (docs/markup.md)
<sub alias="World Health">             --> =World Health
<say-as interpret-as="spell-out">      --> as:characters
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple, NoReturn

from runner.errors import RunError, suggest
from runner.speech.mark_values import (
    HIGHEST_RATE,
    LOWEST_RATE,
    NUMBER,
    check_rate,
    name_place,
    read_pause,
    read_rate,
    read_voice,
    shorten,
)

DEEPEST = 10
NAMESPACE = "http://www.w3.org/2001/10/synthesis"
_LANG = "http://www.w3.org/XML/1998/namespace}lang"
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "speak": ("version", _LANG, _SCHEMA),
    "p": (),
    "s": (),
    "break": ("time", "strength"),
    "voice": ("name",),
    "prosody": ("rate",),
    "phoneme": ("alphabet", "ph"),
    "sub": ("alias",),
    "say-as": ("interpret-as",),
}
"""The elements, and the attributes of each."""
MARKUP = ("phoneme", "sub", "say-as")
"""The elements that say how their words are spoken; they hold text alone."""
_OUTSIDE = {"p": ("p", "s"), "s": ("s",)}  # elements that an element must not be in
STRENGTHS = {
    "none": Fraction(0),
    "x-weak": Fraction(1, 10),
    "weak": Fraction(1, 5),
    "medium": Fraction(2, 5),
    "strong": Fraction(4, 5),
    "x-strong": Fraction(6, 5),
}
"""Strength of a break -> pause [s]: `weak` is that of a clause, `medium` of a sentence, `strong` of a paragraph."""
RATES = {
    "x-slow": Fraction(1, 2),
    "slow": Fraction(3, 4),
    "medium": Fraction(1),
    "default": Fraction(1),
    "fast": Fraction(5, 4),
    "x-fast": Fraction(3, 2),
}
"""Word for a rate -> factor."""
MANNERS = {
    "characters": "characters",
    "spell-out": "characters",
    "cardinal": "cardinal",
    "number": "cardinal",
    "ordinal": "ordinal",
    "date": "date",
    "telephone": "telephone",
}
"""Value of `interpret-as` -> manner of word-level markup."""
_PERCENT = re.compile(rf"([+-]?)({NUMBER})%")
_NAME = re.compile(r"<([^ \t\r\n/>]++)")
_ATTRIBUTE = re.compile(r"[ \t\r\n]++([^ \t\r\n=]++)[ \t\r\n]*+=[ \t\r\n]*+(\"[^\"]*+\"|'[^']*+')")


class Tag(NamedTuple):
    """The start of an element.

    Attributes:
        row: the row with the document.
        at: its place in the row.
        name: of the element, with its namespace unless that is SSML's.
        attributes: name -> value.
    """

    row: str
    at: int
    name: str
    attributes: dict[str, str]

    @property
    def shown(self) -> str:
        """The tag for messages, as it is written: `<break>`."""
        found = _NAME.match(self.row, self.at)
        return f"<{found[1] if found else self.name}>"

    def check(self, parents: list[Tag]) -> None:
        """Check its name, its attributes, and the elements that it is in.

        Raises:
            RunError: they are not of the subset.
        """
        if self.name not in ATTRIBUTES:
            known = ", ".join(f"<{name}>" for name in ATTRIBUTES)
            self.refuse(self.shown, f"one of {known}{self._suggest()}", "take it out, or write its text alone")
        self._check_place(parents)
        for name in self.attributes:
            if name not in ATTRIBUTES[self.name]:
                known = ", ".join(name for name in ATTRIBUTES[self.name] if "}" not in name) or "no attribute"
                self.refuse_value(name, f"{known} of {self.shown}", "leave it out")

    def _suggest(self) -> str:
        hint = suggest(self.name, ATTRIBUTES)
        return f" ({hint[2:]})" if "mean" in hint else ""

    def _check_place(self, parents: list[Tag]) -> None:
        if (self.name == "speak") != (not parents):
            expected = "<speak> around the document, and once"
            self.refuse(self.shown, expected, "write the document as <speak>...</speak>")
        if len(parents) >= DEEPEST:
            self.refuse(f"{self.shown} in {len(parents)} others", f"at most {DEEPEST} in one another", "nest them less")
        around = parents[-1] if parents else None
        if around is not None and around.name in (*MARKUP, "break"):
            expected = "no element" if around.name == "break" else "text alone"
            self.refuse(self.shown, f"{expected} in {around.shown}", f"close {around.shown} first")
        for parent in parents:
            if parent.name in _OUTSIDE.get(self.name, ()):
                self.refuse(f"{self.shown} in {parent.shown}", "one behind the other", f"close {parent.shown} first")

    def refuse(self, got: str, expected: str, fix: str, at: int | None = None) -> NoReturn:
        """Refuse the document.

        Raises:
            RunError: always; it names the place of the tag, unless `at` is another one.
        """
        refuse(self.row, self.at if at is None else at, got, expected, fix)

    def refuse_value(self, name: str, expected: str, fix: str) -> NoReturn:
        """Refuse an attribute, at its own place.

        Raises:
            RunError: always.
        """
        local, value = name.rpartition("}")[2], self.attributes[name]
        at, written = self._find_attribute(local)
        self.refuse(f"{written}={shorten(value)} of {self.shown}", expected, fix, at)

    def _find_attribute(self, local: str) -> tuple[int, str]:
        """Find an attribute in the row: its place, and its name as it is written."""
        name = _NAME.match(self.row, self.at)
        end = name.end() if name else self.at
        while found := _ATTRIBUTE.match(self.row, end):
            if found[1].rpartition(":")[2] == local and not found[1].startswith("xmlns"):
                return found.start(1), found[1]
            end = found.end()
        return self.at, local


def refuse(row: str, at: int, got: str, expected: str, fix: str) -> NoReturn:
    """Refuse a document.

    Raises:
        RunError: always; it names the place.
    """
    raise RunError(f"{name_place(row, at, lines=True)}: got {got}, expected {expected}; {fix}")


def check_version(tag: Tag) -> None:
    """Check the version of a document.

    Raises:
        RunError: there is no such version.
    """
    if tag.attributes.get("version", "1.1") not in {"1.0", "1.1"}:
        tag.refuse_value("version", "1.0 or 1.1", "correct it")


def read_break(tag: Tag) -> Fraction:
    """Read the length of a break [s]: `time` if it has one, else that of its strength.

    Raises:
        RunError: a value is wrong.
    """
    strength = tag.attributes.get("strength", "medium")
    if strength not in STRENGTHS:
        tag.refuse_value("strength", f"one of {', '.join(STRENGTHS)}", "correct it")
    if "time" not in tag.attributes:
        return STRENGTHS[strength]
    try:
        return read_pause(tag.attributes["time"].strip())
    except ValueError as error:
        tag.refuse_value("time", str(error), "correct it")


def read_voice_name(tag: Tag) -> str:
    """Read the voice of `<voice>`.

    Raises:
        RunError: there is none, or it is no specification of voices.
    """
    name = _require(tag, "name", "af_heart").strip()
    try:
        return read_voice(name)
    except ValueError as error:
        tag.refuse_value("name", str(error), "correct it")


def read_prosody(tag: Tag, outer: Fraction) -> Fraction:
    """Read the rate inside of `<prosody>`, from that around it.

    Raises:
        RunError: there is none, it is wrong, or both together are outside of the limits.
    """
    text = _require(tag, "rate", "120%").strip()
    try:
        rate = RATES[text] if text in RATES else _read_factor(text)
    except ValueError as error:
        tag.refuse_value("rate", f"{error}, 110%, +10%, or one of {', '.join(RATES)}", "correct it")
    if not LOWEST_RATE <= outer * rate <= HIGHEST_RATE:
        limits = f"{float(LOWEST_RATE):g} to {float(HIGHEST_RATE):g} with the rates around it"
        tag.refuse_value("rate", f"{limits}, not {float(outer * rate):g}", "correct one of them")
    return outer * rate


def _read_factor(text: str) -> Fraction:
    """Read `1.1`, `110%`, `+10%` or `-10%`."""
    percent = _PERCENT.fullmatch(text)
    if percent is None:
        return read_rate(text)
    number = Fraction(percent[2]) / 100
    return check_rate({"": number, "+": 1 + number, "-": 1 - number}[percent[1]])


def read_markup(tag: Tag) -> str:
    """Read what an element of MARKUP says of its words, as word-level markup has it.

    Raises:
        RunError: an attribute is missing, or its value is wrong.
    """
    if tag.name == "sub":
        alias = " ".join(_require(tag, "alias", "other words").split())
        return f"={alias}" if alias else tag.refuse_value("alias", "the words that are spoken", "write them")
    if tag.name == "say-as":
        manner = _require(tag, "interpret-as", "characters")
        if manner not in MANNERS:
            tag.refuse_value("interpret-as", f"one of {', '.join(MANNERS)}", "correct it")
        return f"as:{MANNERS[manner]}"
    if tag.attributes.get("alphabet", "ipa") != "ipa":
        tag.refuse_value("alphabet", "ipa", "write its phonemes in IPA")
    phonemes = " ".join(_require(tag, "ph", "wˈɜɹd").split())
    if not phonemes or "/" in phonemes:
        tag.refuse_value("ph", "phonemes without a '/', such as wˈɜɹd", "correct them")
    return f"/{phonemes}/"


def _require(tag: Tag, name: str, example: str) -> str:
    if name not in tag.attributes:
        tag.refuse(f"{tag.shown} without {name}", f'{name}="{example}" or the like', "add it")
    return tag.attributes[name]
