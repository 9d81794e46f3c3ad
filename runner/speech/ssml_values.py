"""Reads the attributes of SSML elements: what their values say.

<break time="500ms"/>                  --> 1/2           seconds
<prosody rate="slow">                  --> 3/4           a factor
<phoneme alphabet="ipa" ph="wˈɜɹd">    --> /wˈɜɹd/       word-level markup (docs/markup.md)
<sub alias="World Health">             --> =World Health
<say-as interpret-as="spell-out">      --> as:characters
"""

from __future__ import annotations

import re
from fractions import Fraction

from runner.speech.mark_values import HIGHEST_RATE, LOWEST_RATE, NUMBER, check_rate, read_pause, read_rate, read_voice
from runner.speech.ssml_tags import Tag

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
