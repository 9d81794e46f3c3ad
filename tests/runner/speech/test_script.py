"""Marks between words: what they make of a row, what is refused, and where each text stands in the row."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.errors import RunError
from runner.speech.script import is_ssml, read_script
from runner.speech.segments import Segment

SPOKEN: dict[str, list[tuple[str, str | None, float, float]]] = {  # row -> text, voice, rate, pause
    "": [("", None, 1, 0)],
    " hello ": [(" hello ", None, 1, 0)],
    "a [pause:0.5s] b": [("a", None, 1, 0), ("b", None, 1, 0.5)],
    "a[pause:500ms]b": [("a", None, 1, 0), ("b", None, 1, 0.5)],
    "a [pause:60s] b": [("a", None, 1, 0), ("b", None, 1, 60)],
    "a [pause:0s] b": [("a", None, 1, 0), ("b", None, 1, 0)],
    "a [pause:.5s][pause:+1.s] b": [("a", None, 1, 0), ("b", None, 1, 1.5)],
    "a [pause: 1s ] b": [("a", None, 1, 0), ("b", None, 1, 1)],
    "a [pause:100ms]\t[pause:200ms] b": [("a", None, 1, 0), ("b", None, 1, 0.3)],  # exact: 0.1 + 0.2 is more
    "a [pause:333ms] b": [("a", None, 1, 0), ("b", None, 1, 0.333)],
    "[pause:1s] a ": [("a ", None, 1, 1)],
    " a [pause:1s]": [(" a", None, 1, 0), ("", None, 1, 1)],
    "[pause:1s]": [("", None, 1, 1)],
    "a [voice:am_adam] b": [("a", None, 1, 0), ("b", "am_adam", 1, 0)],
    "[voice:x] a [voice:y] b [voice:] c": [("a", "x", 1, 0), ("b", "y", 1, 0), ("c", None, 1, 0)],
    "[voice:af_heart*0.6+am_adam*0.4]a": [("a", "af_heart*0.6+am_adam*0.4", 1, 0)],
    "[voice:a(2),b(1)]a": [("a", "a(2),b(1)", 1, 0)],
    "[voice: voices/a.npy ] a": [("a", "voices/a.npy", 1, 0)],
    "a [rate:1.1] b [rate:1] c": [("a", None, 1, 0), ("b", None, 1.1, 0), ("c", None, 1, 0)],
    "[rate:0.25] a [rate:4] b": [("a", None, 0.25, 0), ("b", None, 4, 0)],
    "[rate:2] a [rate:1.5] b": [("a", None, 2, 0), ("b", None, 1.5, 0)],  # of the run's, not of the last one's
    "[pause:1s] [voice:x] [pause:2s] [rate:2] a": [("a", "x", 2, 3)],
    "a [voice:x] [pause:1s] [voice:y]": [("a", None, 1, 0), ("", "y", 1, 1)],
    "a\r\n[pause:1s]\nb": [("a", None, 1, 0), ("b", None, 1, 1)],
    # word-level markup and brackets of the text are left alone
    "[word](/wˈɜɹd/) [pause:1s] [GIF](as:characters)": [
        ("[word](/wˈɜɹd/)", None, 1, 0),
        ("[GIF](as:characters)", None, 1, 1),
    ],
    "[Pause] he said [1], [sic], [voice breaking], [rate], [paused: 1s], [Voice 2]": [
        ("[Pause] he said [1], [sic], [voice breaking], [rate], [paused: 1s], [Voice 2]", None, 1, 0)
    ],
    r"say \[pause:1s] or \[rate:x]": [(r"say \[pause:1s] or \[rate:x]", None, 1, 0)],
    r"\[pause:1s] [pause:1s] b": [(r"\[pause:1s]", None, 1, 0), ("b", None, 1, 1)],
    "\u00a0[pause:1s]\u2003[voice:x]\u00a0a": [("\u00a0a", "x", 1, 1)],  # white space alone is no text
    "[[pause:1s]]": [("[", None, 1, 0), ("]", None, 1, 1)],
}


@pytest.mark.parametrize("row", SPOKEN)
def test_marks_cut_a_row_into_segments(row: str) -> None:
    segments = read_script(row)
    assert [(each.text, each.voice, each.rate, each.pause) for each in segments] == SPOKEN[row]


MARK = r"correct the mark, or write \[ if it is no mark but text"
LENGTH = "expected a length from 0s to 60s, such as 0.5s or 500ms"
RATE = "expected a number from 0.25 to 4, such as 1.1"
REFUSED = {
    "ab [pause:]": f"column 4: got '[pause:]', {LENGTH}; {MARK}",
    "[pause:abc]": f"column 1: got '[pause:abc]', {LENGTH}; {MARK}",
    "[pause:1]": f"column 1: got '[pause:1]', {LENGTH}; {MARK}",
    "[pause:1 s]": f"column 1: got '[pause:1 s]', {LENGTH}; {MARK}",
    "[pause:1S]": f"column 1: got '[pause:1S]', {LENGTH}; {MARK}",
    "[pause:-1s]": f"column 1: got '[pause:-1s]', {LENGTH}; {MARK}",
    "[pause:.s]": f"column 1: got '[pause:.s]', {LENGTH}; {MARK}",
    "[pause:1e1s]": f"column 1: got '[pause:1e1s]', {LENGTH}; {MARK}",
    "[pause:١s]": f"column 1: got '[pause:١s]', {LENGTH}; {MARK}",
    "[pause:nans]": f"column 1: got '[pause:nans]', {LENGTH}; {MARK}",
    "[pause:60.001s]": f"column 1: got '[pause:60.001s]', {LENGTH}; {MARK}",
    "[pause:60001ms]": f"column 1: got '[pause:60001ms]', {LENGTH}; {MARK}",
    "a\nb [pause:1m]": f"line 2, column 3: got '[pause:1m]', {LENGTH}; {MARK}",
    "[pause:1s] [rate:fast]": f"column 12: got '[rate:fast]', {RATE}; {MARK}",
    "[rate:]": f"column 1: got '[rate:]', {RATE}; {MARK}",
    "[rate:0]": f"column 1: got '[rate:0]', {RATE}; {MARK}",
    "[rate:0.249]": f"column 1: got '[rate:0.249]', {RATE}; {MARK}",
    "[rate:4.001]": f"column 1: got '[rate:4.001]', {RATE}; {MARK}",
    "[rate:120%]": f"column 1: got '[rate:120%]', {RATE}; {MARK}",
    "😀 [voice:a*2]": "column 3: got '[voice:a*2]', expected a voice, such as af_heart or af_heart*0.6+am_adam*0.4 "
    f"(voice 'a*2': a weight has no meaning for a single voice; add another with +, or drop it); {MARK}",
    "[Pause:1s]": f"column 1: got '[Pause:1s]', expected [pause:0.5s], in small letters and without spaces; {MARK}",
    "[ pause:1s]": f"column 1: got '[ pause:1s]', expected [pause:0.5s], in small letters and without spaces; {MARK}",
    "[rate : 1]": f"column 1: got '[rate : 1]', expected [rate:1.1], in small letters and without spaces; {MARK}",
    "[pause=1s]": f"column 1: got '[pause=1s]', expected [pause:0.5s], in small letters and without spaces; {MARK}",
    "[Pause 1s]": f"column 1: got '[Pause 1s]', expected [pause:0.5s], in small letters and without spaces; {MARK}",
    "[VOICE:a]": f"column 1: got '[VOICE:a]', expected [voice:af_heart], in small letters and without spaces; {MARK}",
    "[pause:[1s]]": f"column 1: got '[pause:[1s]', expected [pause:0.5s], in small letters and without spaces; {MARK}",
    "a [pause:1s": "column 3: got '[pause:1s' without a ']', expected [pause:0.5s], in small letters and without "
    f"spaces; {MARK}",
    "[pause:\x1b"
    + 50 * "x": rf"column 1: got '[pause:\x1b{32 * 'x'}...' without a ']', expected [pause:0.5s], in small "
    f"letters and without spaces; {MARK}",
    "[voice:x] [rate:2] [pause:0s]": "nothing is spoken: got marks alone, expected a text or a pause beside "
    "them; add one",
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_nearly_a_mark_is_refused_with_its_place(row: str) -> None:
    with pytest.raises(RunError) as caught:
        read_script(row)
    assert str(caught.value) == REFUSED[row]


@pytest.mark.parametrize("row", [row for row in SPOKEN if "\u2003" not in row])
def test_lines_of_phonemes_have_the_same_marks(row: str) -> None:
    assert read_script(row, phonemes=True) == read_script(row)


def test_in_phonemes_only_plain_spaces_are_none() -> None:
    """Any other may be a symbol: whoever reads them tells."""
    assert [each.text for each in read_script("\u2003[pause:1s] \u00a0 ", phonemes=True)] == ["\u2003", "\u00a0 "]


def test_lines_are_counted_from_that_of_the_row() -> None:
    with pytest.raises(RunError, match=r"^line 8, column 2: got '\[rate:x\]'"):
        read_script("a\n [rate:x]", line=7)
    with pytest.raises(RunError, match=r"^column 2: got '\[rate:x\]'"):
        read_script("a[rate:x]", line=7)


def test_in_phonemes_no_backslash_is_offered() -> None:
    with pytest.raises(RunError) as caught:
        read_script("həlˈO [pause:x]", phonemes=True)
    assert str(caught.value) == f"column 7: got '[pause:x]', {LENGTH}; correct the mark"


def test_only_a_text_can_be_a_document() -> None:
    assert [is_ssml(row) for row in ("<speak>", " \r\n\t<?xml", "<speaker", "a <speak>", "< speak>", "")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    assert [each.text for each in read_script("<speak>a</speak>", phonemes=True)] == ["<speak>a</speak>"]


def test_places_are_those_of_the_row() -> None:
    row = " one😀 [pause:1s]\t two [voice:x] three [pause:2s] [pause:3s] "
    one, two, three, end = read_script(row)
    for segment in (one, two, three):
        assert_literal(row, segment)
    assert [each.places.find(0) for each in (one, two, three)] == [0, row.index("two"), row.index("three")]
    assert [each.places.find_end(len(each.text)) for each in (one, two)] == [
        row.index(" [pause:1s]"),
        row.index(" [voice"),
    ]
    assert (end.text, end.places.find(0), end.places.find_end(0)) == (
        "",
        row.index("[pause:2s]"),
        row.index("[pause:2s]"),
    )


def assert_literal(row: str, segment: Segment) -> None:
    """Check that a segment is a part of the row as it is."""
    start = segment.places.find(0)
    for at in range(len(segment.text) + 1):
        assert segment.places.find(at) == start + at
        assert segment.places.find_end(at) == start + at
    assert row[start : start + len(segment.text)] == segment.text


PARTS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        ["[", "]", "\\", ":", " ", "\n", "[pause:", "[rate:", "[voice:", "pause", "1s", "2", "a+b", "[Pause"]
    ),
    st.sampled_from(["[pause:1s]", "[pause:20ms]", "[voice:x]", "[voice:]", "[rate:2]"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PARTS, max_size=12).map("".join))
@example("\\[pause:1s]\\")
def test_any_row_is_read_or_refused(row: str) -> None:
    try:
        segments = read_script(row, phonemes=True)
    except RunError:
        return
    assert all(each.text for each in segments[:-1])
    at = 0
    for segment in segments:
        assert_literal(row, segment)
        between = row[at : segment.places.find(0)]
        assert re.fullmatch(r"([ \t\r\n]|\[(pause|voice|rate):[^\[\]]*\])*", between)
        at = segment.places.find_end(len(segment.text))


@pytest.mark.parametrize("piece", ["[", "[pause:1s]", "[pause", "\\[", "[ ", " [x] ", "a [rate:1] "])
def test_the_time_is_linear(piece: str) -> None:
    def measure(count: int) -> float:
        row = piece * count + "a"
        times = []
        for _ in range(3):
            begin = time.process_time()
            read_script(row)
            times.append(time.process_time() - begin)
        return min(times)

    assert measure(20_000) < 40 * measure(2_000) + 0.05
