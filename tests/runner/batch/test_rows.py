"""Reading rows."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from runner.batch import rows
from runner.batch.rows import Row
from runner.errors import RunError


def texts(path: Path, data: bytes) -> list[tuple[str, int]]:
    path.write_bytes(data)
    with rows.from_file(str(path)) as found:
        once = [(row.text, int(row.origin.rpartition(":")[2])) for row in found]
        assert [(row.text, int(row.origin.rpartition(":")[2])) for row in found] == once
    return once


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a\nb\n", [("a", 1), ("b", 2)]),
        ("a", [("a", 1)]),
        ("\n\n a \n", [(" a", 3)]),
        ("# note\na\n  # note\nb # c\n", [("a", 2), ("b # c", 4)]),
        ("a\r\n\r\nb\r\n", [("a", 1), ("b", 3)]),
        ("\ufeffa\n", [("a", 1)]),
        ("hˈɛ\u2028loʊ\n", [("hˈɛ\u2028loʊ", 1)]),
    ],
)
def test_from_file_keeps_line_numbers(tmp_path: Path, data: str, expected: list[tuple[str, int]]) -> None:
    assert texts(tmp_path / "ipa.txt", data.encode()) == expected


LINES_WITH_IDS = {
    "utt1\thəlˈO \n": ("həlˈO", "utt1"),
    "utt 1\t həlˈO\tə\n": (" həlˈO\tə", "utt 1"),
    "\ufeffq.1\tə": ("ə", "q.1"),
    "ü\tə\r\n": ("ə", "ü"),
    "a" * 200 + "\tə": ("ə", "a" * 200),
}
NO_TAB = "expected an id, a tab and the line, and there is no tab, or nothing behind it"
EDGE = "begins with a dot, or begins or ends with a space; leave it out"
FAULTS = {
    "həlˈO\n": NO_TAB,
    "utt1\t \n": NO_TAB,
    "\tə\n": "the id in front of the tab is empty; give one",
    "a/b\tə\n": "id 'a/b' holds '/', which no name of a file may hold; leave it out",
    "a\x07b\tə\n": "id 'a\\x07b' holds U+0007, which no name of a file may hold; leave it out",
    "a\u2028b\tə\n": "id 'a\\u2028b' holds U+2028, which no name of a file may hold; leave it out",
    ".a\tə\n": f"id '.a' {EDGE}",
    "..\tə\n": f"id '..' {EDGE}",
    " a\tə\n": f"id ' a' {EDGE}",
    "a \tə\n": f"id 'a ' {EDGE}",
    "ü" * 101 + "\tə\n": f"id '{'ü' * 40}...' has 202 bytes, expected at most 200; shorten it",
}


@pytest.mark.parametrize("line", LINES_WITH_IDS)
def test_an_id_stands_in_front_of_a_tab(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ipa.txt"
    path.write_bytes(f"# utt0\tə\n\n{line}".encode() if line[0] != "\ufeff" else line.encode())
    with rows.from_file(str(path), "ids") as found:
        (row,) = found
    assert (row.text, row.id, row.stem(7)) == (*LINES_WITH_IDS[line], LINES_WITH_IDS[line][1])
    assert row.label == f"{path}:{row.number} ({row.id})"


@pytest.mark.parametrize("line", FAULTS)
def test_a_line_without_a_good_id_is_bad_alone(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ipa.txt"
    path.write_text(f"{line}utt2\tə\n", "utf-8")
    with rows.from_file(str(path), "ids") as found:
        bad, good = found
    assert (good.text, good.id, good.number) == ("ə", "utt2", 2)
    with pytest.raises(RunError) as error:
        _ = bad.text
    assert (str(error.value), bad.id) == (FAULTS[line], None)


def test_an_id_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ipa.txt").write_bytes(b"a\xff\th\n")
    with rows.from_file(str(tmp_path / "ipa.txt"), "ids") as found:
        (bad,) = found
    with pytest.raises(RunError, match=r"^the id is not UTF-8: byte 0xff; save the file as UTF-8$"):
        _ = bad.text


@pytest.mark.parametrize(("last", "stem"), [(7, "0007"), (9999, "0007"), (100_000, "000007")])
def test_a_row_without_an_id_is_called_by_the_number_of_its_line(last: int, stem: str) -> None:
    assert Row(b"h", "ipa.txt:7", 7).stem(last) == stem


def test_from_file_reads_standard_input_more_than_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("ə\n".encode())))
    with rows.from_file("-") as found:
        for _ in range(2):
            assert [(row.text, row.origin) for row in found] == [("ə", "standard input:1")]


def test_from_file_reads_a_pipe_more_than_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("a\nb\n",))
    writer.start()
    with rows.from_file(str(tmp_path / "pipe")) as found:
        assert [[row.text for row in found] for _ in range(2)] == [["a", "b"]] * 2
    writer.join()


def test_loops_over_a_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    (tmp_path / "ipa.txt").write_text("a\nb\n", encoding="utf-8")
    with rows.from_file(str(tmp_path / "ipa.txt")) as found:
        assert [(one.text, other.text) for one in found for other in found] == [
            *(("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"))
        ]


@pytest.mark.parametrize("data", [b"", b"# only\n\n", b"\xef\xbb\xbf \n"])
def test_from_file_refuses_an_input_without_rows(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "ipa.txt"
    path.write_bytes(data)
    with pytest.raises(RunError) as error, rows.from_file(str(path)):
        pass
    assert str(error.value) == f"{path}: has no line but blank ones and # comments"


def test_a_line_that_is_not_utf_8_is_bad_alone() -> None:
    bad = Row(b"b\xff", "ipa.txt:2")
    with pytest.raises(RunError, match=r"^not UTF-8: byte 0xff; save the file as UTF-8$"):
        _ = bad.text


def test_from_file_refuses_a_missing_file(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match=r"none\.txt: cannot be read: No such file or directory"),
        rows.from_file(str(tmp_path / "none.txt")),
    ):
        pass


def test_from_option_is_one_row() -> None:
    assert [(row.text, row.origin) for row in rows.from_option("hɛloʊ ", "--phonemes")] == [("hɛloʊ", "--phonemes")]


def test_from_option_refuses_a_blank() -> None:
    with pytest.raises(RunError, match="--phonemes: is blank; give at least one symbol"):
        rows.from_option("  ", "--phonemes")


PROSE = {
    "One\ntwo\n\nThree\n": [(1, "One\ntwo"), (4, "Three")],
    "\n\n  # Title\n \t\r\nText. \n\n\n": [(3, "  # Title"), (5, "Text.")],
    "\ufeffOne": [(1, "One")],
    "A\r\nB\r\n\r\nC\r\n": [(1, "A\r\nB"), (4, "C")],
    "<speak>a\n\nb</speak>\n\nC\n": [(1, "<speak>a\n\nb</speak>"), (5, "C")],
    "<?xml version='1.0'?>\n\n<speak>a\n</speak>\nC\n": [(1, "<?xml version='1.0'?>\n\n<speak>a\n</speak>"), (5, "C")],
    "<speak/>\nC\n": [(1, "<speak/>"), (2, "C")],
    "<speak>never\n\nclosed\n": [(1, "<speak>never\n\nclosed")],
}


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_read_by_paragraphs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "story.txt"
    path.write_bytes(text.encode())
    with rows.from_file(str(path), "paragraphs") as found:
        assert [(row.number, row.text) for row in found] == PROSE[text]
        assert [row.origin for row in found] == [f"{path}:{number}" for number, _ in PROSE[text]]


def test_prose_of_an_option_may_have_paragraphs() -> None:
    assert [(row.origin, row.text) for row in rows.from_option("One\ntwo ", "--text", "paragraphs")] == [
        ("--text", "One\ntwo")
    ]
    assert [(row.origin, row.text) for row in rows.from_option("\nOne\n\ntwo", "--text", "paragraphs")] == [
        ("--text:2", "One"),
        ("--text:4", "two"),
    ]
    with pytest.raises(RunError, match="--text: is blank; give at least one word"):
        rows.from_option(" \n ", "--text", "paragraphs")
