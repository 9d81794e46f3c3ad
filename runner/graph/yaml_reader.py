"""Reads the YAML of graph files: maps, lists and scalars, each with its line and column.

The language is a subset of YAML. Duplicate keys, tags, anchors, aliases, merge keys, keys that are not strings and
second documents are mistakes. Plain scalars follow YAML 1.2's core schema, decimal only: `true`, `false`, `null`, `12`,
`-3`, `0.5`, `1e-3`. Everything else is a string: `off` is not a boolean, `1:30` is not 90 and `017` is not 15. A
missing value is a mistake too: only `null` removes a value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from runner.errors import Mistake, Origin, keep_text
from runner.files.locate import base_folder, is_pipe
from runner.graph.yaml_node import Node, Scalar

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 16
# The characters that YAML forbids, and the line breaks of YAML 1.1 that editors do not take for line breaks.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\Z")
_CONSTANTS: dict[str, Scalar] = {"null": None, "true": True, "false": False}
_OTHER_NULLS = ("~", "Null", "NULL")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)\Z", re.IGNORECASE)


class ScalarError(ValueError):
    """A plain scalar has no value in this subset of YAML."""


def resolve_plain(text: str) -> Scalar:
    """Find the value of a plain (unquoted) scalar.

    Raises:
        ScalarError: the text is empty, another spelling of null, or a number that is not finite.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not text or text in _OTHER_NULLS:
        raise ScalarError("a value is missing here; write null to remove one")
    if _INT.match(text):
        if len(text.lstrip("+-")) > 17:
            raise ScalarError("an integer has at most 17 digits")
        return int(text)
    if _FLOAT.match(text):
        if not math.isfinite(float(text)):
            raise ScalarError(f"{text} is too large for a number")
        return float(text)
    if _NOT_FINITE.match(text):
        raise ScalarError(f"{text} is not a finite number")
    return text


