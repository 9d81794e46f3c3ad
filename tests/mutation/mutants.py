"""Mutants: copies of a source file with one small fault each, made by cosmic-ray's operators and two of our own.

    file --> places where an operator applies, less those that cannot matter --> Site --> one Mutant, drawn at random

An operator may have several replacements for one place (`<` becomes `<=`, `==`, ...): each place is drawn once, so that
comparisons do not crowd out everything else. cosmic-ray changes no strings, hence no docstrings, messages or `__all__`.
Left out by rule, because no test can or should tell them apart:

- type annotations, names for unions of types and `if TYPE_CHECKING:`, which nothing executes;
- `frozen` and `repr` of dataclasses and pydantic's models: mypy refuses what the one does, nobody relies on the other;
- removal of `@functools.cache`, `@overload` and `@abstractmethod`: it changes the speed, or what mypy sees;
- `is` in place of `==` and the reverse: CPython decides whether two equal values are one object.

Only cosmic-ray's operators are used, not its runner: that starts a process for each mutant and runs all tests. mutmut
puts all mutants of a file into it, and the one that counts is chosen when it runs: files become 25 times as long, every
process imports mutmut, and classes' and modules' own statements and decorated functions get no mutants.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider

Position = tuple[int, int]  # line from 1, column from 0
Span = tuple[Position, Position]

_UNREMOVABLE = {"cache", "lru_cache", "overload", "abstractmethod"}
_UNSEEN = {"frozen", "repr"}
_IDENTITY = {"Is", "IsNot"}
_ARITHMETIC = {"arith_expr", "term", "power", "shift_expr", "expr", "and_expr", "xor_expr"}
_WITH_ARGUMENTS = {"VariableReplacer", "VariableInserter"}  # of cosmic-ray, for names given one by one


class SwapMembership(Operator):
    """Puts `not in` in place of `in`, and the reverse."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        """As in cosmic-ray."""
        if node.type == "comparison":
            yield from ((each.start_pos, each.end_pos) for each in _memberships(node))

    def mutate(self, node: Any, index: int) -> Any:
        """As in cosmic-ray."""
        old = _memberships(node)[index]
        new = " not in" if old.get_code().strip() == "in" else " in"
        node.children[node.children.index(old)] = get_ast(new)
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """As in cosmic-ray."""
        return ()


def _memberships(comparison: Any) -> list[Any]:
    return [child for child in comparison.children[1::2] if child.get_code().split() in (["in"], ["not", "in"])]


class DeleteStatement(Operator):
    """Puts `pass` in place of a statement that stands for its effect alone: a call, a `raise`, an augmented assignment,
    an assignment to an attribute or an element."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        """As in cosmic-ray."""
        if node.type == "simple_stmt" and _has_effect(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002 - as cosmic-ray calls it
        """As in cosmic-ray."""
        statement = node.children[0]
        node.children[0] = get_ast(f"{statement.get_first_leaf().prefix}pass")
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """As in cosmic-ray."""
        return ()


def _has_effect(statement: Any) -> bool:
    if statement.type == "expr_stmt":
        target, sign, *_ = statement.children
        return target.type == "atom_expr" or (sign.type == "operator" and sign.value != "=")
    return statement.type == "raise_stmt" or (
        statement.type == "atom_expr" and statement.children[-1].get_code().startswith("(")
    )


@dataclass(frozen=True)
class Mutant:
    """One fault: `operator` applied to `file` for the `occurrence`th time.

    Attributes:
        file: relative to the root of the checkout.
        line: of the place that changes, from 1.
    """

    file: str
    line: int
    name: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.name}"

    def code(self, root: Path) -> str:
        """The text of the file with the fault."""
        mutated = mutate_code((root / self.file).read_text("utf-8"), _operators()[self.name], self.occurrence)
        assert mutated is not None
        return str(mutated)


Site = list[Mutant]


def sites(root: Path, file: str) -> list[Site]:
    """Every place of `file` that can be mutated, with the mutants of one kind for each, in the file's order."""
    text = (root / file).read_text("utf-8")
    tree = get_ast(text)
    spared = list(_spared(text))
    found: dict[tuple[Position, str], Site] = {}
    for name, operator in _operators().items():
        places = [(node, start) for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, (node, start) in enumerate(places):
            if not _is_of_syntax(name, node) and not any(begin <= start < end for begin, end in spared):
                mutant = Mutant(file, start[0], name, occurrence)
                found.setdefault((start, name.partition("_")[0]), []).append(mutant)
    return [found[key] for key in sorted(found)]


def draw(root: Path, files: list[str], count: int, seed: int) -> list[Mutant]:
    """At most `count` mutants of different places, the same ones for the same files and seed."""
    chance = random.Random(seed)
    every = [site for file in files for site in sites(root, file)]
    return [chance.choice(site) for site in chance.sample(every, min(count, len(every)))]


def _operators() -> dict[str, Operator]:
    provider = OperatorProvider()
    core = {name: provider[name]() for name in provider if name not in _WITH_ARGUMENTS and not _is_of_identity(name)}
    return {**core, "SwapMembership": SwapMembership(), "DeleteStatement": DeleteStatement()}


def _is_of_identity(name: str) -> bool:
    """Whether an operator of cosmic-ray replaces equality by identity, or the reverse."""
    kind, *signs = name.split("_")
    return kind == "ReplaceComparisonOperator" and len(_IDENTITY & set(signs)) == 1


def _is_of_syntax(name: str, node: Any) -> bool:
    """Whether what cosmic-ray takes for an operator is the `**` of a table, or the bare `*` of a signature."""
    return name.startswith("ReplaceBinaryOperator") and node.parent.type not in _ARITHMETIC


def _spared(text: str) -> Iterator[Span]:
    """The parts of a file whose mutants cannot matter."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        for part in _spared_parts(node):
            yield (part.lineno, _column(lines, part.lineno, part.col_offset)), _end(lines, part)


def _spared_parts(node: ast.AST) -> Iterator[Any]:
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield node.annotation
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        yield node.returns
    if isinstance(node, ast.Module):
        yield from (each.value for each in node.body if isinstance(each, ast.Assign) and _is_union(each.value))
    if isinstance(node, ast.keyword) and node.arg in _UNSEEN:
        yield node
    if isinstance(node, ast.If) and _called(node.test) == "TYPE_CHECKING":
        yield node
    for decorator in getattr(node, "decorator_list", []):
        if _called(decorator) in _UNREMOVABLE:
            yield _At(decorator.lineno, decorator.col_offset - 1, decorator.end_lineno, decorator.end_col_offset)


def _is_union(value: ast.expr) -> bool:
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr)


@dataclass(frozen=True)
class _At:
    """A place like that of a node; of a decorator, with its `@`."""

    lineno: int
    col_offset: int
    end_lineno: int | None
    end_col_offset: int | None


def _called(expression: ast.expr) -> str | None:
    """The last name of `a.b.c` or `a.b.c(...)`."""
    named = expression.func if isinstance(expression, ast.Call) else expression
    return getattr(named, "attr", None) or getattr(named, "id", None)


def _end(lines: list[str], part: Any) -> Position:
    return part.end_lineno, _column(lines, part.end_lineno, part.end_col_offset)


def _column(lines: list[str], line: int, offset: int) -> int:
    """The column in characters of an offset that `ast` gives in bytes."""
    return len(lines[line - 1].encode()[:offset].decode())
