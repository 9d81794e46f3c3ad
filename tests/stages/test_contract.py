"""The type grammar and the @stage decorator."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.contract import (
    DTYPES,
    Contract,
    Dim,
    In,
    NamedType,
    Out,
    Port,
    TensorType,
    TypeSyntaxError,
    parse_type,
    stage,
)

SPELLINGS = [
    ("float32[1, 2*frames, hidden]", TensorType("float32", (Dim(1, None), Dim(2, "frames"), Dim(1, "hidden")))),
    ("float32[]", TensorType("float32", ())),
    ("bool[1,text]", TensorType("bool", (Dim(1, None), Dim(1, "text")))),
    ("  int64 [ 7 ]  ", TensorType("int64", (Dim(7, None),))),
    ("float32[1*frames]", TensorType("float32", (Dim(1, "frames"),))),
    ("float32[600 * frames]", TensorType("float32", (Dim(600, "frames"),))),
    ("str", NamedType("str")),
    ("voice", NamedType("voice")),
]

MISSPELLINGS = [
    ("", 0, "a type starts with a dtype, as in float32[1, text]"),
    ("[1]", 0, "a type starts with a dtype, as in float32[1, text]"),
    ("flot32[1]", 0, "unknown dtype 'flot32'; did you mean 'float32'?"),
    ("float[1]", 0, "unknown dtype 'float'; did you mean 'float32'?"),
    ("int[1]", 0, "unknown dtype 'int'; did you mean 'int64'?"),
    ("string", 0, "unknown dtype 'string'; did you mean 'str'?"),
    ("qqqq[1]", 0, f"unknown dtype 'qqqq'; known: {', '.join(DTYPES)}, str, voice"),
    ("float32", 7, "'float32' needs its dims in brackets: float32[1, text], or float32[] for a scalar"),
    ("str[1]", 3, "'str' is no tensor and takes no dims"),
    ("float32[1", 9, "expected ',' or ']' here"),
    ("float32[1 2]", 10, "expected ',' or ']' here"),
    ("float32[1,]", 10, "expected a dim here: INT, NAME or INT*NAME, as in 2*frames"),
    ("float32[,1]", 8, "expected a dim here: INT, NAME or INT*NAME, as in 2*frames"),
    ("float32[-1]", 8, "expected a dim here: INT, NAME or INT*NAME, as in 2*frames"),
    ("float32[²]", 8, "expected a dim here: INT, NAME or INT*NAME, as in 2*frames"),
    ("float32[frames*2]", 14, "a dim is INT, NAME or INT*NAME, as in 2*frames; there is no other arithmetic"),
    ("float32[frames+1]", 14, "a dim is INT, NAME or INT*NAME, as in 2*frames; there is no other arithmetic"),
    ("float32[2*3*frames]", 10, "expected a dim's name after '2*'"),
    ("float32[0]", 8, "a dim is a positive integer of at most 12 digits, without a leading zero"),
    ("float32[01]", 8, "a dim is a positive integer of at most 12 digits, without a leading zero"),
    (f"float32[{'9' * 5000}]", 8, "a dim is a positive integer of at most 12 digits, without a leading zero"),
    ("float32[Text]", 8, "dim 'Text' is not a lower-case name"),
    ("float32[1] <- a.b", 11, "nothing may follow the closing bracket"),
]


@pytest.mark.parametrize(("text", "expected"), SPELLINGS)
def test_parse_type_reads_each_spelling(text: str, expected: TensorType | NamedType) -> None:
    assert parse_type(text) == expected


@pytest.mark.parametrize(("text", "column", "message"), MISSPELLINGS)
def test_parse_type_says_what_is_wrong_and_where(text: str, column: int, message: str) -> None:
    with pytest.raises(TypeSyntaxError) as caught:
        parse_type(text)
    assert (caught.value.column, caught.value.message) == (column, message)


DIMS = st.builds(Dim, st.integers(1, 999), st.none() | st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True))
TENSORS = st.builds(TensorType, st.sampled_from(DTYPES), st.lists(DIMS, max_size=4).map(tuple))


@given(TENSORS)
def test_parse_type_undoes_str(type_: TensorType) -> None:
    assert parse_type(str(type_)) == type_


@given(st.text(alphabet="float32in64b[]*, 0129té\n", max_size=24))
def test_parse_type_raises_nothing_but_its_own_error(text: str) -> None:
    with contextlib.suppress(TypeSyntaxError):
        assert parse_type(str(parse_type(text))) == parse_type(text)


def test_dims_of_equal_size_differ_by_name() -> None:
    assert parse_type("float32[text, hidden]") != parse_type("float32[hidden, text]")


def test_stage_keeps_ports_in_order() -> None:
    @stage(
        weights=("part",),
        config=("vocab",),
        b=In("int64[1]", "second letter"),
        a=In("str", "first letter"),
        y=Out("float32[1, 2*frames]", "loudness [dB]"),
    )
    def letters() -> int:
        return 3

    contract: Contract = letters.contract  # type: ignore[attr-defined]
    assert list(contract.inputs) == ["b", "a"]
    assert contract.outputs == {"y": Port(parse_type("float32[1, 2*frames]"), "loudness [dB]")}
    assert (contract.weights, contract.config) == (("part",), ("vocab",))
    assert letters() == 3


def test_stage_takes_a_pair_for_a_name_on_both_sides() -> None:
    @stage(audio=(In("float32[1, 600*frames]", "padded"), Out("float32[samples]", "cut")))
    class Cut: ...

    contract: Contract = Cut.contract  # type: ignore[attr-defined]
    assert str(contract.inputs["audio"].type) == "float32[1, 600*frames]"
    assert str(contract.outputs["audio"].type) == "float32[samples]"


def test_stage_names_the_port_whose_type_is_misspelled() -> None:
    with pytest.raises(TypeSyntaxError, match=r"port d_en: 'float32\[1': expected ',' or '\]' here"):
        stage(d_en=In("float32[1", "features"))


def test_contract_imports_neither_tvm_nor_numpy() -> None:
    code = "import sys, stages.contract; sys.exit(any(m in sys.modules for m in ('tvm', 'numpy', 'torch', 'runner')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
