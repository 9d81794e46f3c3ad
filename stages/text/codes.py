"""Reads numbers that name or count aloud: versions, codes, ordinals, and every number that no other rule takes."""

from __future__ import annotations

import re

from stages.text.numbers import (
    make_plural,
    read_as_name,
    read_cardinal,
    read_digits,
    read_number,
    read_ordinal,
    read_whole,
)
from stages.text.places import STATES
from stages.text.rules import END, GAP, NUMBER, Context, Rule, Words, list_words
from stages.text.unit_table import UNITS

# Words before a number that is read as a name: by its last two digits ("Room one oh one").
NAME_WORDS = list_words(
    "boeing airbus flight room route highway interstate suite apt apartment studio bus train model porsche peugeot "
    "nikkei russell warehouse gate channel process pid job port error status"
)
# Words before a number that is read digit by digit.
DIGIT_WORDS = list_words("zip zipcode pin extension ext code passcode password postcode serial account po id otp")
# Words before a number that is read digit by digit if it has five digits or more (order 55821).
ORDER_WORDS = list_words(
    "number order invoice ref reference ticket case tracking docket bug issue user account customer employee member"
)
# Words before a number with -s that is counted itself (two 747s); elsewhere the s is for seconds.
COUNTERS = list_words("two three four five six seven eight nine ten twelve several many some few all those these old")
# Programs whose versions are two numbers with a point: Python 3.11 is "three point eleven".
PROGRAMS = list_words(
    "python ios ipados android windows macos ubuntu debian fedora linux node postgresql mysql java kubernetes docker "
    "django rails ruby php perl go chrome firefox safari version release kernel gcc clang cuda tvm"
)
# The last words of the names of states.
_STATE_NAMES = frozenset(name.split()[-1] for name in STATES.values())
# Words before a status of the web.
_STATUS_BEFORE = list_words("a an the http returns returned gives gave got get this that")
# What is before a version that a program asks for (numpy>=1.24), and before a number in a name (ISO-8859).
_REQUIRED = re.compile(r"\w(?:[=<>~]=|[<>])\Z")
_NAMED = re.compile(r"[A-Za-z]-\Z")


def spell_out(text: str) -> Words:
    """Spell letters and digits one by one."""
    words: Words = []
    for part in re.findall(r"[A-Za-z]{1,64}|\d{1,64}", text):
        words += read_digits(part) if part.isdecimal() else [part.upper()]
    return words


def _speak_address(match: re.Match[str], context: Context) -> Words | None:
    """An address of the Internet Protocol."""
    parts = match[0].partition(":")[0].split(".")
    if any(int(part) > 255 for part in parts):
        return None
    words: Words = []
    for part in parts:
        words += [*(["dot"] if words else []), *read_as_name(part)]
    return [*words, "colon", *read_as_name(match["port"][1:])] if match["port"] else words


def _speak_version(match: re.Match[str], context: Context) -> Words | None:
    words: Words = []
    for part in match["parts"].split("."):
        words += [*(["point"] if words else []), *read_whole(part)]
    return words


def _speak_versions(match: re.Match[str], context: Context) -> Words | None:
    """All versions of a series."""
    words = _speak_version(match, context)
    return [*words, "point", "X"] if words else None


def _speak_named_version(match: re.Match[str], context: Context) -> Words | None:
    words = _speak_version(match, context)
    return ["version", *words] if words else None


def _speak_program(match: re.Match[str], context: Context) -> Words | None:
    before = context.find_before(match.start())
    named = before.lower() in PROGRAMS and before != "go"
    return (
        _speak_version(match, context)
        if named or _REQUIRED.search(context.text[max(0, match.start() - 4) : match.start()])
        else None
    )


def _speak_wireless(match: re.Match[str], context: Context) -> Words | None:
    """A standard of wireless networks: 802.11ac."""
    return [
        *read_as_name("802"),
        "point",
        *read_whole(match["part"]),
        *([match["letters"].upper()] if match["letters"] else []),
    ]


def _speak_status(match: re.Match[str], context: Context) -> Words | None:
    """A status of the web (a 404), which is counted before a plural."""
    before = context.find_before(match.start()).lower()
    return read_as_name(match[0][:3]) if before in _STATUS_BEFORE and not match["noun"] else None


def _speak_hyphened(match: re.Match[str], context: Context) -> Words | None:
    """A number behind a name and a hyphen: U-238."""
    return read_as_name(match[0])


def _speak_hexadecimal(match: re.Match[str], context: Context) -> Words | None:
    digits = sum(symbol.isdecimal() for symbol in match[0])
    if context.touches_word(match.start()) or not 2 <= digits <= len(match[0]) - 2:
        return None
    return spell_out(match[0])


