"""Constants on wires: which fit which port, and what each port gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import SpecError
from runner.graph.load import load_graph
from runner.graph.serialize import from_fields, to_fields
from tests.runner.graphs import assert_refused, edit_limited, write

PARAMETER = "params:\n  gain: 0.5\n"
WIRE = "gain: float32[] <- params.gain"
EXPECTED = 'is no source; write STAGE.PORT, input.NAME, params.NAME or a constant: 0.5, true or "text"'


def with_constant(folder: Path, type_: str, constant: str) -> str:
    """The graph whose stage takes `constant` at a port of `type_`."""
    text = edit_limited(folder, (PARAMETER, ""), (WIRE, f"gain: {type_} <- §{constant}"))
    code = (folder / "limit.py").read_text("utf-8")
    (folder / "limit.py").write_text(code.replace('In("float32[]"', f'In("{type_}"'), "utf-8")
    return text


FITS: list[tuple[str, str, object]] = [
    ("float32[]", "0.5", 0.5),
    ("float32[]", "-1.5e-3", -0.0015),
    ("float32[]", "1", 1),
    ("float64[]", "1e300", 1e300),
    ("float16[]", "65504", 65504),
    ("int64[]", "1", 1),
    ("int8[]", "-128", -128),
    ("uint8[]", "255", 255),
    ("bool[]", "true", True),
    ("bool[]", "false", False),
    ("str", '"a text, <- and all"', "a text, <- and all"),
    ("str", '""', ""),
    ("str", '"0.5"', "0.5"),
]


@pytest.mark.parametrize(("type_", "constant", "value"), FITS)
def test_constant_has_its_value(tmp_path: Path, type_: str, constant: str, value: object) -> None:
    graph = load_graph(str(write(tmp_path, with_constant(tmp_path, type_, constant))[0]))
    for wire in (one.stages["limit"].inputs["gain"] for one in (graph, from_fields(to_fields(graph)))):
        assert (wire.value, type(wire.value), str(wire.ref)) == (value, type(value), constant)


MISFITS = [
    ("float32[]", "true", "limit.gain takes float32[], not the constant true"),
    ("float32[]", '"0.5"', 'limit.gain takes float32[], not the constant "0.5"'),
    ("float32[n]", "0.5", "limit.gain takes float32[n], not the constant 0.5"),
    ("float32[]", "1e39", "limit.gain takes float32[], and 1e39 is beyond its range"),
    ("float16[]", "-65505", "limit.gain takes float16[], and -65505 is beyond its range"),
    ("bfloat16[]", "0.5", "limit.gain takes bfloat16[], not the constant 0.5"),
    ("int64[]", "1.0", "limit.gain takes int64[], not the constant 1.0"),
    ("int8[]", "128", "limit.gain takes int8[], and 128 is beyond its range"),
    ("uint8[]", "-1", "limit.gain takes uint8[], and -1 is beyond its range"),
    ("bool[]", "1", "limit.gain takes bool[], not the constant 1"),
    ("str", "0.5", 'limit.gain takes str, not the constant 0.5; write "0.5"'),
    ("str", "true", 'limit.gain takes str, not the constant true; write "true"'),
    ("voice", '"low"', 'limit.gain takes voice, not the constant "low"'),
]


@pytest.mark.parametrize(("type_", "constant", "message"), MISFITS)
def test_constant_of_another_kind_is_refused_where_it_stands(
    tmp_path: Path, type_: str, constant: str, message: str
) -> None:
    assert_refused(tmp_path, with_constant(tmp_path, type_, constant), message)


NO_CONSTANTS = [
    ("null", f"'null' {EXPECTED}"),
    ("~", f"'~' {EXPECTED}"),
    ("a text", f"'a text' {EXPECTED}"),
    ("0x10", f"'0x10' {EXPECTED}"),
    ("1_000", f"'1_000' {EXPECTED}"),
    ('"a \\ b"', f"'\"a \\ b\"' {EXPECTED}"),
    (".inf", ".inf is not a finite number"),
    ("1e400", "1e400 is too large for a number"),
    ("123456789012345678", "an integer has at most 17 digits"),
]


@pytest.mark.parametrize(("constant", "message"), NO_CONSTANTS)
def test_what_is_neither_source_nor_constant_is_refused(tmp_path: Path, constant: str, message: str) -> None:
    assert_refused(tmp_path, with_constant(tmp_path, "float32[]", constant), message, kind=SpecError)


def test_constant_is_no_output_of_a_graph(tmp_path: Path) -> None:
    text = edit_limited(tmp_path, ("y: limit.y", 'y: "§0.5"'))
    assert_refused(tmp_path, text, "'0.5' is no source; write STAGE.PORT", kind=SpecError)


def test_stage_cannot_be_called_constant(tmp_path: Path) -> None:
    text = edit_limited(tmp_path, ("  limit:\n", "  §constant:\n"), ("y: limit.y", "y: constant.y"))
    assert_refused(tmp_path, text, "a stage cannot be called 'constant': the name is that of another source")
