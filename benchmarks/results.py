"""results.json: `parts` -> part -> number of threads -> what `measure.entry` keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(
    results: Mapping[str, Any], part: str, threads: int, entry: Mapping[str, Any], absent: Mapping[str, str]
) -> dict[str, Any]:
    """`results` with one entry in the place of the older one; `absent`: contender -> why it is not measured here."""
    parts = results.get("parts", {})
    counts = {**parts.get(part, {}), str(threads): entry}
    return {"not_measured": dict(absent), "parts": {**parts, part: dict(sorted(counts.items()))}}


def found(results: Mapping[str, Any], part: str, threads: int | None = None) -> Any:
    """What was measured of `part`, by default on the most threads; an empty list if nothing was."""
    entries = results.get("parts", {}).get(part, {})
    if not entries or (threads is not None and str(threads) not in entries):
        return []
    return entries[str(threads) if threads is not None else max(entries, key=int)]["found"]


def counts_of(results: Mapping[str, Any], part: str) -> list[int]:
    """The numbers of threads that `part` was measured on."""
    return sorted(map(int, results.get("parts", {}).get(part, {})))


def short(value: Any) -> Any:
    """Numbers with as many digits as mean something, so that the file stays readable."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    return [short(item) for item in value] if isinstance(value, list | tuple) else value
