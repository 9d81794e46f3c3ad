"""Names the folders of --save-tensors: one for each row, and in it one for each further run that the row takes.

one row               t/decoder.audio.npy
many rows, or ids     t/0007/decoder.audio.npy, t/utt1/decoder.audio.npy
a row of two runs     t/0007/decoder.audio.npy, t/0007/2/decoder.audio.npy
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from runner.batch.bulk import CheckResult
    from runner.batch.row_runner import BaseRowRunner
    from runner.batch.rows import Row


class RunFolders:
    """The folders of the runs that some rows take."""

    def __init__(self, root: Path, rows: Iterable[Row], checked: CheckResult) -> None:
        """Name nothing yet.

        Args:
            root: the folder of all.
            rows: the good ones of `checked`; each loop over them reads them anew.
        """
        self._root, self._rows, self._checked = root, rows, checked

    def rows(self) -> Iterator[tuple[Row, Path]]:
        """Give each row with the folder of its first run."""
        for row in self._rows:
            many = self._checked.total > 1 or row.id is not None
            yield row, self._root / row.stem(self._checked.last) if many else self._root

    def runs(self, runner: BaseRowRunner[Any]) -> Iterator[Path]:
        """Give the folders of all runs."""
        for row, folder in self.rows():
            yield from (find_run_folder(folder, number) for number in range(1, runner.count_runs(row) + 1))


def find_run_folder(folder: Path, number: int) -> Path:
    """Find the folder of run `number` of a row, from 1; that of the first is `folder`."""
    return folder if number == 1 else folder / str(number)
