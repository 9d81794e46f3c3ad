"""Chooses how a word of several pronunciations is spoken ("I object", "the object") from the words around it.

`choose` goes through the word's rules (`stages.text.homograph_rules`); the first that holds gives the key. A rule asks
for the classes of neighbours (`stages.text.word_classes`). A word without variants costs one look-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

from stages.text.homograph_rules import GROUPS, RULES
from stages.text.homograph_words import read_lists
from stages.text.tokens import Token
from stages.text.word_classes import BITS, classify

REACH = 12  # words to each side at which near(), earlier() and later() look
LISTS = read_lists()
CLASSES = {
    **BITS,
    **{name: sum(BITS[part] for part in parts.split()) for name, parts in GROUPS.items()},
    "ANY": -1,  # all bits
    "^": BITS["PAUSE"],
    "$": BITS["PAUSE"],
}


class Neighbour(NamedTuple):
    """A word or mark beside the homograph: its lower-case text and its classes, as bits."""

    text: str
    classes: int


class Condition(NamedTuple):
    """A neighbour that is wanted: of one of some classes or one of some words; or, if not `wanted`, none of them."""

    classes: int
    words: frozenset[str]
    wanted: bool

    def holds(self, neighbour: Neighbour) -> bool:
        """Check a neighbour."""
        return (neighbour.classes & self.classes != 0 or neighbour.text in self.words) is self.wanted


class Rule(NamedTuple):
    """Conditions on the neighbours before and after (the nearest first) and on those within reach, and the key."""

    before: tuple[Condition, ...]
    after: tuple[Condition, ...]
    far: tuple[tuple[str, Condition], ...]
    key: str


class Side:
    """The neighbours to one side, the nearest first, each read when it is asked for. Past the text there is a pause."""

    def __init__(self, tokens: Sequence[Token], at: int, step: int) -> None:
        self._found: list[Neighbour] = []
        self._coming = _walk(tokens, at, step)

    def __getitem__(self, place: int) -> Neighbour:
        while len(self._found) <= place:
            self._found.append(next(self._coming, Neighbour("", BITS["PAUSE"] | BITS["STOP"])))
        return self._found[place]

    def fits(self, conditions: tuple[Condition, ...]) -> bool:
        """Check a condition for each of the nearest neighbours."""
        return all(condition.holds(self[place]) for place, condition in enumerate(conditions))

    def contains(self, condition: Condition) -> bool:
        """Look for a neighbour in the same sentence."""
        for place in range(REACH):
            neighbour = self[place]
            if neighbour.classes & BITS["STOP"]:
                return False
            if condition.holds(neighbour):
                return True
        return False


def _walk(tokens: Sequence[Token], at: int, step: int) -> Iterator[Neighbour]:
    for place in range(at + step, len(tokens) if step > 0 else -1, step):
        text = tokens[place].text
        classes = classify(text, before=step < 0)
        if not classes & BITS["QUOTE"]:
            yield Neighbour(text.lower(), classes)


def choose(tokens: Sequence[Token], at: int) -> str | None:
    """Choose the variant of a word that is meant: a key of the lexicon ("VERB", "NOUN", "DEFAULT" ...), or of VARIANTS.

    None is for words without variants by their meaning. A key that a word's entry has not means its DEFAULT.
    """
    token = tokens[at]
    rules = find_rules(token.text) if token.kind == "word" else ()
    if not rules:
        return None
    before, after = Side(tokens, at, -1), Side(tokens, at, 1)
    sides = {"near": (before, after), "earlier": (before,), "later": (after,)}
    for rule in rules:
        if (
            after.fits(rule.after)
            and before.fits(rule.before)
            and all(any(side.contains(condition) for side in sides[where]) for where, condition in rule.far)
        ):
            return rule.key
    return "DEFAULT"


def find_rules(text: str) -> tuple[Rule, ...]:
    """The rules of a word: those of its exact spelling ("Polish"), else those of its lower case."""
    if text in TABLE:
        return _compile_word(text)
    word = text.lower().replace("’", "'")
    return _compile_word(word) if word in TABLE else ()


def _read_table() -> dict[str, list[tuple[str, str]]]:
    """The patterns of each word, with their keys."""
    table: dict[str, list[tuple[str, str]]] = {}
    for line in RULES.strip().split("\n"):
        if line and not line.startswith("#"):
            names, pattern, key = (column.strip() for column in line.split(" : "))
            for word in (word for name in names.split() for word in LISTS.get(name, (name,))):
                table.setdefault(word, []).append((pattern, key))
    for word in LISTS["GENERAL"]:
        for form in (word, *_inflect(word)):
            table.setdefault(form, [])
    return table


def _inflect(word: str) -> tuple[str, ...]:
    """The form of a word in -s, if the word is not one already."""
    if word.endswith("s") and not word.endswith("ss"):
        return ()
    if word.endswith("y") and word[-2] not in "aeiou":
        return (word[:-1] + "ies",)
    return (word + ("es" if word.endswith(("ss", "sh", "ch", "x", "o")) else "s"),)


TABLE = _read_table()


@cache
def _compile_word(word: str) -> tuple[Rule, ...]:
    """The rules of a word of the table: its own, then, if none of them holds always, the general ones."""
    own = [rule for pattern, key in TABLE[word] for rule in _compile(pattern, key)]
    if word.startswith("*") or (own and own[-1][:3] == ((), (), ())):
        return tuple(own)
    return (*own, *_compile_word("*s" if word.endswith("s") and not word.endswith("ss") else "*"))


def _compile(pattern: str, key: str) -> Iterator[Rule]:
    """Make the rules of a pattern: one for each choice among its optional elements."""
    elements = pattern.split()
    calls = [element.rstrip(")").split("(") for element in elements if element.endswith(")")]
    far = tuple((where, _read_condition(inside)) for where, inside in calls)
    beside = [element for element in elements if not element.endswith(")")]
    for choice in product(*((element[:-1], "") if element.endswith("?") else (element,) for element in beside)):
        chosen = [element for element in choice if element]
        place = chosen.index("_")
        before, after = chosen[:place][::-1], chosen[place + 1 :]
        yield Rule(tuple(map(_read_condition, before)), tuple(map(_read_condition, after)), far, key)


@cache
def _read_condition(element: str) -> Condition:
    classes, words = 0, set[str]()
    for name in element.removeprefix("!").split("|"):
        classes |= CLASSES.get(name, 0)
        words.update(() if name in CLASSES else LISTS.get(name, (name,)))
    return Condition(classes, frozenset(words), not element.startswith("!"))
