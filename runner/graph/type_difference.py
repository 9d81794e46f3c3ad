"""Describes how two types differ, for messages: swapped axes, another number of axes, another dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stages.contract import NamedType

if TYPE_CHECKING:
    from stages.contract import Type


def describe_difference(one: Type, other: Type) -> str:
    """Describe how two types differ, as a hint for messages; '' if there is nothing to add."""
    if isinstance(one, NamedType) or isinstance(other, NamedType):
        return ""
    if one.dtype != other.dtype:
        integer = next((dtype for dtype in (one.dtype, other.dtype) if "int" in dtype), None)
        if integer is not None and "bool" in (one.dtype, other.dtype):
            return f"; a mask is bool at both ends, True where padded: {integer} is not converted"
        return "; nothing converts a dtype on the way"
    if len(one.dims) != len(other.dims):
        return f"; {len(one.dims)} axes against {len(other.dims)}"
    if sorted(map(str, one.dims)) == sorted(map(str, other.dims)):
        return "; the axes are swapped"
    return ""
