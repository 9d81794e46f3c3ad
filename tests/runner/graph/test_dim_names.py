"""Names of dims in a contract are formal: which names a graph may give them."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import Origin
from runner.graph.contracts import read_contract
from runner.graph.dim_names import find_names, rename_dims
from runner.graph.draft import DraftStage, DraftType, Wire
from runner.graph.load import load_graph
from runner.graph.yaml_node import Node
from stages.contract import Contract, Dim, Port, TensorType, parse_type
from tests.runner.graphs import assert_refused, edit_limited, edited, write

NODE = Node("", Origin("g.yaml", 1, 1), Origin("g.yaml", 1, 1), Path())
WIRE, OUT, INPUT = "x: float32[n] <- input.x", "      y: float32[n]", 'inputs: {x: "float32[n]"}'
GAIN = "      gain: float32[] <- params.gain\n"
DIMS = "{n: {max: 9}, m: {max: 9}, k: {max: 9}, a: {max: 9}, b: {max: 9}}"


def using(folder: Path, contract: tuple[str, str], graph: tuple[str, str]) -> str:
    """A graph that gives the ports x and y of a contract other types; `§` marks one of them."""
    text = edit_limited(
        *(folder, (WIRE, f"x: {graph[0]} <- input.x"), (OUT, f"      y: {graph[1]}"), (GAIN, "")),
        ("params:\n  gain: 0.5\n", ""),
        (INPUT, f'inputs: {{x: "{graph[0].replace("§", "")}"}}'),
        ("{n: {max: 9}}", DIMS),
    )
    ports = f'x=In("{contract[0]}", ""), y=Out("{contract[1]}", "")'
    code = f"from stages.contract import *\n\n@stage({ports})\ndef f(x): ...\n"
    (folder / "limit.py").write_text(code, "utf-8")
    return text


FITS = [
    (("float32[n]", "float32[m]"), ("float32[n]", "float32[m]"), {}),
    (("float32[n]", "float32[m]"), ("float32[m]", "float32[k]"), {"n": "m", "m": "k"}),
    (("float32[i, j]", "float32[j]"), ("float32[n, m]", "float32[m]"), {"i": "n", "j": "m"}),
    (("float32[i, 3]", "float32[2*i]"), ("float32[n, 3]", "float32[2*n]"), {"i": "n"}),
    (("float32[]", "float32[3]"), ("float32[]", "float32[3]"), {}),
]


@pytest.mark.parametrize(("contract", "graph", "names"), FITS)
def test_dims_have_the_names_of_the_graph(
    tmp_path: Path, contract: tuple[str, str], graph: tuple[str, str], names: dict[str, str]
) -> None:
    stage = load_graph(str(write(tmp_path, using(tmp_path, contract, graph))[0])).stages["limit"]
    assert stage.renamed == names
    assert stage.spell_formal(stage.inputs["x"].type) == contract[0]
    assert stage.spell_formal(stage.outputs["y"]) == contract[1]


MISFITS = [
    (("float32[a, b]", "float32[b]"), ("§float32[b, a]", "float32[b]"),
     "{f} declares input 'x' as float32[a, b], not float32[b, a]; the axes are swapped"),
    (("float32[a, b]", "float32[b]"), ("float32[n, m]", "§float32[n]"),
     "{f} declares output 'y' as float32[m] (float32[b] in its own names), not float32[n]"),
    (("float32[a]", "float32[b]"), ("float32[n]", "§float32[n]"),
     "{f} declares output 'y' as float32[b], not float32[n]"),
    (("float32[a]", "float32[2*a]"), ("float32[n]", "§float32[3*n]"),
     "{f} declares output 'y' as float32[2*n] (float32[2*a] in its own names), not float32[3*n]"),
    (("float32[a, 3]", "float32[a]"), ("§float32[n, m]", "float32[n]"),
     "{f} declares input 'x' as float32[n, 3] (float32[a, 3] in its own names), not float32[n, m]"),
    (("float32[a]", "float32[a]"), ("§float32[3]", "float32[3]"),
     "{f} declares input 'x' as float32[a], not float32[3]"),
]  # fmt: skip


@pytest.mark.parametrize(("contract", "graph", "message"), MISFITS)
def test_axes_that_have_no_consistent_names_are_refused(
    tmp_path: Path, contract: tuple[str, str], graph: tuple[str, str], message: str
) -> None:
    text = using(tmp_path, contract, graph)
    path, marked = write(tmp_path, text)
    with pytest.raises(Exception, match="declares") as caught:
        load_graph(str(path))
    assert f"{marked}: {message.format(f=tmp_path / 'limit.py')}" in str(caught.value).split("\n")


def test_swapped_axes_of_a_stage_with_a_model_are_found(tmp_path: Path) -> None:
    wire = "t_en: float32[1, hidden, text] <- text_encoder.t_en"
    text = edited((wire, wire.replace("float32[1, hidden, text]", "§float32[1, text, hidden]")))
    gives = "but text_encoder.t_en gives float32[1, hidden, text] (line 89); the axes are swapped"
    assert_refused(
        tmp_path,
        text,
        "stages.align declares input 't_en' as float32[1, hidden, text], not float32[1, text, hidden]; "
        "the axes are swapped",
        f"align.t_en takes float32[1, text, hidden] {gives}",
    )


def test_dim_that_the_model_fixes_keeps_its_name(tmp_path: Path) -> None:
    output = "    outputs:\n      d_en: float32[1, hidden, text]\n"
    text = edited(
        (output, output.replace("hidden", "other").replace("float32", "§float32")),
        ("d_en: float32[1, hidden, text] <- bert.d_en", "d_en: float32[1, hidden, text] <- bert.d_en"),
        ("  samples: {max: 3072000}\n", "  samples: {max: 3072000}\n  other: 128\n"),
    )
    path, marked = write(tmp_path, text)
    with pytest.raises(Exception, match="declares") as caught:
        load_graph(str(path))
    message = "stages.bert declares output 'd_en' as float32[1, hidden, text], not float32[1, other, text]"
    assert f"{marked}: {message}" in str(caught.value).split("\n")


def test_general_stage_takes_a_dim_of_the_model(tmp_path: Path) -> None:
    edit_limited(tmp_path)
    added = """
  limit:
    module: ./limit.py
    device: host
    inputs:
      x: float32[hidden, text] <- text_encoder.t_en
      gain: float32[] <- 2
    outputs:
      y: float32[hidden, text]
