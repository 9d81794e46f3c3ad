"""Writes the output of rows to several places, one for each output of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from runner.batch.bulk import PartT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runner.batch.bulk import Place
    from runner.batch.rows import Row


class SeveralPlaces(Generic[PartT]):
    """A `batch.bulk.Place` that gives the parts of each row to all its places; there is nothing to resume from."""

    def __init__(self, places: Sequence[Place[PartT]]) -> None:
        """Take the places; samples are counted in the first, since each may have a rate of its own."""
        self._places = places

    def resume(self, row: Row) -> bool:  # noqa: ARG002 - the place's
        return False

    def take(self, row: Row, parts: Iterable[PartT]) -> int:
        whole = list(parts)  # a row is run as a whole before the first place writes
        samples = [place.take(row, whole) for place in self._places]
        return samples[0]

    def finish(self, rows: Iterable[Row], *, failed: bool) -> tuple[int, bool]:
        ends = [place.finish(rows, failed=failed) for place in self._places]
        return ends[0][0], True

    def close(self, *, complete: bool) -> bool:
        for place in self._places:
            place.close(complete=complete)
        return False
