"""The strings of a graph file that are more than strings: `TYPE`, `STAGE.PORT` and `TYPE <- STAGE.PORT`.

A draft holds what could be read of a graph, mistakes or not, so that one mistake does not hide the others. None stands
for a port whose text makes no sense: the name is there, its type is not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runner.errors import Mistake, Origin
from runner.graph.types import Ref
from runner.graph.yaml_node import Node
from stages.contract import NamedType, Type, TypeSyntaxError, parse_type

ARROW = "<-"
_REF = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)\s*\Z")


@dataclass(frozen=True)
class Typed:
    """A type in a file.

    Attributes:
        offset: where it begins in the node's string.
    """

    type: Type
    node: Node
    offset: int

    def at_dim(self, name: str) -> Origin:
        """Where the dim `name` stands in it."""
        match = re.compile(rf"[\[,*\s]({re.escape(name)})\b").search(str(self.node.value), self.offset)
        return self.node.at(match.start(1) if match else self.offset)

    @property
    def origin(self) -> Origin:
        return self.node.at(self.offset)


@dataclass(frozen=True)
class Source:
    """A reference in a file, and where its two names stand."""

    ref: Ref
    stage_origin: Origin
    port_origin: Origin


@dataclass(frozen=True)
class Wire:
    """An input port: what it takes, and where from. Either may have made no sense."""

    typed: Typed | None
    source: Source | None
    node: Node


@dataclass
class DraftStage:
    name: str
    node: Node
    inputs: dict[str, Wire] = field(default_factory=dict)
    outputs: dict[str, Typed | None] = field(default_factory=dict)

    def text(self, key: str) -> Node | None:
        """The value of a key, if it is a string."""
        node = self.node.get(key)
        return node if node is not None and isinstance(node.value, str) else None


@dataclass
class Draft:
    """What could be read of a graph."""

    tree: Node
    inputs: dict[str, Typed | None]
    outputs: dict[str, Source | None]
    stages: dict[str, DraftStage]


def read_draft(tree: Node, mistakes: list[Mistake]) -> Draft:
    """Parse the graph's strings. Text that makes no sense is noted.

    A value that is no string is left out: it has been noted as a mistake against the schema.
    """
    stages = {name: _stage(name, node, mistakes) for name, node in tree.children("stages").items()}
    inputs = {name: _type(node, mistakes) for name, node in tree.children("inputs").items()}
    outputs = {name: _source(node, 0, mistakes) for name, node in tree.children("outputs").items()}
    return Draft(tree, inputs, outputs, stages)


def _stage(name: str, node: Node, mistakes: list[Mistake]) -> DraftStage:
    stage = DraftStage(name, node)
    for port, child in node.children("inputs").items():
        stage.inputs[port] = _wire(child, mistakes)
    for port, child in node.children("outputs").items():
        stage.outputs[port] = _type(child, mistakes)
    return stage


def _wire(node: Node, mistakes: list[Mistake]) -> Wire:
    if not isinstance(node.value, str):
        return Wire(None, None, node)
    left, arrow, _ = node.value.partition(ARROW)
    if not arrow:
        message = "an input says where it comes from: TYPE <- STAGE.PORT, input.NAME or params.NAME"
        mistakes.append(Mistake(node.origin, message, of_fit=False))
        return Wire(None, None, node)
    return Wire(_parse(node, left, mistakes), _source(node, len(left) + len(ARROW), mistakes), node)


def _type(node: Node, mistakes: list[Mistake]) -> Typed | None:
    if not isinstance(node.value, str):
        return None
    if ARROW in node.value:
        message = f"takes a type alone; '{ARROW} STAGE.PORT' belongs to the inputs of a stage"
        mistakes.append(Mistake(node.at(node.value.index(ARROW)), message, of_fit=False))
        return None
    return _parse(node, node.value, mistakes)


def _parse(node: Node, text: str, mistakes: list[Mistake]) -> Typed | None:
    try:
        return Typed(parse_type(text), node, len(text) - len(text.lstrip()))
    except TypeSyntaxError as error:
        mistakes.append(Mistake(node.at(error.column), error.message, of_fit=False))
        return None


def _source(node: Node, offset: int, mistakes: list[Mistake]) -> Source | None:
    if not isinstance(node.value, str):
        return None
    match = _REF.match(node.value, offset)
    if match is None:
        text = node.value[offset:]
        message = f"'{text.strip()}' is no source; write STAGE.PORT, input.NAME or params.NAME"
        mistakes.append(Mistake(node.at(offset + len(text) - len(text.lstrip())), message, of_fit=False))
        return None
    return Source(Ref(match[1], match[2]), node.at(match.start(1)), node.at(match.start(2)))


def difference(one: Type, other: Type) -> str:
    """A hint at what two types that differ have in common."""
    if isinstance(one, NamedType) or isinstance(other, NamedType):
        return ""
    if one.dtype != other.dtype:
        integer = next((dtype for dtype in (one.dtype, other.dtype) if "int" in dtype), None)
        if integer is not None and "bool" in (one.dtype, other.dtype):
            return f"; a mask is bool at both ends, True where padded: {integer} is not converted"
        return "; nothing converts a dtype on the way"
    if len(one.dims) != len(other.dims):
        return f"; {len(one.dims)} axes against {len(other.dims)}"
    if sorted(map(str, one.dims)) == sorted(map(str, other.dims)):
        return "; the axes are swapped"
    return ""
