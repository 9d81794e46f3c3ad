"""Sentences of a text that arrives bit by bit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.serve.wyoming.sentences import LONGEST, SentenceStream


def cut(text: str, size: int = 1) -> list[str]:
    """The sentences of a text that arrives in bits of `size` characters."""
    stream = SentenceStream()
    found = [sentence for at in range(0, len(text), size) for sentence in stream.add(text[at : at + size])]
    return [*found, *stream.finish()]


CASES = {
    "plain": "The door is open.| It is cold!| Is it?| Yes…| No",
    "title": "Dr. Who met Mr. and Mrs. Smith of 10 St. James St.| They laughed.",
    "initials": "J. R. Smith wrote it.| A. Jones read it.",
    "dotted": "We met at 5 p.m. in the U.S. and left.| It was 5 p.m.| Then we slept, e.g. Tom did.",
    "figures": "It costs $3.50 or 3.5 kg.| See No. 5 and Fig. 3.| I said no.| He left in 1999.| Then it rained.",
    "quotes": '"Stop!" he said.| "Now!"| He stopped (at last).| So.',
    "lower case": "Wait... what?| Yahoo! is old.| We use vols. three to five.| iron.io. works.",
    "paragraphs": "Here it comes|\n\nA heading without a mark|\n \nThe end.",
    "list": "Do this:\n1. Wash it.| Well.|\n2. Dry it.",
    "markup": "[Dr. Who](/dˈɑktəɹ hˈu/) and [a. B](=a B) came.| [sic] Good.",
    "emphasis": "It is *done.*| Next.| __Really.__| Yes.",
    "other languages": "Guten Tag.| Was ist z.B. das?| मैं यहाँ हूँ।| ठीक है।",
    "document": '<speak>Hello there. <break time="1s"/> Dr. Who. Yes.</speak>',
    "document behind space": '\n\n<?xml version="1.0"?><speak>One. Two. Three.</speak>',
    "no document": "<3 is a heart.| <s> is not.",
    "one line end": "A line\nand another.| And\na third",
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("marked", CASES.values(), ids=CASES)
def test_sentences_end_where_a_reader_ends_them(marked: str, size: int) -> None:
    assert cut(marked.replace("|", ""), size) == marked.split("|")


def test_sentence_behind_a_plain_word_does_not_wait_for_the_next() -> None:
    stream = SentenceStream()
    assert list(stream.add("The door is open.")) == []
    assert list(stream.add(" ")) == ["The door is open."]


@pytest.mark.parametrize(
    ("bits", "ended"),
    [(["I met Dr.", " ", "Who"], ""), (["It is 5 p.m. The", " "], "It is 5 p.m."), (['"Go!" ', "He", " "], '"Go!"')],
)
def test_sentence_is_told_with_the_first_bit_that_makes_it_certain(bits: list[str], ended: str) -> None:
    stream = SentenceStream()
    assert [list(stream.add(bit)) for bit in bits] == [*([] for _ in bits[1:]), [ended] if ended else []]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("word " * 300, ("word " * 100)[:-1]),
        (("word, " * 50 + "word " * 100) * 2, ("word, " * 50)[:-1]),
        ("x" * 1200, "x" * LONGEST),
    ],
)
def test_sentence_that_is_too_long_is_cut(text: str, first: str) -> None:
    assert cut(text, 1000)[0] == cut(text)[0] == first


def test_waiting_is_what_no_sentence_has_yet() -> None:
    stream = SentenceStream()
    list(stream.add("It rained. Then"))
    assert stream.waiting == len(" Then")


WRITING = st.lists(
    st.sampled_from(
        ["Mr.", "open.", "p.m.", "U.S.", "No.", "5", "1.", "\n", "\n\n", "[", "](/a/)", "?!", "…", "The", "a"]
    )
    | st.text(max_size=8)
    | st.text(alphabet="x ", min_size=300, max_size=700),
    max_size=30,
).map(" ".join)


@given(WRITING, st.lists(st.integers(1, 40), min_size=1, max_size=10))
def test_any_text_is_cut_alike_however_it_arrives(text: str, sizes: list[int]) -> None:
    stream, at = SentenceStream(), 0
    found: list[str] = []
    while at < len(text):
        size = sizes[len(found) % len(sizes)]
        found += stream.add(text[at : at + size])
        at += size
    found += stream.finish()
    assert found == cut(text, max(1, len(text)))
    assert "".join(found) == text
    assert all(len(sentence) <= LONGEST for sentence in found) or text.lstrip().startswith(("<", "<?"))
