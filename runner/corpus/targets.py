"""Finds what the columns of a corpus can give to a graph, and which column gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.batch.row_runner import find_texts
from runner.errors import RunError, printable, suggest
from runner.graph.types import PARAMETERS
from runner.speech.line_runner import PHONEMES, find_cut
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runner.graph.types import Graph

ID = "id"


def find_text_input(graph: Graph) -> str:
    """Find the input that a row feeds: the one called `phonemes` or `text`, else the only text.

    Raises:
        RunError: there is none, or one of several.
    """
    texts = find_texts(graph)
    named = [name for name in (PHONEMES, "text") if name in texts]
    if not named and len(texts) != 1:
        fact = f"{', '.join(texts)} are texts" if texts else "no input is a text"
        raise RunError(f"{graph.path}: {fact}; a corpus takes a graph with one, or with one called 'text'")
    return (named or texts)[0]


def makes_phonemes(graph: Graph, text: str) -> bool:
    """Whether the graph makes phonemes of its input `text`, so that they can be given in place of it."""
    cut = find_cut(graph)
    return cut is not None and str(cut) != f"input.{text}"


def list_targets(graph: Graph, text: str) -> dict[str, str]:
    """List what columns can give, by name, each with its kind: id, spoken, input or parameter."""
    spoken = [text, PHONEMES] if makes_phonemes(graph, text) else [text]
    kinds = dict.fromkeys(graph.params, "parameter")
    kinds |= dict.fromkeys(graph.inputs, "input")
    return kinds | dict.fromkeys(spoken, "spoken") | {ID: "id"}


def read_given(given: Sequence[str], graph: Graph, targets: Collection[str]) -> dict[str, str]:
    """Read which columns have other names than what they give: `voice=speaker`.

    Raises:
        RunError: one is misspelled, gives what a column cannot give, or is there twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, column = (part.strip() for part in text.partition("="))
        shown = f"column {printable(text)}"
        if not equals or not name or not column:
            raise RunError(f"{shown}: expected NAME=COLUMN, as in voice=speaker")
        if name not in targets:
            raise RunError(f"{shown}: the graph has no input or parameter '{printable(name)}'{suggest(name, targets)}")
        if isinstance(graph.inputs.get(name), TensorType):
            raise RunError(f"{shown}: input '{name}' takes {graph.inputs[name]}, which no column can give")
        if name in found or column in found.values():
            what = f"'{name}' has" if name in found else f"column '{printable(column)}' gives"
            raise RunError(f"{shown}: {what} another already; leave one out")
        found[name] = column
    return found


def find_columns(targets: Collection[str], given: Mapping[str, str], left_out: Collection[str]) -> dict[str, str]:
    """Find the column that gives each target: the one that is given, else the one of its name unless that is taken.

    Raises:
        RunError: a column that is given is left out.
    """
    both = [column for column in given.values() if column in left_out]
    if both:
        raise RunError(f"column '{printable(both[0])}' is given and left out; do one of the two")
    taken = {*given.values(), *left_out}
    return {name: name for name in targets if name not in taken} | dict(given)


def list_tensor_types(graph: Graph) -> dict[str, list[TensorType]]:
    """List the types of the ports that take each parameter, as far as they are tensors."""
    found: dict[str, list[TensorType]] = {name: [] for name in graph.params}
    for spec in graph.stages.values():
        for wire in spec.inputs.values():
            if wire.ref.stage == PARAMETERS and isinstance(wire.type, TensorType):
                found[wire.ref.port].append(wire.type)
    return {name: sorted(set(types), key=str) for name, types in found.items()}
