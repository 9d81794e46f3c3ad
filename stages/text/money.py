"""Reads amounts of money aloud."""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.text.numbers import read_number
from stages.text.rules import END, GAP, NUMBER, PARTICLES, Context, Rule, Words, list_words


class Currency(NamedTuple):
    """A currency: its name in the singular and plural, and those of its hundredth part, if that is spoken of."""

    one: str
    many: str
    cent: str = ""
    cents: str = ""


_DOLLAR = Currency("dollar", "dollars", "cent", "cents")
# symbol or code -> one, many, hundredth part, hundredth parts
CURRENCIES = {
    "$": _DOLLAR,
    "£": Currency("pound", "pounds", "penny", "pence"),
    "€": Currency("euro", "euros", "cent", "cents"),
    "¥": Currency("yen", "yen"),
    "₹": Currency("rupee", "rupees"),
    "₽": Currency("ruble", "rubles"),
    "₩": Currency("won", "won"),
    "₿": Currency("bitcoin", "bitcoins"),
    "₺": Currency("lira", "lira"),
    "US$": Currency("US dollar", "US dollars", "cent", "cents"),
    "A$": Currency("Australian dollar", "Australian dollars", "cent", "cents"),
    "AU$": Currency("Australian dollar", "Australian dollars", "cent", "cents"),
    "C$": Currency("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": Currency("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "NZ$": Currency("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HK$": Currency("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "R$": Currency("real", "reais"),
    "USD": Currency("US dollar", "US dollars", "cent", "cents"),
    "EUR": Currency("euro", "euros", "cent", "cents"),
    "GBP": Currency("pound", "pounds", "penny", "pence"),
    "JPY": Currency("yen", "yen"),
    "CHF": Currency("Swiss franc", "Swiss francs"),
    "CAD": Currency("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": Currency("Australian dollar", "Australian dollars", "cent", "cents"),
    "CNY": Currency("yuan", "yuan"),
    "RMB": Currency("yuan", "yuan"),
    "INR": Currency("rupee", "rupees"),
    "SEK": Currency("Swedish krona", "Swedish kronor"),
    "NOK": Currency("Norwegian krone", "Norwegian kroner"),
    "DKK": Currency("Danish krone", "Danish kroner"),
    "PLN": Currency("zloty", "zlotys"),
    "BTC": Currency("bitcoin", "bitcoins"),
}
# Letters behind an amount of money -> the power of ten that they stand for.
MAGNITUDES = {
    "k": "thousand", "K": "thousand",
    "m": "million", "M": "million", "mn": "million", "mm": "million", "MM": "million", "mln": "million",
    "b": "billion", "B": "billion", "bn": "billion", "Bn": "billion", "bln": "billion",
    "t": "trillion", "T": "trillion", "tn": "trillion", "trn": "trillion",
}  # fmt: skip
# Nouns that an amount may describe; it is in the singular before them ("a twenty dollar bill").
DESCRIBED_NOUNS = list_words(
    "bill bills note notes coin coins deal fine fines bet bonus prize reward ticket tickets gift budget loan loans "
    "fee deposit discount house home project investment lawsuit contract film movie question meal lunch coffee "
    "increase raise check cheque tip voucher coupon company business industry fund package bailout refund "
    "shortfall surplus"
)

# Lines of a video, before p: 720p is no money.
VIDEO_LINES = frozenset({"144", "240", "360", "480", "576", "720"})

CURRENCY_SIGNS = "".join(name for name in CURRENCIES if len(name) == 1)
_SYMBOLS = "|".join(re.escape(name) for name in sorted(CURRENCIES, key=len, reverse=True) if not name.isalpha())
_CODES = "|".join(name for name in CURRENCIES if name.isalpha())
_SCALE = (
    rf"(?:(?:(?P<hyphen>-)|[ \u00a0])?(?P<scale>[Hh]undred|[Tt]housand|[Mm]illion|[Bb]illion|[Tt]rillion"
    rf"|{GAP}?(?:m|bn|mn|tn|k)"
    rf"|(?:{'|'.join(sorted(MAGNITUDES, key=len, reverse=True))}))(?![^\W_]|['’]))?"
)
# An amount, also with a decimal comma (49,99), which is clear beside a currency.
_AMOUNT = rf"(?:\d{{1,3}}(?:\.\d{{3}}){{0,4}},\d{{2}}(?![\d,])|{NUMBER}|\.\d{{1,15}}(?!\d))"
_NOUN = r"(?=[ -](?P<noun>[A-Za-z]{2,14})\b)?"
_MINUS = r"(?P<minus>[-−])?"


DESCRIBED = "a noun"
_OWNING = list_words("the its his her their our your my whose another's")
_NO_NOUNS = list_words(
    "spent paid lost won made sold bought raised owed cost went came goes costs will there between he she they we"
)


def _find_noun(match: re.Match[str], context: Context) -> str | None:
    """The noun that the amount describes."""
    noun = match["noun"]
    if context.describes(match.start(), noun):
        return DESCRIBED
    if noun is None and context.find_before(match.start()).lower() in {"a", "an"} and match.end() < len(context.text):
        return DESCRIBED if context.text[match.end()] == "," else None  # a $70M, 4-year deal
    if noun and match["hyphen"] and noun not in PARTICLES:
        return DESCRIBED
    if noun and context.find_before(match.start()).lower() in _OWNING and not noun.endswith(("ed", "ing")):
        return DESCRIBED if noun not in PARTICLES | _NO_NOUNS else noun
    return noun


def _name(currency: Currency, amount: str, scale: str | None, noun: str | None) -> Words:
    single = (noun or "").lower() in DESCRIBED_NOUNS or noun == DESCRIBED or (amount == "1" and not scale)
    return (currency.one if single else currency.many).split()


def _read_amount(amount: str, currency: Currency, scale: str | None, noun: str | None, british: bool) -> Words:
    """Read "five dollars and fifty cents", "fifty cents", "five point five million dollars"."""
    if amount[-3:-2] == ",":
        amount = amount[:-3].replace(".", "") + "." + amount[-2:]
    whole, _, cents = amount.partition(".")
    if scale:
        scale = MAGNITUDES.get(scale.strip(), scale.strip().lower())
    elif len(cents) == 2 and currency.cents:
        return _read_cents(whole, cents, currency, noun, british)
    return [*read_number(amount, british), *([scale] if scale else []), *_name(currency, amount, scale, noun)]


def _read_cents(whole: str, cents: str, currency: Currency, noun: str | None, british: bool) -> Words:
    small = [*read_number(str(int(cents))), currency.cent if cents == "01" else currency.cents]
    if not whole.strip("0"):
        return small if int(cents) else [*read_number("0"), currency.many]
    large = [*read_number(whole, british), *_name(currency, whole, None, noun)]
    return [*large, "and", *small] if int(cents) else large


def _speak_money(match: re.Match[str], context: Context) -> Words | None:
    """An amount with its currency before or behind it, or a range of amounts."""
    if match["minus"] and not context.allows_minus(match.start()):
        return None
    currency, scale, noun, british = (
        CURRENCIES[match["currency"]],
        match["scale"],
        _find_noun(match, context),
        context.british,
    )
    words = _read_amount(match["amount"], currency, scale, noun, british)
    last = match.groupdict().get("last")  # of a range, which has the currency before it
    if last:
        first_scale = match["first_scale"]
        first = _read_amount(match["amount"], currency, first_scale, None, british)
        if not match["again"]:  # one name of the currency, at the end
            first = [*read_number(match["amount"], british), *([MAGNITUDES[first_scale]] if first_scale else [])]
        words = [*first, "to", *_read_amount(last, currency, scale, noun, british)]
    return ["minus", *words] if match["minus"] else words


def _speak_cents(match: re.Match[str], context: Context) -> Words | None:
    if match["name"] == "p" and (match["amount"] in VIDEO_LINES or len(match["amount"]) > 5):
        return None
    one, many = ("penny", "pence") if match["name"] == "p" else ("cent", "cents")
    return [*read_number(match["amount"], context.british), one if match["amount"] == "1" else many]


def _speak_old_money(match: re.Match[str], context: Context) -> Words | None:
    """Shillings and pence."""
    words: Words = []
    for name, one in (("pounds", "pound"), ("shillings", "shilling"), ("pence", "penny")):
        if number := match[name]:
            words += [*read_number(number), one if number == "1" else "pence" if name == "pence" else one + "s"]
    return words


# name, pattern, reading, example. Tried in this order.
MONEY_RULES = (
    Rule(
        "old money",
        r"£(?P<pounds>\d{1,4}) (?P<shillings>\d{1,2})s\.?(?: (?P<pence>\d{1,2})d)?(?!\w)",
        _speak_old_money,
        "£3 10s",
    ),
    Rule(
        "money",
        rf"{_MINUS}(?P<currency>{_SYMBOLS}|(?:{_CODES})(?={GAP}?\d)){GAP}?(?P<amount>{_AMOUNT})"
        rf"(?:(?P<first_scale>k|m|bn)?[-–](?P<again>[$£€])?(?P<last>{NUMBER}))?{_SCALE}{_NOUN}",
        _speak_money,
        "€5m",
    ),
    Rule(
        "money behind",
        rf"{_MINUS}(?P<amount>{_AMOUNT}){_SCALE}{GAP}?(?P<currency>[{CURRENCY_SIGNS}]|{_CODES}){END}{_NOUN}",
        _speak_money,
        "5 €",
    ),
    Rule(
        "old money without pounds",
        r"(?P<pounds>(?!))?(?P<shillings>\d{1,2})s\.? ?(?P<pence>\d{1,2})d(?:\.(?=[ \n]{1,2}[a-z(\d]|[,;)]))?(?!\w)",
        _speak_old_money,
        "2s. 6d.",
    ),
    Rule("cents", rf"(?P<amount>{NUMBER})(?P<name>¢)", _speak_cents, "5¢"),
    Rule("pence", rf"(?P<amount>\d{{1,3}}(?:\.\d{{1,2}})?)(?P<name>p){END}", _speak_cents, "50p"),
)
