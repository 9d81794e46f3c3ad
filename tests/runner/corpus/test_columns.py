"""Mapping columns to inputs and parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runner.corpus.columns import Columns
from runner.corpus.row import CorpusRow
from runner.corpus.sources.record import Record
from runner.errors import LineError, RunError
from runner.graph.load import load_graph
from runner.graph.types import Graph
from stages.contract import parse_type
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def of_text() -> Graph:
    return load_graph("text")


@pytest.fixture(scope="module")
def of_phonemes() -> Graph:
    return load_graph("default")


def make(graph: Graph, values: dict[str, Any], *given: str, leave: tuple[str, ...] = ()) -> CorpusRow:
    return Columns(graph, given, leave).make_row(Record("rows.jsonl:7", values), 12)


def fault(graph: Graph, values: dict[str, Any], *given: str) -> str:
    with pytest.raises(LineError) as error:
        make(graph, values, *given)
    assert error.value.origin == "rows.jsonl:7"
    return error.value.fact


def test_columns_are_inputs_and_parameters_by_name_and_others_are_carried_over(of_text: Graph) -> None:
    values = {"book": {"no": [1, None]}, "id": "a-1", "text": " Hi.", "voice": "af_sky", "speed": 2, "lang": "en-gb"}
    row = make(of_text, values)
    assert row == CorpusRow(
        "a-1",
        " Hi.",
        inputs={"voice": "af_sky"},
        params={"speed": 2.0, "lang": "en-gb"},
        extra={"book": {"no": [1, None]}},
        origin="rows.jsonl:7",
    )
    assert type(row.params["speed"]) is float


def test_blank_and_null_are_not_given(of_text: Graph) -> None:
    row = make(of_text, {"id": " ", "text": "Hi", "phonemes": "", "voice": None, "speed": " ", "seed": None})
    assert row == CorpusRow("00000012", "Hi", origin="rows.jsonl:7")


def test_phonemes_stand_in_for_a_text(of_text: Graph, of_phonemes: Graph) -> None:
    row = make(of_text, {"phonemes": "hˈI", "text": ""})
    assert (row.text, row.is_phonemes) == ("hˈI", True)
    row = make(of_phonemes, {"phonemes": "hˈI", "text": "Hi"})
    assert (row.text, row.is_phonemes, row.extra) == ("hˈI", False, {"text": "Hi"})


def test_a_column_may_have_another_name(of_text: Graph) -> None:
    values = {"sentence": "Hi", "voice": "female", "speaker": "af_sky", "n": 5, "text": "x"}
    row = make(of_text, values, "text=sentence", "voice = speaker", "id=n")
    assert row == CorpusRow(
        "5", "Hi", inputs={"voice": "af_sky"}, extra={"voice": "female", "text": "x"}, origin="rows.jsonl:7"
    )


def test_a_column_that_gives_one_thing_gives_no_other(of_text: Graph) -> None:
    row = make(of_text, {"text": "Hi", "lang": "af_sky"}, "voice=lang")
    assert (row.inputs, row.params) == ({"voice": "af_sky"}, {})


def test_columns_that_are_left_out_go_nowhere(of_text: Graph) -> None:
    row = make(of_text, {"text": "Hi", "voice": "female", "audio": "a.wav"}, leave=("voice", "audio"))
    assert row == CorpusRow("00000012", "Hi", origin="rows.jsonl:7")


GOOD = [
    ("speed", "1.5", 1.5),
    ("speed", " .5 ", 0.5),
    ("speed", "1e0", 1.0),
    ("speed", 2, 2.0),
    ("seed", "7", 7),
    ("seed", "-7.0", -7),
    ("seed", 7.0, 7),
    ("seed", -(1 << 63), -(1 << 63)),
    ("skip_unknown", "TRUE", True),
    ("skip_unknown", "False", False),
    ("skip_unknown", True, True),
    ("lang", "en-gb", "en-gb"),
    ("id", 7, "7"),
    ("id", 7.0, "7"),
    ("id", "7.0", "7.0"),
    ("id", "ü 1", "ü 1"),
]


@pytest.mark.parametrize(("column", "value", "expected"), GOOD)
def test_a_value_is_read_by_the_type_of_the_parameter(
    of_text: Graph, column: str, value: object, expected: object
) -> None:
    row = make(of_text, {"text": "Hi", column: value})
    found = row.id if column == "id" else row.params[column]
    assert (found, type(found)) == (expected, type(expected))


BAD = [
    ("speed", "fast", "column 'speed' is 'fast', expected a number such as 1.2"),
    ("speed", "1,5", "column 'speed' is '1,5', expected a number such as 1.2; write the fraction behind a dot"),
    ("speed", "nan", "column 'speed' is 'nan', expected a number such as 1.2"),
    ("speed", True, "column 'speed' is true, expected a number such as 1.2"),
    ("speed", [1], "column 'speed' is [1], expected a number such as 1.2"),
    ("speed", 10**400, f"column 'speed' is 1{'0' * 39}..., expected a number such as 1.2"),
    ("speed", "9", "column 'speed' is 9.0, expected 0.25 to 4"),
    ("seed", 7.5, "column 'seed' is 7.5, expected an integer"),
    ("seed", "7.5", "column 'seed' is '7.5', expected an integer"),
    ("seed", False, "column 'seed' is false, expected an integer"),
    ("seed", 1 << 63, "column 'seed': 9223372036854775808 is beyond the range of int64"),
    ("skip_unknown", 1, "column 'skip_unknown' is 1, expected true or false"),
    ("skip_unknown", "yes", "column 'skip_unknown' is 'yes', expected true or false"),
    ("lang", 1, "column 'lang' is 1, expected a text"),
    ("voice", 3, "column 'voice' is 3, expected a text"),
    ("voice", {"a": "x" * 50}, f'column \'voice\' is {{"a": "{"x" * 33}..., expected a text'),
    ("text", 1984, "column 'text' is 1984, expected a text"),
    ("id", 7.5, "column 'id' is 7.5, expected a text or an integer"),
    ("id", True, "column 'id' is true, expected a text or an integer"),
    ("id", "a/b", "id 'a/b' holds '/', which no name of a file may hold; leave it out"),
]


@pytest.mark.parametrize(("column", "value", "expected"), BAD)
def test_a_value_of_another_type_is_refused(of_text: Graph, column: str, value: object, expected: str) -> None:
    assert fault(of_text, {"text": "Hi", column: value}) == expected


def test_a_row_speaks_one_thing(of_text: Graph, of_phonemes: Graph) -> None:
    both = "has both columns 'text' and 'phonemes', expected one of them; leave the other blank"
    assert fault(of_text, {"text": "Hi", "phonemes": "hˈI"}) == both
    blank = "has nothing to speak: column 'text' or 'phonemes' is blank"
    assert fault(of_text, {"text": " ", "phonemes": None}) == blank
    none = "has no column 'phonemes'; its columns are 'text', 'a'; name the one, as in phonemes=COLUMN"
    assert fault(of_phonemes, {"text": "Hi", "a": "b"}) == none
    assert fault(of_text, {}).startswith("has no column 'text' or 'phonemes'; its columns are none;")
    many = {f"c{number}": number for number in range(20)}
    assert "'c11', ... (20 in all); name" in fault(of_text, many)


def test_a_fault_names_the_row(of_text: Graph) -> None:
    with pytest.raises(LineError, match=r"rows\.jsonl:7 \(utt1\): column 'speed' is 'x'"):
        make(of_text, {"id": "utt1", "text": "Hi", "speed": "x"})
    with pytest.raises(LineError, match=r"a:1: is no JSON"):
        Columns(of_text).make_row(Record("a:1", fault="is no JSON"), 1)


def test_a_column_of_another_name_has_to_be_there(of_text: Graph) -> None:
    expected = "has no column 'speakr', which gives voice; did you mean 'speaker'?"
    assert fault(of_text, {"text": "Hi", "speaker": "af_sky"}, "voice=speakr") == expected
    assert make(of_text, {"text": "Hi", "speaker": None}, "voice=speaker").inputs == {}


WRONG = {
    ("voice",): "column voice: expected NAME=COLUMN, as in voice=speaker",
    ("voice=",): "column voice=: expected NAME=COLUMN, as in voice=speaker",
    ("vioce=a",): "column vioce=a: the graph has no input or parameter 'vioce'; did you mean 'voice'?",
    ("voice=a", "voice=b"): "column voice=b: 'voice' has another already; leave one out",
    ("voice=a", "lang=a"): "column lang=a: column 'a' gives another already; leave one out",
    ("voice=left",): "column 'left' is given and left out; do one of the two",
}


@pytest.mark.parametrize("given", WRONG)
def test_columns_are_given_by_name(of_text: Graph, given: tuple[str, ...]) -> None:
    with pytest.raises(RunError) as error:
        Columns(of_text, given, ["left"])
    assert str(error.value) == WRONG[given]


def test_an_input_that_is_an_array_cannot_be_a_column(of_text: Graph) -> None:
    graph = replace(of_text, inputs=of_text.inputs | {"pitch": parse_type("float32[1]")})
    expected = "column 'pitch' is 0.5, but input 'pitch' takes float32[1]; leave it out"
    assert fault(graph, {"text": "a", "pitch": 0.5}) == expected
    with pytest.raises(RunError, match=r"column pitch=a: input 'pitch' takes float32\[1\], which no column can give"):
        Columns(graph, ["pitch=a"])


def test_a_graph_of_several_texts_takes_rows_by_name(of_text: Graph) -> None:
    texts = {"a": parse_type("str"), "b": parse_type("str")}
    with pytest.raises(RunError, match=r"a, b are texts; a corpus takes a graph with one, or with one called 'text'"):
        Columns(replace(of_text, inputs=texts))
    assert make(of_text, {"text": "Hi"}) == make(replace(of_text, inputs=texts | of_text.inputs), {"text": "Hi"})
    assert make(replace(of_text, inputs=texts | of_text.inputs), {"text": "Hi", "a": "b"}).inputs == {"a": "b"}


def test_a_graph_without_a_text_takes_no_corpus() -> None:
    with pytest.raises(RunError, match=r"no input is a text; a corpus takes a graph with one"):
        Columns(load_graph(str(ROOT / "tests/graphs/numbers.yaml")))


def test_a_row_comes_back_from_json_with_its_digest() -> None:
    row = CorpusRow("a", "Hi", inputs={"voice": "x"}, params={"speed": 1.0, "seed": 1}, extra={"n": [1]}, origin="f:1")
    assert CorpusRow.from_json(row.to_json()) == row
    assert replace(row, origin="g:2").digest == row.digest
    assert replace(row, params={"seed": 1, "speed": 1.0}).digest == row.digest
    changes: list[dict[str, Any]] = [
        {"id": "b"}, {"text": "Ho"}, {"is_phonemes": True}, {"inputs": {}}, {"params": {"speed": 1.0, "seed": True}},
        {"extra": {"n": [1.0]}},
    ]  # fmt: skip
    assert len({row.digest, *(replace(row, **change).digest for change in changes)}) == len(changes) + 1


@pytest.mark.parametrize(
    ("column", "meant"),
    [("voices", "voice"), ("Speed", "speed"), ("sead", "seed"), ("ID", "id"), ("speaker", None), ("book", None)],
)
def test_a_column_that_may_be_misspelled_is_told_of_once(
    of_text: Graph, caplog: pytest.LogCaptureFixture, column: str, meant: str | None
) -> None:
    columns = Columns(of_text)
    for number in (1, 2):
        assert columns.make_row(Record(f"rows.jsonl:{number}", {"text": "Hi", column: "x"}), number).extra == {
            column: "x"
        }
    fact = f"column '{column}' is carried over; if it is meant to be '{meant}', rename it"
    assert caplog.messages == ([f"rows.jsonl:1: {fact}, or say which it is by --column"] if meant else [])


def test_a_column_that_is_there_under_its_name_is_not_meant(of_text: Graph, caplog: pytest.LogCaptureFixture) -> None:
    make(of_text, {"text": "Hi", "voice": "af_sky", "voices": "x"})
    assert caplog.messages == []
