"""Reading tables whose records are lines, and plain lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import RunError
from tests.runner.corpus.sources.reading import read_file

COUNT = "expected 2 as the header (id, text); no field can hold a tab or a line break"


def test_tsv_unquotes_fields_that_are_in_quotes_as_a_whole(tmp_path: Path) -> None:
    data = (
        '\ufeffid\t"te""xt"\r\n1\t"a, ""b"""\r\n2\t"Hello," he said.\n\n3\the said "no"\n4\t"\n5\t""\n6\t "a" \n'
        '7\t"Hi," she said, "go."\n'
    )
    texts = ['a, "b"', '"Hello," he said.', 'he said "no"', '"', "", ' "a" ', '"Hi," she said, "go."']
    lines = ["2", "3", "5", "6", "7", "8", "9"]
    expected = [{"id": str(number), 'te"xt': text} for number, text in enumerate(texts, 1)]
    assert read_file(tmp_path / "rows.tsv", data) == list(zip(lines, expected, strict=True))


def test_a_bad_line_of_tsv_is_a_fault(tmp_path: Path) -> None:
    found = read_file(tmp_path / "rows.tsv", b"id\ttext\n1\n2\ta\tb\n3\t\xfc\n4\t\0\n5\ta\n")
    assert found == [
        ("2", f"has 1 field, {COUNT}"),
        ("3", f"has 3 fields, {COUNT}"),
        ("4", "not UTF-8: byte 0xfc; save the file as UTF-8"),
        ("5", "holds a NUL byte; save the file as UTF-8"),
        ("6", {"id": "5", "text": "a"}),
    ]


TSV_HEADERS = {
    b"id,text\n1,a\n": "1: the header begins with 'id,text': commas part its columns, expected tabs; name it .csv, or "
    "read it as kind 'csv'",
    b"id\tid\n": "1: the header has 'id' more than once: columns 1 and 2; rename one",
    b"\xfc\tid\n": "1: the header cannot be read: not UTF-8: byte 0xfc; save the file as UTF-8",
}


@pytest.mark.parametrize("data", TSV_HEADERS)
def test_a_header_of_tsv_is_checked(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(RunError) as error:
        read_file(tmp_path / "rows.tsv", data)
    assert str(error.value) == f"{tmp_path / 'rows.tsv'}:{TSV_HEADERS[data]}"


def test_metadata_of_ljspeech_has_no_header_and_no_quotes(tmp_path: Path) -> None:
    data = 'LJ1|"Dr." Smith, 5|"Doctor" Smith, five\nLJ2|a||\nLJ3|b\n\nLJ4\nLJ5||\n'
    fault = "has {} pipes, expected id|text or id|text|normalised text"
    assert read_file(tmp_path / "metadata.csv", data, "ljspeech") == [
        ("1", {"id": "LJ1", "text": '"Dr." Smith, 5', "normalised": '"Doctor" Smith, five'}),
        ("2", fault.format(3)),
        ("3", {"id": "LJ3", "text": "b"}),
        ("5", fault.format(0)),
        ("6", {"id": "LJ5", "text": "", "normalised": ""}),
    ]


def test_a_line_of_text_is_the_column_text(tmp_path: Path) -> None:
    found = read_file(tmp_path / "rows.txt", b'\xef\xbb\xbf# a \r\n\n \t\n b, "c"\t\xff\nd\x0be\n')
    fault = "not UTF-8: byte 0xff; save the file as UTF-8"
    assert found == [("1", {"text": "# a"}), ("4", fault), ("5", {"text": "d\x0be"})]


def test_a_line_with_an_id_has_a_tab(tmp_path: Path) -> None:
    found = read_file(tmp_path / "rows.txt", "1\ta\tb \n2\n\tc\n", "ids")
    fault = "expected an id, a tab and the text, and there is no tab, or nothing behind it"
    assert found == [("1", {"id": "1", "text": "a\tb"}), ("2", fault), ("3", {"id": "", "text": "c"})]
