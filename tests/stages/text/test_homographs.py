"""Which variant of a homograph is chosen: a table of sentences, and what a pattern of the rules means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stages.text.homograph_rules import RULES
from stages.text.homographs import CLASSES, LISTS, TABLE, choose, find_rules
from stages.text.tokens import Token
from stages.text.variants import VARIANTS, find_variants

HERE = Path(__file__).parent
KEYS = {"DEFAULT", "NOUN", "VERB", "ADJ", "ADV", "DT", "VBD", "VBN", "None"}
CONTRIVED = ["They *used* to this end every trick in the book."]  # no neighbour tells it from "they used to swim"


def read_tokens(sentence: str) -> tuple[list[Token], int]:
    """The words and marks of a sentence, and the place of the one between asterisks."""
    found = list(re.finditer(r"\*?[^\W_]+(?:['’-][^\W_]+)*['’]?\*?|[;:,.!?—…\"()“”]", sentence))
    words = [match.group().strip("*") for match in found]
    kinds = ["word" if word[0].isalnum() else "mark" for word in words]
    tokens = [
        Token(word, match.start(), match.end(), kind="word" if kind == "word" else "mark")
        for word, kind, match in zip(words, kinds, found, strict=True)
    ]
    return tokens, next(at for at, match in enumerate(found) if match.group().startswith("*"))


def choose_in(sentence: str) -> str | None:
    return choose(*read_tokens(sentence))


def read_rows(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def test_homographs_are_spoken_by_their_meaning() -> None:
    entries: dict[str, dict[str, str]] = {}
    for word, key, phonemes in read_rows("homograph_entries.tsv"):
        entries.setdefault(word, {})[key] = phonemes
    rows = read_rows("homographs.tsv")
    wrong = []
    for sentence, word, key in rows:
        entry = entries[word]
        if entry.get(str(choose_in(sentence)), entry["DEFAULT"]) != entry[key]:
            wrong.append(sentence)
    assert wrong == CONTRIVED
    assert len(rows) >= 500
    assert len({word for _, word, _ in rows}) >= 90


@pytest.mark.parametrize(
    ("sentence", "key"),
    [
        ("They *object*.", "VERB"),
        ("The *object*.", "NOUN"),
        ("They “*object*” often.", "VERB"),  # quotation marks are passed over
        ("I'll *permit* it.", "VERB"),  # 'll stands before it
        ("The dog's *permit*.", "NOUN"),  # 's owns it
        ("Take *that* hat.", "DT"),
        ("He said *that* I'll see.", "DEFAULT"),  # I stands after it
        ("We *record* music.", "VERB"),
        ("We broke *records* again.", "NOUN"),
        ("The speech *records* her views.", "VERB"),
        ("Buy *Polish* ham.", "DEFAULT"),
        ("*Polish* the boots.", "VERB"),
        ("The *US* senate.", "NOUN"),
        ("Tell *US* now.", "DEFAULT"),
        ("DO NOT TELL *US* NOW", "DEFAULT"),  # all is in capitals
        ("She came *in* by train.", "None"),
        ("She sat *in* the train.", "DEFAULT"),
        ("*That’s* the man.", "DT"),
        ("The man *that's* here.", "DEFAULT"),
        ("He *bowed* to her.", "VERB"),
        ("Is *that* the man?", "DT"),
        ("The truth—I own it—is *that* the man lied.", "DEFAULT"),  # a dash does not begin a sentence
        ("They went from house to *house*.", "DEFAULT"),
        ("They need ships to *house* troops.", "VERB"),
        ("The lamp is an *LED*.", "NOUN"),
        ("HE *LED* THEM", "DEFAULT"),
    ],
)
def test_a_neighbour_decides(sentence: str, key: str) -> None:
    assert choose_in(sentence) == key


def test_the_word_near_is_sought_in_the_same_sentence_only() -> None:
    assert choose_in("He caught a huge *bass* today.") == "DEFAULT"
    assert choose_in("He caught a train. The *bass* was loud.") == "ADJ"


@pytest.mark.parametrize("sentence", ["The *table*.", "They *walk*.", "*Hello*", "It is *the* end."])
def test_a_word_without_variants_has_no_key(sentence: str) -> None:
    assert choose_in(sentence) is None


def test_letters_and_marks_have_no_key() -> None:
    assert choose([Token("US", 0, 2, kind="letters")], 0) is None
    assert choose([Token(".", 0, 1, kind="mark")], 0) is None


def test_a_word_has_a_key_alone_and_among_odd_tokens() -> None:
    """Whatever stands beside it: nothing, an empty token, signs of other scripts."""
    for word in set(TABLE) - {"*", "*s"}:
        odd = [Token(text, 0, 0) for text in ("", "'", "’", "'s", "日本", "\ud800", word, "İ", "ß'LL", "-")]
        assert choose([Token(word, 0, len(word))], 0) is not None
        assert choose(odd, 6) is not None


def test_a_long_text_takes_time_by_its_length() -> None:
    """Each word looks at few tokens, though a mark between quotation marks has no end near."""
    quotes = [Token('"', 0, 1, kind="mark")] * 20
    tokens = [*quotes, *[Token("bass", 0, 4), *quotes] * 300]
    looked: list[int] = []

    class Counted(list[Token]):
        def __getitem__(self, at):  # type: ignore[no-untyped-def]
            looked.append(at)
            return super().__getitem__(at)

    counted = Counted(tokens)
    for at in range(len(tokens)):
        choose(counted, at)
    assert len(looked) < len(tokens) * 60


def test_every_name_in_a_rule_is_known() -> None:
    names = set(re.findall(r"\b[A-Z]{2,}\b", "\n".join(line.split(" : ")[1] for line in _lines())))
    assert names - set(CLASSES) - set(LISTS) == set()


def test_every_key_is_one_of_the_lexicon_or_of_the_variants() -> None:
    for line in _lines():
        words, _, key = (column.strip() for column in line.split(" : "))
        own = [find_variants(word, british=False) for word in words.split()]
        assert key in KEYS or all(entry and key in entry for entry in own), line


def test_every_list_is_used_and_every_rule_can_be_reached() -> None:
    used = set(re.findall(r"[A-Z'D]{2,}", "\n".join(_lines())))
    assert set(LISTS) - used == {"GENERAL"}
    for word in TABLE:
        rules = find_rules(word)
        always = [at for at, rule in enumerate(rules) if not (rule.before or rule.after or rule.far)]
        assert always == [len(rules) - 1], word


def test_variants_have_a_default_in_both_varieties() -> None:
    vocabulary = set("AIOQTWYabdfhijklmnpstuvwzæðŋɐɑɒɔəɛɜɡɪɹɾʃʊʌʒʤʧˈˌːθᵊᵻ")
    for line in VARIANTS.strip().split("\n"):
        word = line.split()[0]
        for british in (False, True):
            entry = find_variants(word, british=british)
            assert entry is not None
            assert "DEFAULT" in entry
            assert set("".join(entry.values())) <= vocabulary
    assert find_variants("lead", british=True) == {"DEFAULT": "lˈiːd", "METAL": "lˈɛd"}
    assert find_variants("table", british=False) is None


def _lines() -> list[str]:
    return [line for line in RULES.strip().split("\n") if line and not line.startswith("#")]
