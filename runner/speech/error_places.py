"""Puts the places that a stage's errors name where they are in the user's row.

column 5 of a segment --Places--> column 31 of the row, or line 4, column 12 of a paragraph of several lines
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from runner.errors import RunError
from runner.speech.mark_values import name_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.batch.rows import Row

_COLUMN = re.compile(r"\bcolumn (\d+)\b")


@contextlib.contextmanager
def placing_errors(find: Callable[[int], int], row: Row) -> Iterator[None]:
    """Move the columns in the message of a RunError from a part of a row to the row.

    Args:
        find: gives the offset in the row of an offset in the part.
    """
    try:
        yield
    except RunError as error:
        message = str(error)
        moved = _COLUMN.sub(lambda match: name_place(row.text, find(int(match[1]) - 1), row.number), message)
        if moved == message:
            raise
        raise RunError(moved) from error
