"""Finds stages by name and reads their contracts, without running their code.

    stages.NAME           a stage of this project
    ENTRY_POINT           one that an installed package offers, in the group `kokoro_run.stages`: "package.module" or
                          "package.module:definition"
    FILE.py[:DEFINITION]  a file beside the graph; `validate` has made its path absolute

No other name is ever imported, whatever a YAML file says.

A contract is literal, so its text is enough: reading it takes a millisecond, importing a compiled stage takes TVM
(0.6 s).
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import pkgutil
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import stages
from runner.errors import suggest
from runner.files.locate import display_path, is_file
from stages.contract import Contract, In, Out, stage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "kokoro_run.stages"
_PACKAGE = "stages"
_NOT_PORTS = ("weights", "config", "files", "packages")
_PROTECTED = {"stages", "runner", "kokoro_run"}  # a folder that holds the project itself does not hide it
_PARSING = threading.Lock()


class ContractError(ValueError):
    """There is no such stage, or its contract cannot be read; the message has the reason."""


@dataclass(frozen=True)
class StageFile:
    """The file of a stage's code.

    Attributes:
        module: the name to import; '' for a file beside a graph. It is safe: it was looked up, not read from a graph.
        definition: the function or class under `@stage`; None for the only one of the file.
    """

    module: str
    path: Path
    definition: str | None = None


@dataclass(frozen=True)
class StageText:
    """The content of a stage's file that can be known without running it.

    Attributes:
        definition: name of the function or class.
        entry: the compiled function of a stage that is built.
        is_class: whether it is a class, which is built, or a function of Python.
        doc: the docstring of the file if it has one definition, else that of the definition; '' for none.
    """

    contract: Contract
    definition: str
    entry: str
    is_class: bool = False
    doc: str = ""


@dataclass(frozen=True)
class _Definition:
    """A definition under @stage(...) in a file; its contract, or why that cannot be read."""

    contract: Contract | ContractError
    is_class: bool
    doc: str


def is_stage_file(name: object) -> bool:
    """Whether a name is that of a file beside a graph: FILE.py or FILE.py:DEFINITION."""
    return isinstance(name, str) and (name.endswith(".py") or ".py:" in name)


def split_stage_file(name: str) -> tuple[str, str | None]:
    """Split FILE.py:DEFINITION into file and definition; the second is None if it is absent."""
    file, colon, definition = name.rpartition(":")
    return (file, definition) if colon and file.endswith(".py") else (name, None)


def display_name(name: str) -> str:
    """Spell the name of a stage for messages: a file relative to the working directory."""
    if not is_stage_file(name):
        return name
    file, definition = split_stage_file(name)
    return display_path(Path(file)) + ("" if definition is None else f":{definition}")


def find_stage(name: str) -> StageFile:
    """Find the file of the stage that a graph calls `name`.

    Raises:
        ContractError: no stage has that name.
    """
    if is_stage_file(name):
        return _find_beside(name)
    package, _, last = name.rpartition(".")
    if package == _PACKAGE and last.isidentifier() and _is_stage(_own_file(last)):
        return StageFile(name, _own_file(last))
    point = _find_offered_stages().get(name)
    if point is None:
        raise ContractError(f"no stage '{name}'{suggest(name, list_stages())}{_file_hint(name)}")
    spec = _find_spec(point.module)
    if spec is None or spec.origin is None:
        raise ContractError(f"the entry point '{name}' of {ENTRY_POINTS} names {point.module}, which is not installed")
    return StageFile(point.module, Path(spec.origin), point.attr or None)


def _find_beside(name: str) -> StageFile:
    file, definition = split_stage_file(name)
    path = Path(file)
    if not is_file(path):
        known = sorted(other.name for other in path.parent.glob("*.py") if other.is_file())
        hint = suggest(path.name, known) if known else f"; {path.parent} has no Python file, so check the folder"
        raise ContractError(f"no file '{display_path(path)}'{hint}")
    return StageFile("", path, definition)


def _find_spec(module: str) -> importlib.machinery.ModuleSpec | None:
    """Find a module as an import does, but import no package above it."""
    first, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except ValueError:  # it is `__main__`, or has been put together by hand
        return None
    for name in rest:
        if spec is None or spec.submodule_search_locations is None:  # is no package
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{name}", spec.submodule_search_locations)
    return spec


def _file_hint(name: str) -> str:
    if name.startswith(f"{_PACKAGE}."):
        return ""
    return "; no other module is imported: put a file beside the graph, ./NAME.py, or offer an entry point"


def list_own_modules(folder: Path) -> set[str]:
    """List the modules and packages that a stage's file in `folder` imports from there."""
    found = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/*.py")}
    return found - _PROTECTED - sys.stdlib_module_names


def read_stage(name: str) -> StageText:
    """Read the stage that a graph calls `name`.

    Raises:
        ContractError: no stage has that name, its file has no contract that can be read, or a file that the contract
            names is not there.
    """
    file = find_stage(name)
    try:
        found = _choose(file, _read(file.path, file.path.stat().st_mtime_ns))
        find_data_files(file, found.contract.files)
        return found
    except (OSError, SyntaxError, ValueError) as error:
        raise ContractError(f"{display_name(name)}: {error}") from error


def find_data_files(stage_file: StageFile, files: Sequence[str]) -> list[Path]:
    """Find the files that the contract of a stage says it reads; their paths are relative to its file.

    Raises:
        ContractError: one of them is not there.
    """
    folder = stage_file.path.parent
    for file in files:
        if not is_file(folder / file):
            raise ContractError(f"`files` of its contract names {file}, which is not there")
    return [folder / file for file in files]


def read_contract(name: str) -> Contract:
    """Read the contract of the stage that a graph calls `name`; errors are those of `read_stage`."""
    return read_stage(name).contract


def list_definitions(path: Path) -> list[str]:
    """List the functions and classes under @stage(...) in a file.

    Raises:
        ContractError: it cannot be read, or is not Python.
    """
    try:
        return list(_read(path, path.stat().st_mtime_ns))
    except (OSError, SyntaxError, ValueError) as error:
        raise ContractError(f"{display_path(path)}: {error}") from error


def _choose(file: StageFile, found: dict[str, _Definition]) -> StageText:
    """Choose the definition that `file` names, else the only one."""
    stem = file.path.stem if file.path.name != "__init__.py" else file.path.parent.name
    definition = file.definition
    if len(found) == 1 and definition is None:
        definition = next(iter(found))
    if definition is None:
        names = f": {', '.join(found)}" if found else ""
        choice = f"; choose one, as in {file.path.name}:{next(iter(found))}" if found else ""
        raise ContractError(f"has {len(found)} definitions under @stage(...){names}, where one is expected{choice}")
    if definition not in found:
        raise ContractError(f"has no definition '{definition}' under @stage(...){suggest(definition, found)}")
    chosen = found[definition]
    if isinstance(chosen.contract, ContractError):
        raise chosen.contract
    entry = f"{stem if len(found) == 1 else definition.lower()}_forward"
    return StageText(chosen.contract, definition, entry, chosen.is_class, chosen.doc)


def list_stages() -> list[str]:
    """List every stage that a graph can name, but for files."""
    return [*(f"{_PACKAGE}.{name}" for name in _list_own_stages()), *_find_offered_stages()]


def _list_own_stages() -> list[str]:
    modules = (found.name for found in pkgutil.iter_modules(stages.__path__) if not found.ispkg)
    return [name for name in modules if _is_stage(_own_file(name))]


def _is_stage(path: Path) -> bool:
    return path.is_file() and "@stage(" in path.read_text(encoding="utf-8")


def _own_file(name: str) -> Path:
    return Path(stages.__path__[0]) / f"{name}.py"


def _find_offered_stages() -> dict[str, EntryPoint]:
    """Find the stages that other packages offer, by name."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 30 ms that most graphs do not need

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def parse_source(source: str | bytes, path: Path) -> ast.Module:
    """Parse the source of a Python file, one thread at a time.

    CPython 3.11.7 counts the depth of the trees of all threads together, and raises a SystemError.
    """
    with _PARSING:
        return ast.parse(source, str(path))


@functools.cache
def _read(path: Path, _modified: int) -> dict[str, _Definition]:
    """Read each definition under @stage(...) in a file."""
    tree = parse_source(path.read_text(encoding="utf-8"), path)
    decorators = [
        (node, decorator)
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and _function_name(decorator) == "stage"
    ]
    found: dict[str, _Definition] = {}
    for node, decorator in decorators:
        own, whole = ast.get_docstring(node), ast.get_docstring(tree)
        doc = (whole or own if len(decorators) == 1 else own or whole) or ""
        contract = _try_contract(decorator)
        if node.name in found:
            contract = ContractError(f"line {decorator.lineno}: '{node.name}' is defined a second time")
        found[node.name] = _Definition(contract, isinstance(node, ast.ClassDef), doc)
    return found


def _try_contract(decorator: ast.Call) -> Contract | ContractError:
    try:
        return _evaluate_contract(decorator)
    except ValueError as error:
        return ContractError(str(error))


def _evaluate_contract(decorator: ast.Call) -> Contract:
    given = {keyword.arg: _evaluate(keyword.value) for keyword in decorator.keywords}
    for name, value in given.items():
        parts = value if isinstance(value, tuple) else (value,)
        if name is None or not all(isinstance(part, str if name in _NOT_PORTS else In | Out) for part in parts):
            raise _literal_error(decorator)
        if name in _NOT_PORTS and not isinstance(value, tuple):
            raise ContractError(f'line {decorator.lineno}: `{name}` is a tuple: ("{value}",)')

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
    """The last name of the function that is called: `stage` of `@stage(...)` and of `@contract.stage(...)`."""
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
