"""Any text goes from the normaliser to the phonemes of its words, in linear time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.text.english import load_pronouncer
from stages.text.homographs import choose
from stages.text.hyphens import join_hyphenated
from stages.text.normalizer import normalise
from stages.text.part_port import list_unknown, read_parts, write_parts
from stages.text.spelling import IDS, encode
from stages.text.token_port import read_tokens, write_tokens
from stages.text.utterance import pronounce_tokens
from tests.stages.text.test_normalizer import PIECES, VOCABULARY, check_tokens
from training.lexicon.measure import read_sentences

SENTENCES = Path(__file__).parent / "sentences_us.tsv"
# What rules begin with, and what they look ahead for.
MORE = [
    "12 W. ",
    "Gen. 1:1",
    "Nf3",
    "401(k)",
    "1½ c.",
    "5'9½\"",
    "£3 4s 6d",
    "-s",
    "~/",
    "*.md",
    "802.11ac",
    "2x",
    "¶¶",
]
MORE += [
    "Monday–",
    "Jan.",
    "Sun.",
    "etc",
    "Ms",
    "No. I",
    "IV",
    "ii",
    "`x`",
    "≈",
    "°F",
    "1e5",
    "10^8 m/s",
    "'90s",
    "#",
    "½",
]
MORE += [
    "\u200b",
    "\u0301",
    "\ufeff",
    "ﬁ",
    "ǅ",
    "İ",
    "ß",
    "Ⅷ",
    "①",
    "٣",
    "𝟛",
    "´",
    "\u2028",
    "\x85",
    "A",
    "Z'ers",
    "x86-64",
]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES + MORE), max_size=14).map("".join),
    st.lists(st.sampled_from(PIECES + MORE), max_size=14).map(" ".join),
    st.lists(st.one_of(st.sampled_from(PIECES + MORE), st.text(max_size=4)), max_size=12).map("".join),
)


def check_chain(text: str, british: bool) -> None:
    """Check a text from the normaliser to phonemes, as the stages hand it on."""
    tokens = join_hyphenated(normalise(text, british=british))
    spoken, rows = write_tokens(tokens)
    assert [token[:3] for token in read_tokens(spoken, rows)] == [token[:3] for token in tokens]
    parts = pronounce_tokens(tokens, load_pronouncer(british=british), choose)
    assert len(parts) == len(tokens)
    last = 0
    for token, spelled in zip(tokens, parts, strict=True):
        assert last <= token.start < token.end <= len(text)
        last = token.start
        known = "".join(part.phonemes for part in spelled if part.phonemes is not None)
        assert set(known) <= VOCABULARY, (token, spelled)
    assert read_parts(write_parts(parts)) == [list(spelled) for spelled in parts]
    assert all(0 <= letter < IDS for letter in encode(list_unknown(parts), british=british))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.booleans())
def test_any_text_has_phonemes_or_letters(text: str, british: bool) -> None:
    check_chain(text, british)


@pytest.mark.full
@settings(max_examples=100_000, deadline=None)
@given(TEXTS, st.booleans())
def test_a_hundred_thousand_texts_have_phonemes_or_letters(text: str, british: bool) -> None:
    check_chain(text, british)


DENSE = ["1-", "1/", "1,", "1:", "1.1.", "$1", "$5-$", "I.", "IV ", "a@", "a@a.", "(1", "((", "'a", '"a" ', "`", "[a]"]
DENSE += [
    "1%",
    "1 - ",
    "1x1",
    "1½",
    "①",
    "Ⅷ",
    "a.b",
    "www.a.",
    "~/a",
    "#a",
    "12 W. ",
    "St. ",
    "Jan. ",
    "Mon-",
    "1(a)",
    "§",
]
DENSE += ["a-", "😀", "\u0301", "日", "1\u00a0000", "ISO-8859-", "x1", "<a>", "=-", "…,"]
SMALL = 2000


@pytest.mark.parametrize("piece", DENSE)
def test_four_times_the_text_takes_about_four_times_as_long(piece: str) -> None:
    """A quadratic rule takes sixteen times as long. The least of three runs tells."""
    small, large = (
        min(measure(partial(normalise, (piece * size)[:size])) for _ in range(3)) for size in (SMALL, 4 * SMALL)
    )
    assert large < 10 * small + 0.002


def measure(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_a_line_of_a_megabyte_is_read_and_pronounced() -> None:
    prose = " ".join(text for text, _ in read_sentences(SENTENCES))
    text = (prose * (1_000_000 // len(prose) + 1))[:1_000_000]
    tokens = join_hyphenated(normalise(text))
    check_tokens(text, [token for token in tokens if "-" not in token.text])
    parts = pronounce_tokens(tokens, load_pronouncer(british=False), choose)
    assert len(parts) == len(tokens) > 150_000
    assert sum(part.phonemes is None for spelled in parts for part in spelled) < len(parts) // 100


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [("Ms. Lee", "mˈɪz"), ("Ms Lee", "mˈɪz"), ("Messrs. Hill", "mˈɛsəɹz"), ("etc.", "ɛtsˈɛTəɹə"), ("-s", "ˈɛs")],
)
def test_what_is_hardly_a_word_has_a_sound(text: str, phonemes: str) -> None:
    parts = pronounce_tokens(join_hyphenated(normalise(text)), load_pronouncer(british=False), choose)
    assert parts[0][0].phonemes == phonemes
