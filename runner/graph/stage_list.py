"""Lists the stages that a graph may name, with their contracts. No stage is imported.

stages.NAME      of this project
ENTRY_POINT      of an installed package
FILE.py          each definition under @stage(...) of a file beside a graph, where the file is asked for
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.graph.contracts import (
    ContractError,
    StageText,
    find_stage,
    is_stage_file,
    list_definitions,
    list_stages,
    read_stage,
    split_stage_file,
)
from stages.contract import NamedType, Port, TensorType

_SENTENCE_END = re.compile(r"(?<=[.:])\s")


@dataclass(frozen=True)
class ListedStage:
    """A stage that a graph may name.

    Attributes:
        name: as a graph names it: `module` of a Python stage, `source` of a compiled one.
        path: the file of its code; None if that is not there.
        text: None if the stage cannot be read, and `fault` says why.
    """

    name: str
    path: Path | None
    text: StageText | None
    fault: str = ""

    @property
    def kind(self) -> str:
        """`python` for a function, `compiled` for a class, '' if the stage cannot be read."""
        return "" if self.text is None else "compiled" if self.text.is_class else "python"

    @property
    def sentence(self) -> str:
        """The first sentence of its docstring, on one line; what follows a colon is left out."""
        paragraph = "" if self.text is None else " ".join(self.text.doc.split("\n\n")[0].split())
        return _SENTENCE_END.split(paragraph, maxsplit=1)[0].rstrip(":")

    def table(self) -> dict[str, Any]:
        """Make a table for JSON; docs/json.md has the schema."""
        head: dict[str, Any] = {"name": self.name, "file": None if self.path is None else str(self.path)}
        if self.text is None:
            return {**head, "error": self.fault}
        contract = self.text.contract
        return {
            **head,
            "kind": self.kind,
            "definition": self.text.definition,
            "entry": self.text.entry if self.text.is_class else None,
            "doc": self.sentence,
            "inputs": {
                name: {**_describe(port), "parameter": can_be_parameter(port)} for name, port in contract.inputs.items()
            },
            "outputs": {name: _describe(port) for name, port in contract.outputs.items()},
            "weights": list(contract.weights),
            "config": list(contract.config),
            "files": list(contract.files),
            "packages": list(contract.packages),
        }


def can_be_parameter(port: Port) -> bool:
    """Whether an input may be wired to a parameter: it is a number or a text."""
    type_ = port.type
    return not type_.dims if isinstance(type_, TensorType) else type_ == NamedType("str")


def _describe(port: Port) -> dict[str, str]:
    return {"type": str(port.type), "doc": port.doc}


def list_available(names: Iterable[str] = ()) -> list[ListedStage]:
    """List the stages called `names`, else all that need no file beside a graph.

    Args:
        names: as a graph names them; of a file FILE.py all definitions.

    Raises:
        ContractError: one of `names` is not there, or cannot be read.
    """
    asked = [stage for name in names for stage in _expand(name)]
    return [_read(name) for name in asked] if asked else [_try_read(name) for name in list_stages()]


def _expand(name: str) -> Iterator[str]:
    """Give the name of a stage as it is, and that of a file once for each of its definitions."""
    if not is_stage_file(name):
        yield name
        return
    file, definition = split_stage_file(name)
    path = find_stage(str(Path(file).absolute())).path
    known = list_definitions(path) if definition is None else [definition]
    if not known:
        raise ContractError(f"{file}: has no definition under @stage(...), expected at least one")
    yield from (f"{path}:{each}" for each in known)


def _read(name: str) -> ListedStage:
    return ListedStage(name, find_stage(name).path, read_stage(name))


def _try_read(name: str) -> ListedStage:
    path = None
    try:
        path = find_stage(name).path
        return ListedStage(name, path, read_stage(name))
    except ContractError as error:
        return ListedStage(name, path, None, str(error))
