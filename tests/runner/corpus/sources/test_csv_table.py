"""Reading CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import RunError
from tests.runner.corpus.sources.reading import read_file

HEADER = "id,text,voice\n"
NOT_CLOSED = 'a quote is opened and not closed; write "" for a quote in a field in quotes'
NOT_DOUBLED = 'a quote in a field, or behind one in quotes; write "" for a quote in a field in quotes'
HINT = "put a field that holds a comma or a line break into quotes"
RECORDS = {
    '1,"a ""b"", c",x\n2,d,\n': [("2", ("1", 'a "b", c', "x")), ("3", ("2", "d", ""))],
    '1,"a\r\nb\n\nc",x\r\n2,d,y': [("2", ("1", "a\r\nb\n\nc", "x")), ("6", ("2", "d", "y"))],
    '\n1,5" disk,x\n\r\n': [("3", ("1", '5" disk', "x"))],
    '1," a\u2028b\x0bc ",x\n': [("2", ("1", " a\u2028b\x0bc ", "x"))],
    ",,\n": [("2", ("", "", ""))],
}
FAULTS = {
    "1,a\n2,b,y\n": [
        ("2", f"has 2 fields, expected 3 as the header (id, text, voice); {HINT}"),
        ("3", ("2", "b", "y")),
    ],
    "a\n2,b,y\n": [("2", f"has 1 field, expected 3 as the header (id, text, voice); {HINT}"), ("3", ("2", "b", "y"))],
    "1,a, b,x\n": [("2", f"has 4 fields, expected 3 as the header (id, text, voice); {HINT}")],
    '1,"a,x\n2,b,y\n3,c,z\n': [("2", NOT_CLOSED), ("3", ("2", "b", "y")), ("4", ("3", "c", "z"))],
    '1,"a,x\n2,"b",y\n3,c,z\n': [("2", NOT_DOUBLED), ("3", ("2", "b", "y")), ("4", ("3", "c", "z"))],
    '1,"a" b,x\n2,b,y\n': [("2", NOT_DOUBLED), ("3", ("2", "b", "y"))],
    '1,"he said \\"no\\".",x\n2,b,y\n': [("2", NOT_DOUBLED), ("3", ("2", "b", "y"))],
    "1,a\0b,x\n2,b,y\n": [("2", "holds a NUL byte; save the file as UTF-8"), ("3", ("2", "b", "y"))],
    '1,"a\n\0b",x\n2,b,y\n': [("2", "holds a NUL byte; save the file as UTF-8"), ("4", ("2", "b", "y"))],
    "1,a\rb,x\n2,b,y\n": [
        ("2", "a carriage return is in a field without quotes, or ends lines; expected LF or CRLF"),
        ("3", ("2", "b", "y")),
    ],
    f'1,"{"x" * 140_000}",x\n2,b,y\n': [
        ("2", "a field has more than 131072 characters, or a quote is opened and not closed"),
        ("3", ("2", "b", "y")),
    ],
}


def rows(found: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return [(place, tuple(value.values()) if isinstance(value, dict) else value) for place, value in found]


@pytest.mark.parametrize("data", RECORDS)
def test_records_are_those_of_rfc_4180(tmp_path: Path, data: str) -> None:
    assert rows(read_file(tmp_path / "rows.csv", HEADER + data)) == RECORDS[data]


@pytest.mark.parametrize("data", FAULTS)
def test_a_bad_record_is_a_fault_and_swallows_no_other(tmp_path: Path, data: str) -> None:
    assert rows(read_file(tmp_path / "rows.csv", HEADER + data)) == FAULTS[data]


def test_a_quote_that_swallows_a_thousand_rows_loses_none(tmp_path: Path) -> None:
    data = HEADER + '0,"never closed,x\n' + "".join(f"{number},a b c,x\n" for number in range(1, 20_000))
    found = rows(read_file(tmp_path / "rows.csv", data))
    assert found[0] == ("2", "a field has more than 131072 characters, or a quote is opened and not closed")
    assert found[1:] == [(str(number + 2), (str(number), "a b c", "x")) for number in range(1, 20_000)]


def test_bytes_that_are_no_utf_8_are_a_fault_of_their_record(tmp_path: Path) -> None:
    found = read_file(tmp_path / "rows.csv", b'id,text\n1,"a\nm\xfcde"\n2,b\n3,"\xff"\n')
    fault = "not UTF-8: byte 0x{}; save the file as UTF-8"
    assert found == [("2", fault.format("fc")), ("4", {"id": "2", "text": "b"}), ("5", fault.format("ff"))]


def test_a_file_of_excel_is_read(tmp_path: Path) -> None:
    found = read_file(tmp_path / "rows.csv", '\ufeffid, Text \r\nü1,"Grüße, ""Du"""\r\n'.encode())
    assert found == [("2", {"id": "ü1", "Text": 'Grüße, "Du"'})]


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    assert read_file(tmp_path / "rows.csv", ",text,\n0,a,b\n") == [("2", {"column1": "0", "text": "a", "column3": "b"})]


SPREADSHEET = "a spreadsheet writes semicolons where the decimal sign is a comma"
HEADERS = {
    "id;text;voice\n1;a;x\n": "1: the header begins with 'id;text;voice': semicolons part its columns, expected "
    f"commas; save it with commas, or with tabs as .tsv; {SPREADSHEET}",
    "\nid\ttext\n": "2: the header begins with 'id\\ttext': tabs part its columns, expected commas; "
    "name it .tsv, or read it as kind 'tsv'",
    "LJ1|In, the|In\n": "1: the header begins with 'LJ1|In': pipes part its columns, expected commas; save it with "
    "commas; LJSpeech's metadata.csv, which has no header, is read as kind 'ljspeech'",
    "id,text, id\n": "1: the header has 'id' more than once: columns 1 and 3; rename one",
    'id,"text\n1,a\n': f"1: the header cannot be read: {NOT_CLOSED}",
    "id,te\0xt\n": "1: the header cannot be read: holds a NUL byte; save the file as UTF-8",
    "id,text\r1,a\r": "1: the header cannot be read: a carriage return is in a field without quotes, or ends lines; "
    "expected LF or CRLF",
}


@pytest.mark.parametrize("data", HEADERS)
def test_a_header_that_names_no_columns_is_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(RunError) as error:
        read_file(tmp_path / "rows.csv", data)
    assert str(error.value) == f"{tmp_path / 'rows.csv'}:{HEADERS[data]}"


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.lists(st.lists(FIELD, min_size=2, max_size=2), min_size=1, max_size=6), st.booleans())
def test_what_python_writes_is_read_back(tmp_path: Path, table: list[list[str]], quotes_all: bool) -> None:
    text = io.StringIO(newline="")
    # Where it ends lines with LF, Python's writer leaves a carriage return without quotes.
    form = {"lineterminator": "\n", "quoting": csv.QUOTE_ALL} if quotes_all else {"lineterminator": "\r\n"}
    csv.writer(text, **form).writerows([["a", "b"], *table])
    found = read_file(tmp_path / "rows.csv", text.getvalue())
    assert [list(value.values()) for _, value in found] == table
