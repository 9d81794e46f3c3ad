"""Compares rows as a reader gives them with the entries that were written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.runner.corpus.layouts.rows import LOSSLESS, RATE_HZ

_TEXTS = ("id", "text", "phonemes", "voice", "lang", "model", "graph", "audio_sha256")
_NUMBERS = ("speed", "seed", "duration", "samples", "rate")


def assert_records(rows: Sequence[dict[str, Any]], entries: Sequence[dict[str, Any]]) -> None:
    """Check that each row has all of its entry, whatever their order."""
    by_id = {row["record"]["id"]: row["record"] for row in rows}
    assert len(by_id) == len(rows) == len(entries)
    for entry in entries:
        record = by_id[entry["id"]]
        assert [record[name] for name in _TEXTS] == [escape_halves(entry[name] or "") for name in _TEXTS]
        assert [record[name] for name in _NUMBERS] == [entry[name] for name in _NUMBERS]
        assert record["words"] == entry["words"]
        assert record["symbols"] == (entry["symbols"] or [])
        assert json.loads(record["extra"]) == entry["extra"]


def assert_audio(rows: Sequence[dict[str, Any]], entries: Sequence[dict[str, Any]], codec: str) -> None:
    """Check the samples of a lossless format, and the number of those of a lossy one."""
    by_id = {row["record"]["id"]: row for row in rows}
    for entry in entries:
        row = by_id[entry["id"]]
        assert row["samples"] * RATE_HZ == entry["samples"] * row["rate"]
        assert codec not in LOSSLESS or row["sha256"] == entry["audio_sha256"]


def escape_halves(text: str) -> str:
    """Escape halves of surrogate pairs, which UTF-8 does not have."""
    return text.encode("utf-8", "backslashreplace").decode()
