"""Shows the outputs of rows, and writes them nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from runner.batch.bulk import PartT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runner.batch.rows import Row


class Listing(Generic[PartT]):
    """Shows each part; there is nothing to resume from."""

    def __init__(self, show: Callable[[PartT], object]) -> None:
        self._show = show

    def resume(self, row: Row) -> bool:  # noqa: ARG002 - the place's
        return False

    def take(self, row: Row, parts: Iterable[PartT]) -> int:  # noqa: ARG002 - the place's
        for part in parts:
            self._show(part)
        return 0

    def finish(self, rows: Iterable[Row], *, failed: bool) -> tuple[int, bool]:  # noqa: ARG002 - the place's
        return 0, True

    def close(self, *, complete: bool) -> bool:  # noqa: ARG002 - the place's
        return False
