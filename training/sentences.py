"""Sentences for the corpus: any number of them from a seed, of every kind that people have read out.

Statements, questions, requests, lists, numbers, single words and long sentences are built from the word lists of
`words.txt` and from the words of the Debian package `wamerican`, whose 60 000 spellings bring every cluster of
phonemes. They sound like English and seldom mean anything. `heldout.txt` has the sentences the voice is judged by:
none of them is ever made here.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.errors import TrainingError

_HERE = Path(__file__).parent
_DICTIONARY = Path("/usr/share/dict/american-english")
_NOT_FOR_EVERYBODY = ("fuck", "shit", "cunt", "nigg", "rape", "slut", "whore", "porn", "sex", "shag")
_SPOKEN_TO = ("I", "you", "he", "she", "it", "we", "they")
_JOINTS = (
    ", and ", ", but ", ", so ", " because ", " when ", " if ", "; ", ", ", ": ", ", or ", " while ", " after ",
    " before ", " until ", " although ", ", then ", " as ", " that ", " — ",
)  # fmt: skip


def heldout() -> tuple[str, ...]:
    """The sentences the voice is judged by, fixed before it was trained."""
    return tuple((_HERE / "heldout.txt").read_text("utf-8").split("\n")[:-1])


def words_only(sentence: str) -> str:
    """`sentence` in lower case without punctuation: what two sentences have in common that are read the same."""
    return " ".join(re.findall(r"[a-z0-9']+", sentence.lower()))


def sentences(seed: int) -> Iterator[str]:
    """Sentences without end, each once, none held out; the same for the same seed and word lists."""
    grammar = _Grammar(random.Random(seed))
    seen = {words_only(sentence) for sentence in heldout()}
    while True:
        sentence = grammar.sentence()
        key = words_only(sentence)
        if key not in seen:
            seen.add(key)
            yield sentence


@functools.cache
def word_lists() -> dict[str, tuple[str, ...]]:
    """The sections of `words.txt`, and `any`: the plain words of wamerican of 3 to 13 letters.

    Raises
    ------
    TrainingError
        The dictionary is not installed.
    """
    lists: dict[str, tuple[str, ...]] = {}
    for section in re.split(r"^\[", (_HERE / "words.txt").read_text("utf-8"), flags=re.MULTILINE)[1:]:
        name, body = section.split("]", 1)
        lists[name] = tuple(entry.replace("_", " ") for entry in body.split())
    try:
        lines = _DICTIONARY.read_text("utf-8").split()
    except FileNotFoundError:
        raise TrainingError(
            f"{_DICTIONARY}: not found; the corpus takes its words from it. Install it: on Debian and Ubuntu, "
            "`apt-get install wamerican`"
        ) from None
    plain = (word for word in lines if re.fullmatch(r"[a-z]{3,13}", word))
    lists["any"] = tuple(word for word in plain if not any(part in word for part in _NOT_FOR_EVERYBODY))
    return lists


class _Grammar:
    """Templates and word lists; `self._draw` is the only source of chance."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._lists = word_lists()
        self._kinds = {
            self._statement: 30, self._compound: 24, self._question: 10, self._words: 9, self._request: 8,
            self._alone: 5, self._answer: 5, self._list: 4, self._long: 5,
        }  # fmt: skip

    def sentence(self) -> str:
        """One sentence of a kind drawn by its share."""
        (kind,) = self._draw.choices(list(self._kinds), list(self._kinds.values()))
        made = re.sub(r"\s+([,;:.]|\s)", r"\1", kind()).strip()
        return made[0].upper() + made[1:]

    def _statement(self) -> str:
        return self._clause() + self._pick("............!!…")

    def _compound(self) -> str:
        return self._clause() + self._pick(_JOINTS) + self._clause() + "."

    def _long(self) -> str:
        first, second = self._draw.sample(_JOINTS, 2)
        return self._clause() + first + self._clause() + second + self._clause() + "."

    def _answer(self) -> str:
        return self._word("opening") + self._pick((", ", ", ", ", ", "! ", ". ")) + self._clause() + self._pick(".!")

    def _request(self) -> str:
        verb, thing, other = self._word("verb"), self._thing(), self._thing()
        return self._pick((
            f"please {verb} {thing} {self._phrase()}.",
            f"{verb} {thing} and {self._word('verb')} {other}.",
            f"don't {verb} {thing}!",
            f"let us {verb} {thing} {self._word('when_or_where')}.",
            f"{verb} {thing}, please.",
        ))  # fmt: skip

    def _words(self) -> str:
        return " ".join(self._word("any") for _ in range(self._draw.randint(3, 9))) + "."

    def _alone(self) -> str:
        word = self._word(self._pick(("any", "any", "noun", "noun", "adjective", "name", "count")))
        described = f"{self._word('adjective')} {self._word('noun')}"
        return self._pick((word, word, word, described, self._number())) + self._pick("...!?")

    def _list(self) -> str:
        kind = self._pick(("noun", "any", "name", "adjective", "count"))
        *most, last = (self._word(kind) for _ in range(self._draw.randint(3, 5)))
        listed = ", ".join(most) + self._pick((" and ", ", and ", " or ")) + last
        return self._pick((f"{listed}.", f"{self._word('pronoun')} {self._word('verb_past')} {listed}.", f"{listed}?"))

    def _question(self) -> str:
        subject, verb, thing = self._pick(_SPOKEN_TO), self._word("verb"), self._thing()
        return self._pick((
            f"{self._pick(('why', 'when', 'where', 'how'))} did {subject} {verb} {thing}?",
            f"{self._word('modal')} {subject} {verb} {thing}?",
            f"what {self._pick(('is', 'was', 'about'))} {thing}?",
            f"{self._pick(('do', 'did'))} {subject} {verb} {thing} {self._phrase()}?",
            f"who {self._word('verb_past')} {thing}?",
            f"how {self._pick(('much', 'many', 'long', 'far', 'old', 'often'))} {self._pick(('is', 'was'))} {thing}?",
            f"is {thing} {self._word('adjective')} or {self._word('adjective')}?",
            f"{subject} {self._word('verb_past')} {thing}, right?",
        ))  # fmt: skip

    def _clause(self) -> str:
        who, verb, past, adjective = (self._word(kind) for kind in ("pronoun", "verb", "verb_past", "adjective"))
        thing, other, phrase, adverb = self._thing(), self._thing(), self._phrase(), self._word("adverb")
        something = self._determined(f"{adjective} {self._word('noun')}")
        return self._pick((
            f"{thing} {past} {other}",
            f"{thing} {self._word('verb_s')} {other} {phrase}",
            f"{who} {past} {thing} {phrase}",
            f"{who} {self._word('modal')} {verb} {thing}",
            f"{thing} {self._word('copula')} {self._word('degree')} {adjective}",
            f"{thing} {self._word('copula')} {adjective} {self._pick(('today', 'now', phrase))}",
            f"there {self._pick(('is', 'was', 'will be'))} {something} {phrase}",
            f"{self._number()} {self._word('noun')}s {past} {thing}",
            f"it took {self._number()} {self._word('unit')} to {verb} {thing}",
            f"{adverb}, {who} {past} {thing}",
            f"{thing} {past} {adverb} {phrase}",
            f"{who} {self._pick(('have', 'had'))} {self._pick(('never', 'always', 'just', 'already'))} {past} {thing}",
            f"{self._word('any')} {self._word('any')} {self._word('small')} {self._word('any')}",
            f"{self._pick(_SPOKEN_TO)} {self._word('wish')} to {verb} {thing}",
            f"{thing} {self._pick(('that', 'which'))} {self._word('verb_s')} {other} {past} {self._thing()}",
            f"the {self._word('noun')} of {thing} {past} {adverb}",
            f"{thing} and {other} are {adjective} {self._word('when_or_where')}",
            f"{who} {past} {thing} {self._word('when_or_where')}",
            f"{self._pick(('he', 'she', 'it'))} is {self._pick(('more', 'less', 'not'))} {adjective} than {thing}",
        ))  # fmt: skip

    def _phrase(self) -> str:
        return f"{self._word('preposition')} {self._thing()}"

    def _thing(self) -> str:
        if self._draw.random() < 0.08:
            return self._word("name")
        noun = self._word("noun" if self._draw.random() < 0.75 else "any")
        return self._determined(f"{self._word('adjective')} {noun}" if self._draw.random() < 0.4 else noun)

    def _determined(self, noun: str) -> str:
        determiner = self._word("determiner")
        return f"{'an' if determiner == 'a' and noun[0] in 'aeio' else determiner} {noun}"

    def _number(self) -> str:
        drawn = self._draw.random()
        if drawn < 0.4:
            return str(self._draw.randint(2, 99))
        if drawn < 0.6:
            return str(self._draw.randint(100, 9999))
        return self._pick((*self._lists["count"], "a hundred", "a thousand", "a million"))

    def _word(self, kind: str) -> str:
        return self._draw.choice(self._lists[kind])

    def _pick(self, choices: Sequence[str]) -> str:
        return self._draw.choice(choices)