def read_yaml(path: Path, name: str, mistakes: list[Mistake]) -> Node | None:
    """Read a file that holds a map; None if it cannot be read. Mistakes are appended.

    Args:
        name: the path as messages spell it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        mistakes.append(Mistake(Origin(name), f"is not UTF-8 (byte {error.start}); save it as UTF-8", of_fit=False))
        return None
    except OSError as error:
        mistakes.append(Mistake(Origin(name), f"cannot be read: {error.strerror}", of_fit=False))
        return None
    if is_pipe(path):
        keep_text(name, text)
    return read_text(text, name, base_folder(path), mistakes)


def read_text(text: str, name: str, folder: Path, mistakes: list[Mistake]) -> Node | None:
    """Read a map as `read_yaml` does, from text.

    Args:
        folder: folder that relative paths in the text start from.
    """
    return _Reader(text, name, folder, mistakes).read()


class _UnreadableError(Exception):
    """The rest of the file cannot be read; the mistake has been noted."""


class _Reader:
    """A parser that makes nodes of PyYAML's events. libyaml's `compose()` would resolve aliases without telling."""

    def __init__(self, text: str, name: str, folder: Path, mistakes: list[Mistake]) -> None:
        self.text = text
        self.name = name
        self.folder = folder
        self.mistakes = mistakes
        self.events: Iterator[Any] = iter(())

    def read(self) -> Node | None:
        try:
            self.refuse_characters()
            self.events = iter(yaml.parse(self.text, Loader=_LOADER))
            return self.document()
        except _UnreadableError:
            return None
        except yaml.MarkedYAMLError as error:
            in_key = "simple key" in (error.context or "") and error.context_mark is not None
            mark = error.context_mark if in_key else error.problem_mark or error.context_mark
            self.note(mark, self.syntax_message(error, mark))
        return None

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                self.note(event.start_mark, "a second document starts here; a file holds one")
                raise _UnreadableError
            if isinstance(event, yaml.NodeEvent):
                root = self.node(event, None, depth=0)
        if root is None:
            self.mistakes.append(Mistake(Origin(self.name), "is empty; it should hold a map", of_fit=False))
        elif not isinstance(root.value, dict):
            self.mistakes.append(Mistake(root.origin, "a file holds a map (key: value) at its top", of_fit=False))
            return None
        return root

    def node(self, event: Any, key: Origin | None, depth: int) -> Node:
        origin = self.origin(event.start_mark)
        self.refuse_extras(event)
        if depth > _MAX_DEPTH:
            self.note(event.start_mark, f"more than {_MAX_DEPTH} levels deep")
            raise _UnreadableError
        node = Node(None, origin, key or origin, self.folder)
        if isinstance(event, yaml.MappingStartEvent):
            node.value = self.map(depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node.value = self.list(depth)
        elif isinstance(event, yaml.ScalarEvent):
            node.value, node.verbatim = self.scalar(event)
        return node

    def map(self, depth: int) -> dict[str, Node]:
        children: dict[str, Node] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            name = self.key(event)
            origin = self.origin(event.start_mark)
            child = self.node(next(self.events), origin, depth + 1)
            if name in children:
                first = children[name].key.line
                self.note(event.start_mark, f"duplicate key '{name}'; it is first written in line {first}")
            elif name is not None:
                children[name] = child
        return children

    def list(self, depth: int) -> list[Node]:
        items: list[Node] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self.node(event, None, depth + 1))
        return items

    def key(self, event: Any) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self.note(event.start_mark, "a key is a string, not a list, map or alias")
            raise _UnreadableError
        self.refuse_extras(event)
        if not event.implicit[0]:
            return str(event.value)
        if event.value == "<<":
            self.note(event.start_mark, "merge keys are not used here; write the values out, or use an overlay")
            return None
        try:
            if isinstance(resolve_plain(event.value), str):
                return str(event.value)
        except ScalarError:
            pass
        self.note(event.start_mark, f"a key is a string; quote it: '{event.value}'")
        return None

    def scalar(self, event: Any) -> tuple[Scalar, int | None]:
        start, end = event.start_mark, event.end_mark
        quotes = 1 if event.style in ("'", '"') else 0
        written = end.column - start.column - 2 * quotes if start.line == end.line else -1
        verbatim = quotes if written == len(event.value) else None
        if not event.implicit[0]:
            return str(event.value), verbatim
        try:
            return resolve_plain(event.value), verbatim
        except ScalarError as error:
            self.note(start, str(error))
            return "", None

    def refuse_extras(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.note(event.start_mark, f"aliases (*{event.anchor}) are not used here; write the value out")
        elif event.anchor is not None:
            self.note(event.start_mark, f"anchors (&{event.anchor}) are not used here; write the value out")
        elif event.tag is not None:
            self.note(
                event.start_mark, f"tags ({event.tag}) are not used here; a value's kind follows from its spelling"
            )

    def syntax_message(self, error: yaml.MarkedYAMLError, mark: Any) -> str:
        line = self.text.split("\n")[mark.line] if mark.line < self.text.count("\n") + 1 else ""
        here = line[mark.column : mark.column + 1]
        before = line[: mark.column]
        if here == "[" and ("{" in before or "[" in before or "flow" in (error.context or "")):
            return (
                "a type with brackets cannot stand inside {...} or [...]; write one 'port: TYPE <- stage.port' a line"
            )
        if before.rstrip().endswith("}"):
            return "a value that starts with '{' must be quoted"
        if here == "\t":
            return "a tab cannot indent; use spaces"
        return f"not YAML: {', '.join(part for part in (error.context, error.problem) if part)}"

    def refuse_characters(self) -> None:
        match = _FORBIDDEN.search(self.text)
        if match is None:
            return
        before = self.text[: match.start()]
        origin = Origin(self.name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        name = f"U+{ord(match[0]):04X}"
        self.mistakes.append(Mistake(origin, f"the character {name} cannot stand in a YAML file", of_fit=False))
        raise _UnreadableError

    def origin(self, mark: Any) -> Origin:
        return Origin(self.name, mark.line + 1, mark.column + 1)

    def note(self, mark: Any, message: str) -> None:
        self.mistakes.append(Mistake(self.origin(mark), message, of_fit=False))
