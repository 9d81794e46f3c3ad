"""Spells sizes and times for people, and reads those that they spell."""

from __future__ import annotations

import math
import re

from runner.errors import RunError

_BYTES = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]?)(i?b)?\Z")


def parse_bytes(text: str) -> int:
    """Read bytes: `500M`, `2G`, `1.5 GiB` or `1000`; K, M, G and T are powers of 1024.

    Raises:
        RunError: the text is no such amount.
    """
    match = _AMOUNT.match(text.strip().lower())
    if match is None or match[2] not in _BYTES:
        raise RunError(f"'{text}' is no size: expected a number and K, M, G or T, such as 500M or 2G")
    return math.floor(float(match[1]) * _BYTES[match[2]])


def parse_seconds(text: str) -> float:
    """Read seconds: `12h`, `7d` or `2w`.

    Raises:
        RunError: the text is no such amount.
    """
    match = _AMOUNT.match(text.strip().lower())
    if match is None or match[2] not in _SECONDS or match[3]:
        raise RunError(f"'{text}' is no time: expected a number and s, m, h, d or w, such as 12h or 30d")
    return float(match[1]) * _SECONDS[match[2]]


def spell_bytes(size: float) -> str:
    """Spell bytes as `480 B` or `1.9 MiB`."""
    if size < 2**10:
        return f"{size:.0f} B"
    unit = next(unit for unit in "kmgt" if size < _BYTES[unit] * 2**10 or unit == "t")
    return f"{size / _BYTES[unit]:.1f} {unit.upper()}iB"


def spell_age(seconds: float) -> str:
    """Spell seconds as `12 s`, `3 h` or `30 d`."""
    unit = next((u for u in "dhm" if seconds >= 2 * _SECONDS[u]), "s")
    return f"{max(seconds, 0) / _SECONDS[unit]:.0f} {unit}"


def spell_time(seconds: float) -> str:
    """Spell seconds with three digits, as `2.35 s`, `12.3 ms` or `5 µs`."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"
