"""The table of computations: a kernel and its operator are called alike, and the kernel's docstring describes both."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stages import ops

SECTIONS = ["Computes", "Arguments", "Returns", "Needs", "Numerics", "Variants", "Source"]

Function = Callable[..., Any]


def functions() -> Iterator[tuple[str, list[Function]]]:
    """Yield the names of the table, each with the functions that its expression names, the kernel first."""
    for node in ast.parse(Path(ops.__file__).read_text("utf-8")).body:
        if isinstance(node, ast.Assign):
            value = node.value
            named = value.args if isinstance(value, ast.Call) else [value]
            paths = [ast.unparse(expression).split(".") for expression in named]
            if all(len(path) == 3 for path in paths):  # kernels.MODULE.FUNCTION
                yield ast.unparse(node.targets[0]), [find(*path) for path in paths]


def find(package: str, module: str, name: str) -> Function:
    function: Function = getattr(importlib.import_module(f"stages.{package}.{module}"), name)
    return function


def docstring_of(package: str, name: str) -> tuple[str, list[str]]:
    """Return the docstring of a function of the table, from the syntax tree, and the function's parameters in order."""
    module = TABLE[name][package == "operators"].__module__.rpartition(".")[2]
    tree = ast.parse((Path(ops.__file__).parent / package / f"{module}.py").read_text("utf-8"))
    [function] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    text = ast.get_docstring(function)
    assert text is not None
    arguments = function.args
    return text, [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


TABLE = dict(functions())
PAIRS = {name: found for name, found in TABLE.items() if len(found) == 2}


def test_table_holds_the_computations_under_their_own_names() -> None:
    assert len(TABLE) == 20
    assert set(TABLE) - set(PAIRS) == {"bf16_conv1d", "winograd_conv1d"}
    assert all(function.__name__ == name for name, found in TABLE.items() for function in found)
    assert all(getattr(ops, name).__doc__ == found[0].__doc__ for name, found in TABLE.items())


@pytest.mark.parametrize("name", PAIRS)
def test_kernel_and_operator_have_the_same_parameters(name: str) -> None:
    kernel, operator = (
        [
            (parameter.name, parameter.kind, parameter.default)
            for parameter in inspect.signature(function).parameters.values()
        ]
        for function in PAIRS[name]
    )
    assert kernel == operator


@pytest.mark.parametrize("name", TABLE)
def test_every_parameter_is_named_in_a_call(name: str) -> None:
    kinds = {parameter.kind for parameter in inspect.signature(TABLE[name][0]).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", TABLE)
def test_docstring_of_a_kernel_has_its_sections_in_order(name: str) -> None:
    text, _ = docstring_of("kernels", name)
    summary, blank, *body = text.splitlines()
    assert summary.endswith(".")
    assert blank == ""
    assert [line.removesuffix(":") for line in body if line and not line.startswith(" ")] == SECTIONS
    contents = re.split(r"^\w+:\n", text, flags=re.MULTILINE)[1:]
    assert all(content.strip() for content in contents)


@pytest.mark.parametrize("name", TABLE)
def test_docstring_of_a_kernel_describes_every_parameter_and_both_variants(name: str) -> None:
    text, parameters = docstring_of("kernels", name)
    assert entries(text, "Arguments") == parameters
    assert entries(text, "Variants") == ["kernel", "operator"]


def entries(text: str, section: str) -> list[str]:
    """Return the names that begin the entries of a section; an entry goes on in lines that are indented further."""
    [content] = re.findall(rf"^{section}:\n((?: +.*\n)+)", text, flags=re.MULTILINE)
    return re.findall(r"^ {4}(\w+): \S", content, flags=re.MULTILINE)


@pytest.mark.parametrize("name", PAIRS)
def test_docstring_of_an_operator_refers_to_the_kernel(name: str) -> None:
    text, _ = docstring_of("operators", name)
    assert re.search(rf"`kernels\.(\w+\.)?{name}`", text)
