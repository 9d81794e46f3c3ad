"""Input lines to utterances."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from runner import lines
from runner.errors import RunError
from runner.lines import Utterance


def texts(path: Path, data: bytes) -> list[tuple[str, int]]:
    path.write_bytes(data)
    return [(u.phonemes, int(u.origin.rpartition(":")[2])) for u in lines.from_file(str(path))]


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


def test_from_file_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("ə\n".encode())))
    assert lines.from_file("-") == [Utterance("ə", "standard input:1")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no utterance; each line is one, blank lines and # comments aside"),
        (b"# only\n\n", "holds no utterance"),
        (b"a\nb\xff\n", ":2: not UTF-8: byte 0xff; save the file as UTF-8"),
    ],
)
def test_from_file_refuses(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "ipa.txt"
    path.write_bytes(data)
    with pytest.raises(RunError) as error:
        lines.from_file(str(path))
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_from_file_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.txt: cannot be read: No such file or directory"):
        lines.from_file(str(tmp_path / "none.txt"))


def test_from_option_is_one_utterance() -> None:
    assert lines.from_option("hɛloʊ ") == [Utterance("hɛloʊ", "--phonemes")]


def test_from_option_refuses_a_blank() -> None:
    with pytest.raises(RunError, match="--phonemes: nothing to say"):
        lines.from_option("  ")
