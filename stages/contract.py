"""The contract of a stage: the type grammar of its ports, and the `@stage` decorator.

    type   = dtype "[" [ dim { "," dim } ] "]"  |  "str"  |  "voice"
    dim    = INT  |  NAME  |  INT "*" NAME

`float32[1, 2*frames]` is a tensor, `float32[]` a scalar (0-d array), `str` a text, `voice` a voice pack by name, file
or mix. Dims are compared by name: two axes of equal size stay two axes. Graph files, contracts,
manifests and messages share this grammar.

This module imports neither TVM nor NumPy, so that reading a contract costs nothing.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import logging
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NoReturn, TypeVar

DTYPES = ("bool", "int8", "uint8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")
NAMED_TYPES = {"str": "", "voice": "float32[voice_rows, 2*style]"}
"""Types that are no tensors, with the tensor that a stage is given instead; '' for a type that stands for itself."""

_FOREIGN = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "int": "int64",
    "long": "int64",
    "string": "str",
}

_TOKEN = re.compile(r"\s*(?:(?P<int>[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>.))", re.DOTALL)
_DIM_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")

Definition = TypeVar("Definition", bound=Callable[..., object])


class StageError(Exception):
    """A stage refuses its input. The runner adds the stage's name.

    The message says what the stage got, what it takes and what to do.
    """


_WARN: ContextVar[Callable[[str], object]] = ContextVar("warn", default=logging.getLogger("kokoro_run").warning)


def warn(message: str) -> None:
    """Warn, from within a Python stage, of something in its input; the runner adds the stage's name and the line."""
    _WARN.get()(message)


@contextlib.contextmanager
def handle_warnings(handler: Callable[[str], object]) -> Iterator[None]:
    """Pass each warning of the stages called inside to `handler`."""
    token = _WARN.set(handler)
    try:
        yield
    finally:
        _WARN.reset(token)


class TypeSyntaxError(ValueError):
    """A type is misspelled.

    Attributes:
        message: what is wrong, with the fix.
        column: offset of the offending character in the text, from 0.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True)
class Dim:
    """The size of one axis: `factor * name`, or the plain integer `factor` where `name` is None."""

    factor: int
    name: str | None

    def __str__(self) -> str:
        if self.name is None:
            return str(self.factor)
        return self.name if self.factor == 1 else f"{self.factor}*{self.name}"


@dataclass(frozen=True)
class TensorType:
    """A tensor's dtype and axes; no axes make a scalar."""

    dtype: str
    dims: tuple[Dim, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.dims))}]"


