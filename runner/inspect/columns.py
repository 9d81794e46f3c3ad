"""Aligns the columns of tables in text."""

from __future__ import annotations

from collections.abc import Sequence

_GAP = "  "


def align(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Give a line for each row: the first `left` columns begin at one place, the others end at one."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
