"""Writes an output that is an array or a text: one file, or a folder with a file for each row.

    array   .npy   of one row in a file; of any number in a folder
    text    .txt   a line a row in a file

A row that takes several runs of the graph gives a file for each array, `pitch.1.npy`, and its texts joined by spaces.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from runner.errors import RunError
from runner.files.errors import writing
from runner.files.locate import is_folder
from runner.files.npy import ARRAY, TEXT, write_array
from runner.files.replace import check_writable, replace_text, replacing, resolve_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from runner.batch.bulk import CheckResult
    from runner.batch.rows import Row


class Part(Protocol):
    """A part of a row's output, with the outputs of the graph by name."""

    @property
    def outputs(self) -> Mapping[str, Any]: ...
    @property
    def timings(self) -> Mapping[str, float]: ...


class ValueFiles:
    """The `batch.bulk.Place` of one output of the graph; there is nothing to resume from.

    Attributes:
        name: the output.
        path: the file or folder.
        is_folder: whether each row has a file of its own.
    """

    def __init__(self, name: str, path: str, *, is_text: bool, in_name: bool = False) -> None:
        """Choose the place, and refuse one that cannot be written before any work is done.

        Args:
            path: the file; a folder, if it ends with a slash or exists.
            in_name: name the files of a folder after the output, too: `0001.f0.npy`.

        Raises:
            RunError: the place cannot be written, or the extension is not that of an array.
        """
        self.name, self.path, self._is_text = name, Path(path), is_text
        self.is_folder = path.endswith("/") or is_folder(path)
        self._suffix = f".{name}{TEXT if is_text else ARRAY}" if in_name else TEXT if is_text else ARRAY
        self._lines: IO[bytes] | None = None  # of a text in one file: a temporary file until all rows are done
        self._last = 1
        if self.is_folder:
            with writing(self.path):
                self.path.mkdir(exist_ok=True)
        elif not is_text and self.path.suffix != ARRAY:
            raise RunError(f"{path}: output '{name}' is an array, which is written as {ARRAY}; name the file so")
        check_writable(self.path / f"0001{self._suffix}" if self.is_folder else self.path)

    def open(self, checked: CheckResult) -> ValueFiles:
        """Prepare for the rows that were checked.

        Raises:
            RunError: one file cannot hold them.
        """
        self._last = checked.last
        if checked.total > 1 and not self.is_folder and not self._is_text:
            fact = f"a file holds the array of one row, and there are {checked.total}"
            raise RunError(f"{self.path}: {fact}; give a folder, {self.path.stem}/")
        if self._is_text and not self.is_folder:
            self._lines = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        return self

    def files(self) -> Iterator[Path]:
        """List the files that are written, without those of single rows."""
        if not self.is_folder:
            yield self.path

    def row_path(self, row: Row, last: int) -> Path:
        """The file of a row in a folder; `last` is the number of the last row."""
        return self.path / f"{row.stem(last)}{self._suffix}"

    def resume(self, row: Row) -> bool:  # noqa: ARG002 - the place's
        return False

    def take(self, row: Row, parts: Iterable[Part]) -> int:
        values = [part.outputs[self.name] for part in parts]
        path = self.row_path(row, self._last) if self.is_folder else self.path
        if not self._is_text:
            for count, value in enumerate(values, 1):
                file = path if len(values) == 1 else path.with_suffix(f".{count}{path.suffix}")
                with writing(file):
                    write_array(resolve_target(file), value)
        elif self._lines is None:
            replace_text(path, f"{' '.join(values)}\n")
        else:
            with writing(path):
                self._lines.write(f"{' '.join(values)}\n".encode("utf-8", "backslashreplace"))
        return 0

    def finish(self, rows: Iterable[Row], *, failed: bool) -> tuple[int, bool]:  # noqa: ARG002 - the place's
        if self._lines is not None and self._lines.tell():
            with replacing(self.path) as temporary, temporary.open("wb") as file:
                self._lines.seek(0)
                shutil.copyfileobj(self._lines, file)
        return 0, True

    def close(self, *, complete: bool) -> bool:  # noqa: ARG002 - the place's
        if self._lines is not None:
            self._lines.close()
        return False
