"""All classes of figures in the order in which they are tried, and the search for the one that a text begins with."""

from __future__ import annotations

import re
from functools import cache

from stages.text.codes import CODE_RULES, INTERNET_RULES, NAME_RULES, NAMING_WORDS, NUMBER_RULES
from stages.text.dates import DATE_RULES, DATING_WORDS, FIGURE_DATE_RULES, NAMED_DATE_RULES
from stages.text.fractions import FRACTION_RULES, VULGAR
from stages.text.money import CURRENCY_SIGNS, MONEY_RULES
from stages.text.notations import NOTATION_RULES
from stages.text.numbers import read_digits
from stages.text.phones import CALLED_RULES, CALLING_WORDS, PHONE_RULES
from stages.text.rules import Context, Rule, Words
from stages.text.times import TIME_RULES
from stages.text.units import UNIT_RULES

# A class comes before those that would read a part of its figures: dates before fractions, all before bare numbers.
# rules, the words of which one must be before their figures (None: any or none)
CLASSES: tuple[tuple[tuple[Rule, ...], frozenset[str] | None], ...] = (
    ((*FIGURE_DATE_RULES, *INTERNET_RULES), None),
    (NOTATION_RULES, None),
    (CALLED_RULES, CALLING_WORDS),
    (PHONE_RULES, None),
    ((*CODE_RULES, *TIME_RULES), None),
    (NAME_RULES, NAMING_WORDS),
    (MONEY_RULES, None),
    (NAMED_DATE_RULES, DATING_WORDS),
    (DATE_RULES, None),
    (FRACTION_RULES, None),
    (UNIT_RULES, None),
    (NUMBER_RULES, None),
)
# The rules of these classes whose figures may begin with a dash: a minus sign, or a dash between two figures.
_DASHES = frozenset("-–—−")
_DASHED = tuple(
    (dashed, words)
    for rules, words in CLASSES
    if (dashed := tuple(rule for rule in rules if rule.pattern.startswith(("(?P<minus>", "(?P<dash>", "(?P<sign>[-"))))
)
# What may be the first character of a figure, beside digits.
LEADING = frozenset(CURRENCY_SIGNS + "+-–—−(.'’#№~" + VULGAR)
_BEGINNING = re.compile(
    rf"[^\W_]|[{CURRENCY_SIGNS}{VULGAR}]"
    r"|[-−–—] ?[$€£.−-]?\d|[-−][$€£]|\(\d{3}|#[A-Z]{1,3}-?\d|\+ \d|[+.'’#№~][$€£]?[\da-fA-F]"
)
_DIGITS = re.compile(r"\d++")


def find_figure(context: Context, at: int) -> tuple[Words, int] | None:
    """The words of the figure that begins at `at`, and its end; None where none begins."""
    text = context.text
    if _BEGINNING.match(text, at) is None:
        return None
    before = context.find_label(at).lower()
    for rules, words_before in _DASHED if text[at] in _DASHES else CLASSES:
        if words_before is not None and before not in words_before:
            continue
        first = _compile_class(rules).match(text, at)
        if first is None:
            continue
        for rule in rules[int((first.lastgroup or "_0")[1:]) :]:
            match = compile_rule(rule.pattern).match(text, at)
            if match is not None and (words := rule.speak(match, context)) is not None:
                return words, match.end()
    return None


@cache
def compile_rule(pattern: str) -> re.Pattern[str]:
    """Compile a pattern, when the first text needs it."""
    return re.compile(pattern)


@cache
def _compile_class(rules: tuple[Rule, ...]) -> re.Pattern[str]:
    """One pattern for a class: its last group tells which rule is the first to match, so that a class is one search."""
    branches = [
        f"(?P<_{number}>" + re.sub(r"\(\?P([<=])", rf"(?P\g<1>_{number}_", rule.pattern) + ")"
        for number, rule in enumerate(rules)
    ]
    return re.compile("|".join(branches))


def read_run(text: str, at: int) -> tuple[Words, int]:
    """Read a run of digits that no rule takes, one by one."""
    match = _DIGITS.match(text, at)
    end = match.end() if match else at + 1
    return read_digits(text[at:end]), end
