"""Finds the modules of this project that the program of a bundle takes: those that it imports, also indirectly.

    runner.bundle.program, Python stages --import statements, also within functions--> modules of runner and stages
                                         `files` of the stages' contracts          --> tables that they read

Nothing is imported for this. The compiler is never reached: running does not import it (pyproject.toml, import-linter).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import stages
from runner.bundle.layout import PYTHON, Entry
from runner.files.locate import data_root
from runner.graph.contracts import find_data_files, find_stage, parse_source, read_contract

_PROGRAM = ("runner.bundle.machine", "runner.bundle.program")
_ABSENT = {"runner.model.hub"}  # a bundle fetches nothing: it has the voices that it was made with
_FOLDERS = {"runner": Path(__file__).parents[1], "stages": Path(stages.__path__[0])}
_LICENCES = ("LICENSE", "NOTICE")


def list_own_code(stage_names: Iterable[str]) -> Iterator[Entry]:
    """List the files of this project for a bundle that has these Python stages, named as a graph names them."""
    names = list(stage_names)
    modules = find_modules([*_PROGRAM, *(find_stage(name).module for name in names)])
    files = set(modules.values())
    for name in names:
        files.update(find_data_files(find_stage(name), read_contract(name).files))
    for path in sorted(files):
        package = next(name for name, folder in _FOLDERS.items() if path.is_relative_to(folder))
        yield Entry(f"{PYTHON}/{package}/{path.relative_to(_FOLDERS[package]).as_posix()}", path)
    yield from _list_licences()


def find_modules(names: Iterable[str]) -> dict[str, Path]:
    """Find the files of modules, of their packages, and of the modules of this project that these import."""
    found: dict[str, Path] = {}
    left = list(names)
    while left:
        name = left.pop()
        path = _find_file(name)
        if path is None or name in found or name in _ABSENT:
            continue
        found[name] = path
        left += [name.rpartition(".")[0], *_list_imports(parse_source(path.read_bytes(), path))]
    return found


def _find_file(name: str) -> Path | None:
    """Find the file of a module of this project; None for another name, which may be that of a class or function."""
    first, *rest = name.split(".")
    if first not in _FOLDERS:
        return None
    base = _FOLDERS[first].joinpath(*rest)
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


def _list_imports(node: ast.AST) -> Iterator[str]:
    """List the names that a module imports when it runs: not those for type checkers alone."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    below = node.orelse if isinstance(node, ast.If) and is_for_types else ast.iter_child_nodes(node)
    for child in below:
        yield from _list_imports(child)


def _list_licences() -> Iterator[Entry]:
    """List the licences of this project: in a checkout beside `runner`, in an installed package in its metadata."""
    paths = [path for name in _LICENCES if (path := data_root() / name).is_file()]
    if not paths:
        from importlib.metadata import files  # noqa: PLC0415 - only of an installed package

        found = (file for file in files("kokoro-run") or () if file.name in _LICENCES)
        paths = [Path(str(file.locate())) for file in found]
    yield from (Entry(path.name, path) for path in sorted(paths))
