"""The tree that YAML files are read into: each value with its origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import Origin

Scalar = str | int | float | bool | None


@dataclass
class Node:
    """A value of a YAML file, with its origin.

    Attributes:
        value: a scalar, a list of nodes or a map of nodes in file order.
        origin: start of the value.
        key: start of its key; equal to `origin` if it has no key.
        folder: folder that a relative path in the value starts from.
        verbatim: columns of the source before the string's first character (an opening quote); None if the source
            spells the string otherwise, with escapes or over several lines.
    """

    value: Any
    origin: Origin
    key: Origin
    folder: Path
    verbatim: int | None = None

    def at(self, offset: int) -> Origin:
        """Find the origin of the character at `offset` of the string."""
        if self.verbatim is None or not self.origin.line:
            return self.origin
        return Origin(self.origin.file, self.origin.line, self.origin.column + self.verbatim + offset)

    def get(self, *path: str) -> Node | None:
        """Find the node at a path of keys; None if a map on the way lacks its key."""
        node: Node | None = self
        for name in path:
            node = node.value.get(name) if node is not None and isinstance(node.value, dict) else None
        return node

    def children(self, *path: str) -> dict[str, Node]:
        """Give the map at `path`; an empty one if there is none."""
        node = self.get(*path)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def plain(self) -> Any:
        """Give the value without origins."""
        if isinstance(self.value, dict):
            return {name: child.plain() for name, child in self.value.items()}
        return [child.plain() for child in self.value] if isinstance(self.value, list) else self.value

    def leaf_file(self) -> str:
        """Give the file of the first value in this node."""
        return next((leaf.origin.file for _, leaf in self.leaves()), self.origin.file)

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
        """List every scalar and every list in this node, with its path."""
        if not isinstance(self.value, dict):
            yield path, self
            return
        for name, child in self.value.items():
            yield from child.leaves((*path, name))


def to_rows(tree: Node) -> list[list[Any]]:
    """Turn a tree into rows for JSON: its own origin, then path, value and origin of each scalar and list."""
    rows = ([list(path), node.plain(), *_origin_fields(node)] for path, node in tree.leaves())
    return [[[], None, *_origin_fields(tree)], *rows]


def _origin_fields(node: Node) -> list[Any]:
    key = None if node.key == node.origin else [node.key.file, node.key.line, node.key.column]
    return [[node.origin.file, node.origin.line, node.origin.column], key, str(node.folder), node.verbatim]


def from_rows(rows: list[list[Any]]) -> Node:
    """Make a tree from the rows of `to_rows`. A map gets the origin of the first value in it."""
    tree = _make_node({}, *rows[0][2:])
    for path, value, *fields in rows[1:]:
        leaf, above = _make_node(value, *fields), tree
        for name in path[:-1]:
            above = above.value.setdefault(name, Node({}, leaf.key, leaf.key, leaf.folder))
        above.value[path[-1]] = leaf
    return tree


def _make_node(value: Any, start: list[Any], key: list[Any] | None, folder: str, verbatim: int | None) -> Node:
    origin = Origin(*start)
    node = _make_below(value, origin, Path(folder))
    return Node(node.value, origin, origin if key is None else Origin(*key), Path(folder), verbatim)


def _make_below(value: Any, origin: Origin, folder: Path) -> Node:
    """Make a node of a value without origins; everything in it gets one origin."""
    if isinstance(value, list):
        value = [_make_below(item, origin, folder) for item in value]
    elif isinstance(value, dict):
        value = {name: _make_below(item, origin, folder) for name, item in value.items()}
    return Node(value, origin, origin, folder)
