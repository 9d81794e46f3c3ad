"""Reading JSON lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import RunError
from tests.runner.corpus.sources.reading import read_file

GOOD = '{"text": "a"}\n'
OBJECT = 'expected an object such as {"text": "Hello."}'
FAULTS = {
    "[1, 2]": f"is an array, {OBJECT}",
    '"a"': f"is a text, {OBJECT}",
    "7": f"is a number, {OBJECT}",
    "1.5": f"is a number, {OBJECT}",
    "null": f"is null, {OBJECT}",
    "true": f"is a boolean, {OBJECT}",
    "NaN": f"is null, {OBJECT}",
    '{"text": "a"': "is no JSON: column 13: Expecting ',' delimiter; expected an object",
    "{'text': 'a'}": "is no JSON: column 2: Expecting property name enclosed in double quotes; expected an object",
    '{"text": "a"} x': "is no JSON: column 15: Extra data; expected an object",
    '{"text": "a", "t\\t": 1, "t\\t": 2}': "has 't\\t' twice; leave one out",
    '{"a": [{"b": 1, "b": 2}]}': "has 'b' twice; leave one out",
    '{"a": Infinity}': "holds Infinity, which JSON has no number for; leave it out",
    '{"a": -Infinity}': "holds -Infinity, which JSON has no number for; leave it out",
    '{"a": "\\ud800"}': "holds \\ud800, half of a character; leave it out",
    '{"a": [{"\\uDC00": 1}]}': "holds \\udc00, half of a character; leave it out",
    f'{{"a": {"9" * 5000}}}': "holds an integer of thousands of digits; write it as a text",
    f'{{"a": {"[" * 100_000}': "is no JSON that can be read: it is nested too deeply; expected an object",
}


@pytest.mark.parametrize("line", FAULTS)
def test_a_line_that_is_no_object_is_a_fault_and_the_rest_goes_on(tmp_path: Path, line: str) -> None:
    for data, number in ((f"{GOOD}{line}\n{GOOD}", 2), (f"{line}\n{GOOD}", 1)):
        found = read_file(tmp_path / "rows.jsonl", data)
        assert found[number - 1] == (str(number), FAULTS[line])
        assert [value for _, value in found].count({"text": "a"}) == len(found) - 1 == number


def test_a_line_that_is_not_utf_8_is_a_fault(tmp_path: Path) -> None:
    found = read_file(tmp_path / "rows.jsonl", b'{"text": "a"}\n{"text": "\xfc"}\n{"text": "b"}\n')
    assert found[1] == ("2", "not UTF-8: byte 0xfc; save the file as UTF-8")
    assert found[2] == ("3", {"text": "b"})


def test_values_are_those_of_json_and_nan_is_null(tmp_path: Path) -> None:
    line = '{"s": "\\ud83d\\ude00\\u2028\u2028", "i": 7, "f": 7.0, "b": true, "n": NaN, "l": [1, {"x": NaN}], "e": {}}'
    ((_, values),) = read_file(tmp_path / "rows.json", line)
    assert values == {
        "s": "\U0001f600\u2028\u2028", "i": 7, "f": 7.0, "b": True, "n": None, "l": [1, {"x": None}], "e": {}
    }  # fmt: skip
    assert (type(values["i"]), type(values["f"])) == (int, float)


def test_blank_lines_are_left_out_and_numbers_are_those_of_lines(tmp_path: Path) -> None:
    data = '\ufeff\r\n{"a": 1}\r\n\n  \n{"a": 2}'
    assert read_file(tmp_path / "rows.ndjson", data) == [("2", {"a": 1}), ("5", {"a": 2})]
    assert read_file(tmp_path / "rows.ndjson", '\ufeff{"a": 1}\n') == [("1", {"a": 1})]


def test_a_line_that_would_fill_the_memory_is_a_fault(tmp_path: Path) -> None:
    long = b'{"a": "' + b"x" * (16 << 20) + b'"}'
    found = read_file(tmp_path / "rows.jsonl", GOOD.encode() + long + b"\n" + GOOD.encode())
    expected = "the line has more than 16 MiB, expected less; cut it"
    assert found == [("1", {"text": "a"}), ("2", expected), ("3", {"text": "a"})]


NO_LINES = [
    '[\n  {"text": "a"},\n  {"text": "b"}\n]',
    '{\n  "text": "a"\n}',
    '\n[{"a": 1}, {"a": 2}]\n',
    '[{"a": 1},\n{"a": 2}]',
]


@pytest.mark.parametrize("data", NO_LINES)
def test_json_that_is_no_lines_is_refused_as_a_whole(tmp_path: Path, data: str) -> None:
    with pytest.raises(RunError) as error:
        read_file(tmp_path / "rows.json", data)
    fact = "holds one JSON value over several lines, or all objects in an array, expected an object on each line"
    assert str(error.value) == f"{tmp_path / 'rows.json'}: {fact}; `jq -c '.[]' FILE` writes those of an array"
