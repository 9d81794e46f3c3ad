"""Spells values of outputs: for a person, and as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

_SHOWN = 16  # elements of an array that are printed


def spell_value(value: Any) -> str:
    """Spell a value: a text or a small array as it is, a large array by its type."""
    if isinstance(value, str):
        return value
    if value.size > _SHOWN:
        return f"{value.dtype.name}{list(value.shape)}"
    return np.array2string(value, separator=", ", max_line_width=10_000)


def to_json(value: Any) -> Any:
    """Make a JSON value: a text or a small array as it is, a large array as a table of its dtype and shape."""
    if isinstance(value, str):
        return value
    if value.size > _SHOWN:
        return {"dtype": value.dtype.name, "shape": list(value.shape)}
    return value.tolist()