"""
    code = (tmp_path / "limit.py").read_text("utf-8").replace("float32[n]", "float32[m, n]")
    (tmp_path / "limit.py").write_text(code, "utf-8")
    text = edited().rstrip() + added.replace("[hidden", "[1, hidden")
    (tmp_path / "limit.py").write_text(code.replace("[m, n]", "[1, m, n]"), "utf-8")
    stage = load_graph(str(write(tmp_path, text)[0])).stages["limit"]
    assert stage.renamed == {"m": "hidden", "n": "text"}


_names = st.sampled_from(["a", "b", "c", "d"])
_others = st.sampled_from(["a", "b", "p", "q", "r"])
_types = st.lists(st.lists(st.tuples(st.sampled_from([1, 2]), _names), max_size=3), min_size=1, max_size=3)


def make_type(dims: list[tuple[int, str]]) -> TensorType:
    return TensorType("float32", tuple(Dim(factor, name) for factor, name in dims))


def make_stage(types: list[TensorType]) -> DraftStage:
    stage = DraftStage("s", NODE)
    stage.inputs = {
        string.ascii_lowercase[at]: Wire(DraftType(type_, NODE, 0), None, NODE) for at, type_ in enumerate(types)
    }
    return stage


def make_contract(types: list[TensorType]) -> Contract:
    return Contract({string.ascii_lowercase[at]: Port(type_, "") for at, type_ in enumerate(types)}, {})


@given(_types, st.dictionaries(_names, _others), st.sets(_names, max_size=2))
def test_renaming_is_accepted_if_it_is_injective_moves_no_fixed_name_and_swaps_none(
    types: list[list[tuple[int, str]]], renaming: dict[str, str], fixed: set[str]
) -> None:
    used = {name for dims in types for _, name in dims}
    binding = {name: renaming.get(name, name) for name in used}
    declared = [make_type(dims) for dims in types]
    given_types = [rename_dims(type_, binding) for type_ in declared]
    tensors = [type_ for type_ in given_types if isinstance(type_, TensorType)]
    names = find_names(make_stage(tensors), make_contract(declared), fixed)
    accepted = [rename_dims(type_, names) for type_ in declared] == given_types
    is_injective = len(set(binding.values())) == len(binding)
    is_kept = all(binding[name] == name for name in used & fixed)
    assert accepted == (is_injective and is_kept and not has_cycle(binding))


@given(_types, _types)
def test_types_are_accepted_only_with_a_name_of_its_own_for_each_dim(
    declared_dims: list[list[tuple[int, str]]], given_dims: list[list[tuple[int, str]]]
) -> None:
    declared, found = [make_type(dims) for dims in declared_dims], [make_type(dims) for dims in given_dims]
    names = find_names(make_stage(found), make_contract(declared), ())
    pairs = [(one, other) for one, other in zip(declared, found, strict=False)]
    if [rename_dims(one, names) for one, _ in pairs] == [other for _, other in pairs]:
        bound = {(dim.name, other.name) for one, two in pairs for dim, other in zip(one.dims, two.dims, strict=True)}
        assert len({name for name, _ in bound}) == len({name for _, name in bound}) == len(bound)


def has_cycle(binding: dict[str, str]) -> bool:
    """Whether several names of a contract change places."""
    for start, first in binding.items():
        seen, name = [start], first
        while name in binding and name not in seen:
            seen.append(name)
            name = binding[name]
        if name in seen and len(seen) - seen.index(name) > 1:
            return True
    return False


def test_text_ports_have_no_dims() -> None:
    contract = read_contract("stages.tokenize")
    stage = DraftStage("tokenize", NODE)
    stage.inputs = {"phonemes": Wire(DraftType(parse_type("str"), NODE, 0), None, NODE)}
    assert find_names(stage, contract, ()) == {}
