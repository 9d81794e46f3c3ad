"""A value of a YAML file with its place, and the tree of such values that a graph is read into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import Origin

Scalar = str | int | float | bool | None


@dataclass
class Node:
    """A value with its place.

    Attributes:
        value: a scalar, a list of nodes or a map of nodes in file order.
        origin: where the value starts.
        key: where its key starts; the value's own place if it has none.
        folder: what a relative path in the value is relative to.
        verbatim: columns of the source to skip before the string's first character, or None if the string is not
            written in the source as it is (escapes, several lines).
    """

    value: Any
    origin: Origin
    key: Origin
    folder: Path
    verbatim: int | None = None

    def at(self, offset: int) -> Origin:
        """Where the character `offset` of the string is."""
        if self.verbatim is None or not self.origin.line:
            return self.origin
        return Origin(self.origin.file, self.origin.line, self.origin.column + self.verbatim + offset)

    def get(self, *path: str) -> Node | None:
        """The node below, by keys, if every map on the way has it."""
        node: Node | None = self
        for name in path:
            node = node.value.get(name) if node is not None and isinstance(node.value, dict) else None
        return node

    def children(self, *path: str) -> dict[str, Node]:
        """The map at `path`; an empty one if there is none."""
        node = self.get(*path)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {name: child.plain() for name, child in self.value.items()}
        return [child.plain() for child in self.value] if isinstance(self.value, list) else self.value

    def leaf_file(self) -> str:
        """The file that wrote the first value below."""
        return next((leaf.origin.file for _, leaf in self.leaves()), self.origin.file)

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
        """Every scalar and list below, with its path."""
        if not isinstance(self.value, dict):
            yield path, self
            return
        for name, child in self.value.items():
            yield from child.leaves((*path, name))


def to_rows(tree: Node) -> list[list[Any]]:
    """A tree as rows of JSON: its own place, then path, value and place of each scalar and list."""
    places = ([*path_and_value, *_place(node)] for path_and_value, node in _leaves(tree))
    return [[[], None, *_place(tree)], *places]


def _leaves(tree: Node) -> Iterator[tuple[list[Any], Node]]:
    for path, node in tree.leaves():
        yield [list(path), node.plain()], node


def _place(node: Node) -> list[Any]:
    key = None if node.key == node.origin else [node.key.file, node.key.line, node.key.column]
    return [[node.origin.file, node.origin.line, node.origin.column], key, str(node.folder), node.verbatim]


def from_rows(rows: list[list[Any]]) -> Node:
    """The tree that `to_rows` spelled. A map has the place of the first value in it."""
    tree = _node({}, *rows[0][2:])
    for path, value, *place in rows[1:]:
        leaf, above = _node(value, *place), tree
        for name in path[:-1]:
            above = above.value.setdefault(name, Node({}, leaf.key, leaf.key, leaf.folder))
        above.value[path[-1]] = leaf
    return tree


def _node(value: Any, origin: list[Any], key: list[Any] | None, folder: str, verbatim: int | None) -> Node:
    place = Origin(*origin)
    if isinstance(value, list):
        value = [Node(item, place, place, Path(folder)) for item in value]
    return Node(value, place, place if key is None else Origin(*key), Path(folder), verbatim)
