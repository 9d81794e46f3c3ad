"""From durations to times, and the files that hold them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from runner.errors import RunError
from runner.speech import timestamp_files
from runner.speech.timestamps import Span, Timing, WordSpan, move_spans, time_symbols
from stages.symbols import Symbol, normalise
from tests.conftest import ROOT

VOCAB: dict[str, int] = json.loads((ROOT / "configs/models/mini/config.json").read_text("utf-8"))["vocab"]
FRAME = 600  # samples: 25 ms
LINE = "hə, lO"
DURATIONS = np.array([[4, 2, 3, 1, 1, 5, 6, 2]])  # zero h ə , space l O zero
SECOND = 24_000


def symbols(text: str = LINE) -> list[Symbol]:
    return list(normalise(text, VOCAB))


def frames(given: Iterable[Span | WordSpan]) -> list[tuple[str, int, float, float]]:
    return [(span.text, span.column, span.start / FRAME, span.end / FRAME) for span in given]


def timing(start: int = 0) -> Timing:
    found = [span.later(start) for span in time_symbols(symbols(), DURATIONS, FRAME, 24 * FRAME)]
    return Timing("ipa.txt:7", LINE, start, start + 24 * FRAME, [found])


def test_a_symbol_lasts_as_long_as_its_token() -> None:
    assert frames(time_symbols(symbols(), DURATIONS, FRAME, 24 * FRAME)) == [
        ("h", 1, 4, 6),
        ("ə", 2, 6, 9),
        (",", 3, 9, 10),
        (" ", 4, 10, 11),
        ("l", 5, 11, 16),
        ("O", 6, 16, 22),
    ]


def test_padding_behind_the_tokens_does_not_matter() -> None:
    padded = np.pad(DURATIONS, ((0, 0), (0, 5)))
    assert time_symbols(symbols(), padded, FRAME, 24 * FRAME) == time_symbols(symbols(), DURATIONS, FRAME, 24 * FRAME)


@pytest.mark.parametrize(
    ("text", "durations", "samples"),
    [(LINE, DURATIONS, 23 * FRAME), (LINE[:-1], DURATIONS, 24 * FRAME), (LINE + "l", DURATIONS, 24 * FRAME)],
)
def test_durations_of_something_else_are_refused(text: str, durations: np.ndarray, samples: int) -> None:
    with pytest.raises(RunError, match=r"durations are of 8 tokens and 14400 samples, but the audio is of \d tokens"):
        time_symbols(symbols(text), durations, FRAME, samples)


def test_a_word_is_what_lies_between_spaces_and_marks() -> None:
    assert frames(timing().words()) == [("hə", 1, 4, 9), ("lO", 5, 11, 22)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("“hə?” (lO) — hə…", ["hə", "lO", "hə"]),
        ("hə—lO", ["hə", "lO"]),
        ("hˈə lˌO ↗ ẽː", ["hˈə", "lˌO", "↗", "ẽː"]),
    ],
)
def test_words_keep_stress_length_and_tone(text: str, words: list[str]) -> None:
    given = symbols(text)
    tokens = np.ones((1, len(given) + 2), np.int64)
    found = time_symbols(given, tokens, FRAME, FRAME * (len(given) + 2))
    assert [span.text for span in Timing("", text, 0, 0, [found]).words()] == words


def test_words_end_where_a_line_was_split() -> None:
    chunks = [[Span("a", 1, 0, 10)], [Span("b", 3, 10, 20)]]
    assert [span.text for span in Timing("", "a b", 0, 20, chunks).words()] == ["a", "b"]


def test_what_a_joint_cut_off_has_no_length() -> None:
    given = [Span("a", 1, 0, 50), Span("b", 2, 50, 200), Span(".", 3, 200, 400)]
    assert move_spans(given, columns=10, samples=-60, limit=100) == [
        Span("a", 11, 0, 0),
        Span("b", 12, 0, 100),
        Span(".", 13, 100, 100),
    ]


def write(path: Path) -> str:
    """Two lines with a pause of half a second, as a file."""
    lines = [timing(), timing(24 * FRAME + SECOND // 2)]
    timestamp_files.write(path, lambda: lines, 48 * FRAME + SECOND // 2, SECOND)
    return path.read_text(encoding="utf-8")


def test_json_tells_everything(tmp_path: Path) -> None:
    table = json.loads(write(tmp_path / "t.json"))
    assert {key: table[key] for key in table if key != "utterances"} == {
        "format": 1,
        "sample_rate": 24_000,
        "seconds": 1.7,
    }
    first, second = table["utterances"]
    assert (first["line"], first["phonemes"], first["start"], first["end"]) == ("ipa.txt:7", LINE, 0.0, 0.6)
    assert first["words"][1] == {"text": "lO", "column": 5, "start": 0.275, "end": 0.55}
    assert len(first["symbols"]) == 6
    assert (second["start"], second["end"]) == (1.1, 1.7)
    assert second["words"][1] == {"text": "lO", "column": 5, "start": 1.375, "end": 1.65}


def test_tsv_has_a_row_each(tmp_path: Path) -> None:
    head, *rows = [line.split("\t") for line in write(tmp_path / "t.tsv").splitlines()]
    assert head == ["start", "end", "kind", "text", "line", "column"]
    assert rows[:3] == [
        ["0.0", "0.6", "utterance", LINE, "ipa.txt:7", "1"],
        ["0.1", "0.225", "word", "hə", "ipa.txt:7", "1"],
        ["0.275", "0.55", "word", "lO", "ipa.txt:7", "5"],
    ]
    assert [row[2] for row in rows] == ["utterance", *["word"] * 2, *["symbol"] * 6] * 2


def test_srt_has_a_cue_a_word(tmp_path: Path) -> None:
    cues = write(tmp_path / "t.srt").split("\n\n")
    assert cues[0] == "1\n00:00:00,100 --> 00:00:00,225\nhə"
    assert cues[3] == "4\n00:00:01,375 --> 00:00:01,650\nlO"
    assert len(cues) == 5


def test_vtt_has_a_cue_a_word(tmp_path: Path) -> None:
    head, *cues = write(tmp_path / "t.VTT").split("\n\n")
    assert head == "WEBVTT"
    assert cues[0] == "00:00:00.100 --> 00:00:00.225\nhə"


def test_clock_counts_hours(tmp_path: Path) -> None:
    end = 3_723 * SECOND + SECOND // 2
    line = Timing("", "a", 0, end, [[Span("a", 1, end - SECOND, end)]])
    timestamp_files.write(tmp_path / "t.srt", lambda: [line], end, SECOND)
    assert "01:02:02,500 --> 01:02:03,500" in (tmp_path / "t.srt").read_text(encoding="utf-8")


def test_textgrid_tiles_the_whole_time(tmp_path: Path) -> None:
    text = write(tmp_path / "t.TextGrid")
    assert text.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 1.7\n')
    tiers = text.split("    item [")[1:]
    assert [re.search('name = "(.*)"', tier)[1] for tier in tiers] == ["utterances", "words", "symbols"]  # type: ignore[index]
    for tier, count in zip(tiers, (3, 9, 15), strict=True):
        edges = [float(edge) for edge in re.findall(r"^ {12}xm(?:in|ax) = (.*)$", tier, re.MULTILINE)]
        assert (edges[0], edges[-1]) == (0.0, 1.7)
        assert edges[1:-1:2] == edges[2::2]
        assert all(start < end for start, end in zip(edges[::2], edges[1::2], strict=True))
        assert f"intervals: size = {count}" in tier
        assert len(edges) == 2 * count


def test_textgrid_doubles_quotes_and_leaves_out_what_has_no_length(tmp_path: Path) -> None:
    line = Timing("", '"a', 0, 600, [[Span('"', 1, 0, 0), Span("a", 2, 0, 600)]])
    timestamp_files.write(tmp_path / "t.TextGrid", lambda: [line], 600, SECOND)
    text = (tmp_path / "t.TextGrid").read_text(encoding="utf-8")
    assert re.findall(r'^ {12}text = (".*")$', text, re.MULTILINE) == ['"""a"', '"a"', '"a"']


def test_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no format of timestamps is called '.txt'; there are .json, .tsv, .TextGrid"):
        timestamp_files.check_format(tmp_path / "t.txt")


def test_nothing_is_left_of_a_file_that_fails(tmp_path: Path) -> None:
    def lines() -> Iterable[Timing]:
        yield timing()
        raise RunError("no more")

    (tmp_path / "t.json").write_text("old", encoding="utf-8")
    with pytest.raises(RunError, match="no more"):
        timestamp_files.write(tmp_path / "t.json", lines, 0, SECOND)
    assert [(path.name, path.read_text("utf-8")) for path in tmp_path.iterdir()] == [("t.json", "old")]


def test_no_text_is_two_cells(tmp_path: Path) -> None:
    line = Timing("ipa.txt:7", "h\tə\r", 0, 2 * FRAME, [])
    timestamp_files.write(tmp_path / "t.tsv", lambda: [line], 2 * FRAME, SECOND)
    rows = (tmp_path / "t.tsv").read_text("utf-8").splitlines()
    assert rows[1:] == [r"0.0	0.05	utterance	h\tə\r	ipa.txt:7	1"]
