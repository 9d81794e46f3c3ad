"""Reads the header Range: which bytes of a whole are asked for (RFC 9110, section 14)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.ASCII | re.IGNORECASE)


class RangeError(Exception):
    """No byte of the range is there."""


def read_range(header: str, size: int) -> range | None:
    """Find the bytes that are asked for; None for all of them.

    Several ranges, another unit and what cannot be read are answered with the whole, as the RFC allows.

    Args:
        header: value of Range; '' for none.
        size: of the whole.

    Raises:
        RangeError: there is no such byte.
    """
    found = _RANGE.fullmatch(header)
    if found is None:
        return None
    if found[3] is not None:  # the last so many
        start, end = max(size - int(found[3]), 0), size
    else:
        start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < int(found[1]):
            return None
    if start >= end:
        raise RangeError
    return range(start, end)
