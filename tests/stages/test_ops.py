"""The table of computations: a kernel and its operator are called alike, and the kernel's docstring says all of it."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stages import ops

Function = Callable[..., Any]


def functions() -> Iterator[tuple[str, list[Function]]]:
    """The names of the table, each with the functions that its expression names, the kernel first."""
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