def _speak_prefixed(match: re.Match[str], context: Context) -> Words | None:
    return spell_out(match[0])


def _speak_ordinal(match: re.Match[str], context: Context) -> Words | None:
    return read_ordinal(int(re.sub(r"\D", "", match["number"])), context.british)


def _speak_several(match: re.Match[str], context: Context) -> Words | None:
    before = context.find_before(match.start()).lower()
    return make_plural(read_as_name(match["number"])) if before in COUNTERS else None


def _speak_digits(match: re.Match[str], context: Context) -> Words | None:
    before = context.find_label(match.start())
    if before.lower() in ORDER_WORDS and len(match[0]) >= 5:
        return read_digits(match[0])
    if before == "in" and context.find_before(match.start(), 2) == "ending":
        return read_digits(match[0])
    if before.lower() in DIGIT_WORDS or ((before in STATES or before in _STATE_NAMES) and len(match[0]) == 5):
        return read_digits(match[0])
    return None


def _speak_name(match: re.Match[str], context: Context) -> Words | None:
    before = context.find_before(match.start()).lower()
    return read_as_name(match[0]) if before in NAME_WORDS else None


def _speak_behind_capitals(match: re.Match[str], context: Context) -> Words | None:
    """A number behind an abbreviation in capitals (RFC 2616), if it is no quantity."""
    before = context.find_before(match.start())
    if (
        not (before.isupper() and 2 <= len(before) <= 4)
        or before in STATES
        or before.lower() in DIGIT_WORDS
        or (match["unit"] or "") in UNITS
    ):
        return None
    return read_as_name(match["number"])


def _speak_attached(match: re.Match[str], context: Context) -> Words | None:
    """A number close behind a letter: A380."""
    return read_as_name(match[0])


def _speak_variant(match: re.Match[str], context: Context) -> Words | None:
    """A kind of airliner with its variant."""
    jet, variant = match[0].split("-")
    return [*read_as_name(jet), "dash", *read_as_name(variant)]


def _speak_member(match: re.Match[str], context: Context) -> Words | None:
    """Who belongs to a number: the 49ers."""
    *words, last = read_cardinal(int(match["number"]))
    return [*words, last.removesuffix("e") + match["ending"]]


def _speak_minus(match: re.Match[str], context: Context) -> Words | None:
    if not context.allows_minus(match.start()):
        return None
    return ["minus", *read_number(match["number"], context.british)]


def _speak_range(match: re.Match[str], context: Context) -> Words | None:
    """The dash between two figures, which is "to"; before an equals sign "minus"."""
    if not context.follows_figure(match.start()):
        return None
    last = context.tokens[-1]
    if (
        _NAMED.search(context.text[max(0, last.start - 2) : last.start])
        or context.text[last.start - 1 : last.start] == "x"
    ):
        return ["dash"]  # of a name: ISO-8859-1
    behind, before = context.text[match.end() : match.end() + 1], context.text[match.start() - 1]
    if behind.isspace() and (match["dash"] == "—" or not before.isspace()):
        return None  # a dash that parts what is behind it
    if match["padded"] or re.match(r"0\d\d", context.text[last.start : last.end]):
        return ["dash"]  # of the number of a thing: 2016-000936-17
    if match["dash"] in "—–" and "-" in context.text[last.start : last.end][:64]:
        return None  # behind a series
    return ["minus"] if match["difference"] or match["dash"] == "−" else ["to"]


def _speak_long(match: re.Match[str], context: Context) -> Words | None:
    """Ten or more digits without separators are a number of a thing, unless they are round."""
    return None if match[0].endswith("000") else read_digits(match[0])


def _speak_number(match: re.Match[str], context: Context) -> Words | None:
    return read_number(match[0], context.british)


def _speak_before_number(match: re.Match[str], context: Context) -> Words | None:
    return [{"#": "number", "№": "number", "~": "about"}[match[0]]]


