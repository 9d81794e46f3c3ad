"""Reads values of columns as parameters and texts.

    "1.2" -> 1.2    7.0 -> 7    "TRUE" -> True      what files can hold for a number, an integer and a boolean

CSV has texts alone, and tables write a column of integers with gaps as 7.0: such values are read by the type of the
parameter's default. Everything else has to be of that type.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from runner.errors import RunError, printable

if TYPE_CHECKING:
    from runner.graph.types import Parameter

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_INTEGER = re.compile(r"([+-]?[0-9]{1,40})(?:\.0*)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_EXPECTED = {float: "a number such as 1.2", int: "an integer", bool: "true or false", str: "a text"}
_SHOWN = 40  # characters of a value in messages


def is_blank(value: Any) -> bool:
    """Whether a column gives nothing: null, or a text of spaces."""
    return value is None or (isinstance(value, str) and not value.strip())


def read_parameter(default: Parameter, value: Any) -> Parameter:
    """Read a value by the type of the parameter's default.

    Raises:
        RunError: it is of another type.
    """
    kind = type(default)
    found = _CONVERTERS[kind](value.strip() if isinstance(value, str) and kind is not str else value)
    if found is None:
        hint = "; write the fraction behind a dot" if kind is float and isinstance(value, str) and "," in value else ""
        raise RunError(f"is {show(value)}, expected {_EXPECTED[kind]}{hint}")
    return found


def read_text(value: Any) -> str:
    """Check that a value is a text.

    Raises:
        RunError: it is none.
    """
    if not isinstance(value, str):
        raise RunError(f"is {show(value)}, expected {_EXPECTED[str]}")
    return value


def read_name(value: Any) -> str:
    """Read a value that may be a text or an integer, as a text.

    Raises:
        RunError: it is neither.
    """
    whole = _to_integer(value) if isinstance(value, int | float) else None
    if whole is None and not isinstance(value, str):
        raise RunError(f"is {show(value)}, expected a text or an integer")
    return value if isinstance(value, str) else str(whole)


def show(value: Any) -> str:
    """Spell a value for messages: as JSON, not more than its beginning."""
    text = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"'{short}'" if isinstance(value, str) else short


def _to_number(value: Any) -> float | None:
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer of 309 digits
        return None
    return number if math.isfinite(number) else None


def _to_integer(value: Any) -> int | None:
    if isinstance(value, str):
        match = _INTEGER.fullmatch(value)
        return int(match[1]) if match else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _to_boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return _BOOLEANS.get(value.lower())
    return value if isinstance(value, bool) else None


def _to_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


_CONVERTERS = {float: _to_number, int: _to_integer, bool: _to_boolean, str: _to_text}
