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