# What is behind an ordinal that is written with d (the 2d Cavalry).
_OLD_NOUNS = (
    "lieut|regim|cir|cavalry|ed|infantry|battalion|div|st|ave|century|district|ser|sess|cong|class|artillery|volunteers"
    "|brigade|corps|army"
)
_VERSION = r"(?P<parts>\d{1,6}(?:\.\d{1,6}){2,5})(?![\d]|\.\d)"
# name, pattern, reading, example. Tried in this order, before and behind the other classes.
INTERNET_RULES = (
    Rule("internet", r"\d{1,3}(?:\.\d{1,3}){3}(?P<port>:\d{1,5})?(?![\w]|\.\d)", _speak_address, "192.168.0.1"),
)
CODE_RULES = (
    Rule(
        "version",
        r"[vV]\.?(?P<parts>\d{1,6}(?:\.\d{1,6}){1,5}|(?<=v)\d{1,4}|(?<=v\.)\d{1,4})(?![\d]|\.\d)",
        _speak_named_version,
        "v2.0.1",
    ),
    Rule("versions", r"(?P<parts>\d{1,4}(?:\.\d{1,4}){0,2})\.(?P<any>[xX*])(?![\w])", _speak_versions, "10.6.x"),
    Rule("version", _VERSION, _speak_version, "2.0.1"),
    Rule("wireless", rf"802\.(?P<part>\d{{1,2}})(?P<letters>[a-z]{{1,2}})?{END}", _speak_wireless, "802.11ac"),
    Rule(
        "status",
        rf"(?:4[02]|50)[1-9](?![\w%°$€£]|[.,:/-]\d)(?P<noun>{GAP}(?:[a-z]{{2,20}}s|people|men|women|children)\b)?",
        _speak_status,
        "a 404",
    ),
    Rule("hyphened", r"(?:(?<=[A-Za-z]-)\d{3}|(?<=[A-Z]-)\d{4})(?![\w%]|[.,:/]\d)", _speak_hyphened, "U-238"),
    Rule("program", rf"(?P<parts>\d{{1,4}}\.\d{{1,4}}){END}(?!\.\d)", _speak_program, "Python 3.11"),
    Rule(
        "prefixed",
        rf"0x[0-9a-fA-F]{{1,32}}{END}|#[0-9a-fA-F]{{6}}{END}(?<=[a-fA-F\d])(?<!#\d{{6}})",
        _speak_prefixed,
        "0x1F",
    ),
    Rule("attached", r"(?<=[^\W\d_])(?<!\dx)(?<!\dT)\d{1,12}(?!\d|[.,:/]\d|%)", _speak_attached, "A380"),
    Rule(
        "behind capitals",
        rf"(?P<number>\d{{3,4}})(?![\w%°$€£]|[.,:/-]\d)(?={GAP}?(?P<unit>[A-Za-zµ%°]{{1,4}})?)",
        _speak_behind_capitals,
        "RFC 2616",
    ),
    Rule(
        "old ordinal",
        rf"(?P<number>\d{{0,2}}[23])d(?=[ ](?:\d{{3,4}}(?!\w)|(?i:{_OLD_NOUNS})))",
        _speak_ordinal,
        "the 2d Cavalry",
    ),
    Rule("jet", r"7\d7-(?:\d00|\d{1,2})(?![\w-])", _speak_variant, "787-9"),
    Rule("member", rf"(?P<number>\d{{1,2}})(?P<ending>ers?){END}", _speak_member, "49ers"),
    Rule("jet", r"7\d7(?=[ ](?:Max|MAX|jets?|airliners?|Dreamliners?|planes?)\b)", _speak_attached, "737 Max"),
    Rule("hexadecimal", r"[0-9a-f]{7,64}(?![\w])", _speak_hexadecimal, "a3f9c21"),
    Rule("identifier", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w])", _speak_prefixed, "a UUID"),
)
NAME_RULES = (
    Rule("several", rf"(?P<number>\d{{1,4}})['’]?s{END}", _speak_several, "two 747s"),
    Rule("digits", rf"\d{{2,20}}{END}(?![.,:/]\d|%)", _speak_digits, "PIN 1234"),
    Rule("name", r"\d{1,12}(?!\d|[.,:/]\d|%)", _speak_name, "Room 101"),
)
# Words before the numbers of NAME_RULES.
NAMING_WORDS = NAME_WORDS | ORDER_WORDS | DIGIT_WORDS | COUNTERS | {state.lower() for state in (*STATES, *_STATE_NAMES)}
NUMBER_RULES = (
    Rule(
        "ordinal",
        rf"(?P<number>\d{{1,3}}(?:,\d{{3}}){{1,4}}|\d{{1,15}})(?:st|nd|rd|th|ST|ND|RD|TH){END}",
        _speak_ordinal,
        "21st",
    ),
    Rule("long", rf"\d{{10,24}}{END}(?![.,]\d)", _speak_long, "9781234567"),
    Rule(
        "range",
        rf"(?P<dash>[-–—−])(?={GAP}?[$£€]?(?:(?P<padded>0\d\d)|(?P<difference>\d{{1,9}}{GAP}?=)|[-−]?\d))",
        _speak_range,
        "5-10",
    ),
    Rule("minus", rf"(?P<sign>[-−])(?P<number>{NUMBER}|\.\d{{1,9}})", _speak_minus, "-5"),
    Rule("sign", r"#(?=[A-Z]{1,3}-?\d)|[#№~](?=[$€£]?\d)", _speak_before_number, "#5"),
    Rule("number", NUMBER, _speak_number, "1,234.5"),
    Rule("decimals", r"\.\d{1,15}(?!\d)", _speak_number, ".5"),
)
