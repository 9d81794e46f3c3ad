"""Results are kept apart by model and by machine: results/MODEL/MACHINE.json, and beside it a page of their tables.

    {"not_measured": contender -> why, "parts": part -> number of threads -> what `measure.entry` keeps of it}

An entry says what it was measured on, and that alone decides the file it goes into. So a part that is measured on
another CPU, or with other weights, never comes into the tables of the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")

_SEPARATOR = re.compile(r"[^a-z0-9_]+")


def keep(folder: Path, part: str, threads: int, entry: Mapping[str, Any], absent: Mapping[str, str]) -> Path:
    """Put an entry into the file of its model and machine, in the place of the older one, and return the file."""
    path = folder / place(entry)
    results = merged(read(path), part, threads, entry, absent)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    return path


def place(entry: Mapping[str, Any]) -> Path:
    """MODEL/MACHINE.json: the machine is its CPU by name, family and model, what it can do, and how many cores."""
    about = entry["machine"]
    words = [about["cpu"], about["cpu_family_model"], *about["vector_features"], f"{about['usable_cores']} cores"]
    return Path(entry["model"], _SEPARATOR.sub("-", " ".join(words).lower()).strip("-") + ".json")


def read(path: Path) -> dict[str, Any]:
    """The results of one file; none if there is no such file."""
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def read_all(folder: Path) -> dict[Path, dict[str, Any]]:
    """The results of every machine and model, by their files."""
    return {path: read(path) for path in sorted(folder.glob("*/*.json"))}


def merged(
    results: Mapping[str, Any], part: str, threads: int, entry: Mapping[str, Any], absent: Mapping[str, str]
) -> dict[str, Any]:
    """`results` with one entry in the place of the older one; `absent`: contender -> why it is not measured here."""
    parts = results.get("parts", {})
    counts = {**parts.get(part, {}), str(threads): entry}
    return {"not_measured": dict(absent), "parts": {**parts, part: dict(sorted(counts.items()))}}


def entries(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every entry with the name of its part, in the order of the file and of the numbers of threads."""
    return [(part, counts[count]) for part, counts in results["parts"].items() for count in sorted(counts, key=int)]


def found(results: Mapping[str, Any], part: str, threads: int | None = None) -> Any:
    """What was measured of `part`, by default on the most threads; an empty list if nothing was."""
    measured = results.get("parts", {}).get(part, {})
    if not measured or (threads is not None and str(threads) not in measured):
        return []
    return measured[str(threads) if threads is not None else max(measured, key=int)]["found"]


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
