"""Describes a record of an input, as a reader gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Record:
    """A record of an input, as it was read.

    Attributes:
        origin: where it was written: `rows.jsonl:7` (line), `rows.parquet:7` (row, from 1), `a/metadata.csv:3`.
        values: column -> JSON value, in the order of the columns. NaN, which tables have for an absent value, is None.
        fault: why it could not be read; '' if it could. A record with a fault has no values.
    """

    origin: str
    values: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