@dataclass(frozen=True)
class NamedType:
    """A value that is not a tensor (`str`, `voice`); only Python stages take these."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def tensor(self) -> TensorType | None:
        """The type of the tensor that a stage is given for it; None for `str`."""
        spelled = NAMED_TYPES[self.name]
        type_ = parse_type(spelled) if spelled else None
        return type_ if isinstance(type_, TensorType) else None


Type = TensorType | NamedType


@functools.cache
def parse_type(text: str) -> Type:
    """Parse a type; `str()` of the result is the canonical spelling.

    Raises:
        TypeSyntaxError: unknown dtype, a dim that is not `INT`, `NAME` or `INT*NAME`, or unbalanced brackets.
    """
    return _Parser(text).parse()


class _Parser:
    """A recursive-descent parser of one type."""

    def __init__(self, text: str) -> None:
        text = text.rstrip()
        found = ((match.lastgroup or "", match) for match in _TOKEN.finditer(text))
        self.tokens = [(group, match[group], match.start(group)) for group, match in found]
        self.tokens.append(("end", "", len(text)))
        self.at = 0

    def parse(self) -> Type:
        kind, name, column = self.take()
        if kind != "name":
            self.fail("a type starts with a dtype, as in float32[1, text]", column)
        if name in NAMED_TYPES:
            self.end(f"'{name}' is no tensor and takes no dims")
            return NamedType(name)
        if name not in DTYPES:
            self.fail(f"unknown dtype '{name}'{_suggest(name)}", column)
        if self.peek() != "[":
            self.fail(f"'{name}' needs its dims in brackets: {name}[1, text], or {name}[] for a scalar", self.column())
        self.take()
        dims = self.dims()
        self.end("nothing may follow the closing bracket")
        return TensorType(name, dims)

    def dims(self) -> tuple[Dim, ...]:
        dims: list[Dim] = []
        if self.peek() == "]":
            self.take()
            return ()
        while True:
            dims.append(self.dim())
            _, mark, column = self.take()
            if mark == "]":
                return tuple(dims)
            if mark in ("*", "+", "-", "/"):
                self.fail("a dim is INT, NAME or INT*NAME, as in 2*frames; there is no other arithmetic", column)
            if mark != ",":
                self.fail("expected ',' or ']' here", column)

    def dim(self) -> Dim:
        kind, text, column = self.take()
        if kind == "name":
            return Dim(1, self.dim_name(text, column))
        if kind != "int":
            self.fail("expected a dim here: INT, NAME or INT*NAME, as in 2*frames", column)
        if text.startswith("0") or len(text) > 12:
            self.fail("a dim is a positive integer of at most 12 digits, without a leading zero", column)
        factor = int(text)
        if self.peek() != "*":
            return Dim(factor, None)
        self.take()
        kind, text, column = self.take()
        if kind != "name":
            self.fail(f"expected a dim's name after '{factor}*'", column)
        return Dim(factor, self.dim_name(text, column))

    def dim_name(self, name: str, column: int) -> str:
        if not _DIM_NAME.match(name):
            self.fail(f"dim '{name}' is not a lower-case name", column)
        return name

    def peek(self) -> str:
        return self.tokens[self.at][1]

    def column(self) -> int:
        return self.tokens[self.at][2]

    def take(self) -> tuple[str, str, int]:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def end(self, message: str) -> None:
        if self.tokens[self.at][0] != "end":
            self.fail(message, self.column())

    def fail(self, message: str, column: int) -> NoReturn:
        raise TypeSyntaxError(message, column)


def _suggest(name: str) -> str:
    """Return `; did you mean 'float32'?`, or the list of all types."""
    close = difflib.get_close_matches(name.lower(), (*DTYPES, *NAMED_TYPES), n=1)
    best = _FOREIGN.get(name.lower()) or (close[0] if close else None)
    return f"; did you mean '{best}'?" if best else f"; known: {', '.join((*DTYPES, *NAMED_TYPES))}"


@dataclass(frozen=True)
class In:
    """An input port as the decorator takes it: its type, and its meaning with the unit."""

    type: str
    doc: str


@dataclass(frozen=True)
class Out:
    """An output port as the decorator takes it: its type, and its meaning with the unit."""

    type: str
    doc: str


@dataclass(frozen=True)
class Port:
    """A port of a contract."""

    type: Type
    doc: str


@dataclass(frozen=True)
class Contract:
    """The ports of a stage, in the order of the compiled entry's arguments and results.

    Attributes:
        weights: the checkpoint's parts, by prefix, that the stage reads.
        config: the keys of the model's config.json that a Python stage takes by keyword.
        files: paths of files that it reads, relative to its own, such as tables and weights: they are a part of its
            code, and its results and its library are made anew when one changes.
        packages: names of other packages that a Python stage calls, as pip knows them: its results are made anew when
            the installed version of one changes.
    """

    inputs: dict[str, Port]
    outputs: dict[str, Port]
    weights: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def stage(
    *,
    weights: tuple[str, ...] = (),
    config: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
    packages: tuple[str, ...] = (),
    **ports: In | Out | tuple[In, Out],
) -> Callable[[Definition], Definition]:
    """Attach a contract to a stage: to the function of a Python stage, to the `nn.Module` class of a compiled one.

    Ports are given in order. A name that is both an input and an output is given once, as a pair:
    `audio=(In(...), Out(...))`.

    Raises:
        TypeSyntaxError: a port's type is misspelled; the message names the port.
    """
    contract = Contract({}, {}, weights, config, files, packages)
    for name, given in ports.items():
        for port in given if isinstance(given, tuple) else (given,):
            side = contract.inputs if isinstance(port, In) else contract.outputs
            side[name] = Port(_port_type(name, port.type), port.doc)

    def attach(definition: Definition) -> Definition:
        definition.contract = contract  # type: ignore[attr-defined]
        return definition

    return attach


def _port_type(name: str, text: str) -> Type:
    try:
        return parse_type(text)
    except TypeSyntaxError as error:
        raise TypeSyntaxError(f"port {name}: {text!r}: {error.message}", error.column) from None
