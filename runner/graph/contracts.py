"""Finds stages by name and reads their contracts, without running their code.

A stage is named `stages.NAME`, or by an entry point of the group `kokoro_run.stages` that an installed package offers.
No other dotted name is ever imported, whatever a YAML file says.

A contract is literal, so its text is enough: reading it takes a millisecond, importing a compiled stage takes TVM
(0.6 s).
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import stages
from runner.errors import suggest
from stages.contract import Contract, In, Out, stage

ENTRY_POINTS = "kokoro_run.stages"
_PACKAGE = "stages"
_NOT_PORTS = ("weights", "config")


class ContractError(ValueError):
    """There is no such stage, or its contract cannot be read; the message has the reason."""


@dataclass(frozen=True)
class StageFile:
    """The file of a stage's code.

    Attributes:
        module: the name to import. It is safe: it was looked up, not read from a graph.
        name: name of the function of a Python stage; the entry of a compiled one is `NAME_forward`.
    """

    module: str
    name: str
    path: Path


def find_stage(dotted: str) -> StageFile:
    """Find the file of the stage that a graph calls `dotted`.

    Raises:
        ContractError: no stage has that name.
    """
    package, _, name = dotted.rpartition(".")
    if package == _PACKAGE and name.isidentifier() and _is_stage(_own_file(name)):
        return StageFile(dotted, name, _own_file(name))
    module = _find_offered_stages().get(dotted)
    if module is None:
        raise ContractError(f"no stage '{dotted}'{suggest(dotted, list_stages())}")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ContractError(f"the entry point '{dotted}' of {ENTRY_POINTS} names {module}, which is not installed")
    return StageFile(module, module.rpartition(".")[2], Path(spec.origin))


def read_contract(dotted: str) -> Contract:
    """Read the contract of the stage that a graph calls `dotted`.

    Raises:
        ContractError: no stage has that name, or its file has no contract that can be read.
    """
    file = find_stage(dotted)
    try:
        return _read(file.path, file.path.stat().st_mtime_ns)
    except (OSError, SyntaxError, ValueError) as error:
        raise ContractError(f"{dotted}: {error}") from error


def list_stages() -> list[str]:
    """List every stage that a graph can name."""
    return [*(f"{_PACKAGE}.{name}" for name in _list_own_stages()), *_find_offered_stages()]


def _list_own_stages() -> list[str]:
    modules = (found.name for found in pkgutil.iter_modules(stages.__path__) if not found.ispkg)
    return [name for name in modules if _is_stage(_own_file(name))]


def _is_stage(path: Path) -> bool:
    return path.is_file() and "@stage(" in path.read_text(encoding="utf-8")


def _own_file(name: str) -> Path:
    return Path(stages.__path__[0]) / f"{name}.py"


def _find_offered_stages() -> dict[str, str]:
    """Find the stages that other packages offer: name -> module."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 30 ms that most graphs do not need

    return {point.name: point.module for point in entry_points(group=ENTRY_POINTS)}


@functools.cache
def _read(path: Path, _modified: int) -> Contract:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    found = [
        decorator
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and _function_name(decorator) == "stage"
    ]
    if len(found) != 1:
        raise ContractError(f"has {len(found)} definitions under @stage(...), where a stage's file has one")
    return _evaluate_contract(found[0])


def _evaluate_contract(decorator: ast.Call) -> Contract:
    given = {keyword.arg: _evaluate(keyword.value) for keyword in decorator.keywords}
    for name, value in given.items():
        parts = value if isinstance(value, tuple) else (value,)
        if name is None or not all(isinstance(part, str if name in _NOT_PORTS else In | Out) for part in parts):
            raise _literal_error(decorator)

    @stage(**given)  # type: ignore[arg-type]
    def carrier() -> None:
        """Carry the contract that `stage` makes, so that the decorator's rules are in one place."""

    contract: Contract = carrier.contract  # type: ignore[attr-defined]
    return contract


def _evaluate(node: ast.expr) -> object:
    """Evaluate a string, a tuple, In(...) or Out(...)."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Tuple):
        return tuple(_evaluate(item) for item in node.elts)
    makers: dict[str, Callable[[str, str], In | Out]] = {"In": In, "Out": Out}
    if isinstance(node, ast.Call) and _function_name(node) in makers and len(node.args) == 2 and not node.keywords:
        type_, doc = map(_evaluate, node.args)
        if isinstance(type_, str) and isinstance(doc, str):
            return makers[_function_name(node)](type_, doc)
    raise _literal_error(node)


def _literal_error(node: ast.expr) -> ContractError:
    return ContractError(
        f"line {node.lineno}: a contract is literal: strings, tuples, In(type, doc) and Out(type, doc)"
    )


def _function_name(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""
