"""Parses the strings of a graph file that have a grammar: `TYPE`, `STAGE.PORT` and `TYPE <- STAGE.PORT`.

A draft holds as much of a graph as could be read, so that one mistake does not hide the others. None stands for a
string that could not be parsed: the port has a name, but its type is not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runner.errors import Mistake, Origin
from runner.graph.types import CONSTANTS, Parameter, Ref
from runner.graph.yaml_node import Node
from runner.graph.yaml_reader import ScalarError, resolve_plain
from stages.contract import Type, TypeSyntaxError, parse_type

ARROW = "<-"
_SOURCES = 'STAGE.PORT, input.NAME, params.NAME or a constant: 0.5, true or "text"'
_STRING = re.compile(r"\s*\"([^\"\\\\]*)\"\s*\Z")
_PLAIN = re.compile(r"(true|false)\Z|[-+.0-9]")
_REF = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)\s*\Z")


@dataclass(frozen=True)
class DraftType:
    """A type in a file.

    Attributes:
        offset: its start in the node's string.
    """

    type: Type
    node: Node
    offset: int

    def at_dim(self, name: str) -> Origin:
        """Find the origin of the dim `name` in the type."""
        match = re.compile(rf"[\[,*\s]({re.escape(name)})\b").search(str(self.node.value), self.offset)
        return self.node.at(match.start(1) if match else self.offset)

    @property
    def origin(self) -> Origin:
        return self.node.at(self.offset)


@dataclass(frozen=True)
class Source:
    """A reference in a file, with the origins of its two names.

    Attributes:
        value: of a constant; None for any other source.
    """

    ref: Ref
    stage_origin: Origin
    port_origin: Origin
    value: Parameter | None = None


@dataclass(frozen=True)
class Wire:
    """An input port: its type and its source, each None if it could not be parsed."""

    typed: DraftType | None
    source: Source | None
    node: Node


@dataclass
class DraftStage:
    name: str
    node: Node
    inputs: dict[str, Wire] = field(default_factory=dict)
    outputs: dict[str, DraftType | None] = field(default_factory=dict)

    def text(self, key: str) -> Node | None:
        """Give the node of a key if its value is a string."""
        node = self.node.get(key)
        return node if node is not None and isinstance(node.value, str) else None


@dataclass
class Draft:
    """A graph as far as it could be read, mistakes or not."""

    tree: Node
    inputs: dict[str, DraftType | None]
    outputs: dict[str, Source | None]
    stages: dict[str, DraftStage]


def read_draft(tree: Node, mistakes: list[Mistake]) -> Draft:
    """Parse the graph's strings. A string that cannot be parsed is noted as a mistake.

    A value that is not a string is left out: it has been noted as a mistake against the schema.
    """
    stages = {name: _read_stage(name, node, mistakes) for name, node in tree.children("stages").items()}
    inputs = {name: _read_type(node, mistakes) for name, node in tree.children("inputs").items()}
    outputs = {name: _read_output(node, mistakes) for name, node in tree.children("outputs").items()}
    return Draft(tree, inputs, outputs, stages)


def _read_output(node: Node, mistakes: list[Mistake]) -> Source | None:
    """Read an output of the graph: STAGE.PORT, or a map whose `from` is that."""
    source = node.get("from") if isinstance(node.value, dict) else node
    return None if source is None else _read_source(source, 0, mistakes)


def _read_stage(name: str, node: Node, mistakes: list[Mistake]) -> DraftStage:
    stage = DraftStage(name, node)
    for port, child in node.children("inputs").items():
        stage.inputs[port] = _read_wire(child, mistakes)
    for port, child in node.children("outputs").items():
        stage.outputs[port] = _read_type(child, mistakes)
    return stage


def _read_wire(node: Node, mistakes: list[Mistake]) -> Wire:
    if not isinstance(node.value, str):
        return Wire(None, None, node)
    left, arrow, _ = node.value.partition(ARROW)
    if not arrow:
        message = f"an input says where it comes from: TYPE <- {_SOURCES}"
        mistakes.append(Mistake(node.origin, message, of_fit=False))
        return Wire(None, None, node)
    offset = len(left) + len(ARROW)
    try:
        source = _read_constant(node, offset) or _read_source(node, offset, mistakes, _SOURCES)
    except ScalarError as error:
        source = None
        mistakes.append(Mistake(_skip_spaces(node, offset), str(error), of_fit=False))
    return Wire(_parse_type(node, left, mistakes), source, node)


def _read_type(node: Node, mistakes: list[Mistake]) -> DraftType | None:
    if not isinstance(node.value, str):
        return None
    if ARROW in node.value:
        message = f"takes a type alone; '{ARROW} STAGE.PORT' belongs to the inputs of a stage"
        mistakes.append(Mistake(node.at(node.value.index(ARROW)), message, of_fit=False))
        return None
    return _parse_type(node, node.value, mistakes)


def _parse_type(node: Node, text: str, mistakes: list[Mistake]) -> DraftType | None:
    try:
        return DraftType(parse_type(text), node, len(text) - len(text.lstrip()))
    except TypeSyntaxError as error:
        mistakes.append(Mistake(node.at(error.column), error.message, of_fit=False))
        return None


def _read_constant(node: Node, offset: int) -> Source | None:
    """Read a number, true, false or a text in double quotes; None for a reference, or what is neither.

    Raises:
        ScalarError: a number is too large, or not finite.
    """
    text = node.value[offset:].strip()
    quoted = _STRING.match(text)
    if not quoted and not _PLAIN.match(text):
        return None
    value = quoted[1] if quoted else resolve_plain(text)
    if value is None or (isinstance(value, str) and not quoted):
        return None
    start = _skip_spaces(node, offset)
    return Source(Ref(CONSTANTS, text), start, start, value)


def _read_source(node: Node, offset: int, mistakes: list[Mistake], expected: str = "STAGE.PORT") -> Source | None:
    if not isinstance(node.value, str):
        return None
    match = _REF.match(node.value, offset)
    if match is None:
        text = node.value[offset:]
        message = f"'{text.strip()}' is no source; write {expected}"
        mistakes.append(Mistake(_skip_spaces(node, offset), message, of_fit=False))
        return None
    return Source(Ref(match[1], match[2]), node.at(match.start(1)), node.at(match.start(2)))


def _skip_spaces(node: Node, offset: int) -> Origin:
    """Give the origin of the first character of the node's string that is no space, from `offset` on."""
    text = str(node.value)[offset:]
    return node.at(offset + len(text) - len(text.lstrip()))
