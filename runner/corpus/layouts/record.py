"""Makes records of one schema from entries: every record has all columns, each of one type.

Readers guess the type of a column from the first records of a file and refuse others later. So a text that a row does
not have is '', and the columns that a corpus adds, which may hold anything, are one text of JSON: `extra`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.corpus.layouts.layout import Entry

Column = str | dict[str, str]
TEXT, REAL, WHOLE = "string", "float64", "int64"  # as `datasets` and Arrow call them
COLUMNS: Mapping[str, Column] = {
    "id": TEXT,
    "text": TEXT,
    "phonemes": TEXT,
    "voice": TEXT,
    "lang": TEXT,
    "speed": REAL,
    "seed": WHOLE,
    "duration": REAL,
    "samples": WHOLE,
    "rate": WHOLE,
    "words": {"text": TEXT, "start": REAL, "end": REAL, "phonemes": TEXT},
    "symbols": {"symbol": TEXT, "start": REAL, "end": REAL},
    "model": TEXT,
    "graph": TEXT,
    "audio_sha256": TEXT,
    "extra": TEXT,
}
"""The columns of a record with their types; a list of objects is given by the types of their values."""


def make_record(entry: Entry) -> dict[str, Any]:
    """Make the record of an entry."""
    record = {name: _convert(entry.get(name), column) for name, column in COLUMNS.items()}
    record["extra"] = json.dumps(entry.get("extra") or {}, ensure_ascii=True, sort_keys=True)
    return record


def spoken_text(entry: Entry) -> str:
    """The text of a row, or its phonemes where it was given without one."""
    return entry.get("text") or entry.get("phonemes") or ""


def _convert(value: Any, column: Column) -> Any:
    if isinstance(column, dict):
        return [{name: _convert(item.get(name), kind) for name, kind in column.items()} for item in value or ()]
    if column == TEXT:
        return ("" if value is None else str(value)).encode("utf-8", "backslashreplace").decode()
    return value if value is None else {REAL: float, WHOLE: int}[column](value)
