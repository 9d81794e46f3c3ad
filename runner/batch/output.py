"""Names the files of a run's output: one file for all rows, or a folder with a file for each, and files beside them.

    Destination --open--> FolderPlace    out/0001.wav, out/0001.srt, ...     (runner/batch/places.py)
                    `---> FilePlace      ipa.wav, ipa.srt

A `Writer` makes the files of one kind of output; `runner/speech/audio_output.py` is the one there is.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol

from runner.batch.bulk import PartT, PartT_contra
from runner.batch.journal import Journal
from runner.batch.places import FilePlace, FolderPlace
from runner.batch.rows import STDIN
from runner.batch.spool import STATE_NAME, spool_path
from runner.errors import RunError
from runner.files.errors import writing
from runner.files.locate import is_folder
from runner.files.replace import check_writable, resolve_target, sweep, sweep_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from runner.batch.bulk import CheckResult, Place
    from runner.batch.journal import Entry, TextSpan, ToldSpan
    from runner.batch.rows import Row
    from runner.batch.spool import Spool
    from runner.runtime.values import Array

_ABANDONED_S = 3600.0  # after which an unfinished file of a run of one row, which locks nothing, belongs to nobody


class Writer(Protocol[PartT_contra]):
    """Makes the files of one kind of output."""

    @property
    def default_name(self) -> str:
        """The file's name where neither an option nor the input gives one; others get its extension."""

    @property
    def unlimited(self) -> str:
        """The extension of a format that holds any number of samples."""

    @property
    def gap(self) -> int:
        """Samples between two rows of one file."""

    @property
    def settings(self) -> Sequence[str | None]:
        """The options that the bytes of a file depend on."""

    def check(self, path: Path, samples: int = 0) -> None:
        """Find out whether a file of `samples` could be made at `path`.

        Raises:
            RunError: the format is unknown.
            SizeError: it cannot hold so many samples.
        """

    def check_side(self, path: Path) -> None:
        """Find out whether there is a format for the file beside the output; raises RunError."""

    def unpack(self, part: PartT_contra) -> tuple[Array, Sequence[TextSpan], Sequence[ToldSpan]]:
        """The signal of a part [samples], and when which symbols and words are in it, from the start of the part."""

    def write(
        self,
        path: Path,
        side: Path | None,
        entries: Callable[[], Iterable[tuple[Row, Entry]]],
        spool: Spool,
        total: int,
    ) -> int:
        """Write a file, and the one beside it.

        Args:
            side: the file beside it; None for none.
            entries: gives the rows of the file in their order, and where their samples are, as often as it is called.
            spool: holds the samples.
            total: samples of the file, gaps included.

        Returns:
            the samples that were written.
        """


class Destination(Generic[PartT]):
    """The place for a run's output.

    Attributes:
        is_folder: whether each row has a file of its own.
        path: the file or folder.
        side: the file beside it; in a folder, a path of which only the extension counts; None for none.
        writer: makes the files.
    """

    def __init__(
        self,
        output: str | None,
        source: str | None,
        writer: Writer[PartT],
        side: str | None = None,
        *,
        infix: str = "",
        resumes: bool = True,
    ) -> None:
        """Choose the place, and refuse one that cannot be written before any work is done.

        Args:
            output: the file; a folder, if it ends with a slash or exists; None for a file named after `source`.
            source: the input file, '-', or None for text of an option.
            side: the file beside the output, or an extension alone for one of the same name; None for none. In a folder
                each row has its own, and only the extension is used.
            infix: stands before the extension of names that are made here: `0001.low.wav`.
            resumes: keep what a killed run has finished, for the next one.

        Raises:
            RunError: unknown format, or the place cannot be written.
        """
        if output == "":
            raise RunError("the output is empty; give a file, or a folder for a file a line")
        default = Path(writer.default_name)
        stem = Path(source).stem if source not in (None, STDIN) else default.stem
        self.is_folder = output is not None and (output.endswith("/") or is_folder(output))
        self.writer, self._suffix, self._resumes = writer, f"{infix}{default.suffix}", resumes
        self.path = Path(output) if output is not None else Path(f"{stem}{self._suffix}")
        if self.is_folder:
            _make_folder(self.path)
        first = self.path / f"0001{self._suffix}" if self.is_folder else self.path
        writer.check(first)
        check_writable(first)
        self.side = None if side is None else self._side(side)
        if self.side is not None:
            writer.check_side(self.side)
            if not self.is_folder:
                check_writable(self.side)

    def _side(self, given: str) -> Path:
        path = Path(given)
        if given.startswith(".") and not path.suffix and path.name == given:  # an extension alone
            return Path(f"0001{given}") if self.is_folder else self.path.with_suffix(given)
        return path

    @property
    def side_pattern(self) -> str | None:
        """The file beside the output as a person would write it; of a folder, which names the files have."""
        if self.side is None:
            return None
        return str(self.path / f"*{self.side.suffix}") if self.is_folder else str(self.side)

    def files(self, total: int) -> Iterator[Path]:
        """The files that a run of `total` rows writes, without those of single rows and those beside the output."""
        if not self.is_folder:
            yield self.path
        if total > 1 and self._resumes:
            yield self.journal
            yield from [] if self.is_folder else [self.spool]

    def side_files(self) -> Iterator[Path]:
        """The files beside the output, without those of single rows."""
        if self.side is not None and not self.is_folder:
            yield self.side

    def row_files(self, rows: Iterable[Row], last: int) -> Iterator[tuple[Path, Path | None]]:
        """The files of single rows, each with the one beside it; `last` is the number of the last row."""
        for row in rows if self.is_folder else ():
            path = self.row_path(row, last)
            yield path, self.row_side(path)

    def row_path(self, row: Row, last: int) -> Path:
        """The file of a row in a folder; `last` is the number of the last row."""
        return self.path / f"{row.stem(last)}{self._suffix}"

    def row_side(self, path: Path) -> Path | None:
        """The file beside the row's file at `path`."""
        return None if self.side is None else path.with_suffix(self.side.suffix)

    @property
    def journal(self) -> Path:
        """Records which rows are finished."""
        return self.path / f"{STATE_NAME}.jsonl" if self.is_folder else self.spool.with_suffix(".jsonl")

    @property
    def spool(self) -> Path:
        """Holds the samples of several rows before they become one file."""
        return spool_path(self.path)

    def open(
        self, checked: CheckResult, settings: str, *, resume: bool
    ) -> contextlib.AbstractContextManager[Place[PartT]]:
        """Open the place for the rows that were checked.

        Args:
            settings: a digest of everything beside the row that its output depends on.
            resume: take over what an earlier run has finished, where its rows and settings are the same.

        Raises:
            RunError: the place cannot be written, or another run writes there.
        """
        if self.is_folder:
            return self._open_folder(checked, settings, resume=resume)
        return self._open_file(checked.total, settings, resume=resume)

    @contextlib.contextmanager
    def _open_folder(self, checked: CheckResult, settings: str, *, resume: bool) -> Iterator[FolderPlace[PartT]]:
        path = self.journal if checked.total > 1 and self._resumes else None  # one row has nothing to resume
        with Journal(path, resume=resume) as journal:
            if path is not None:
                sweep(self.path, r"\d{4,}\.\w+")
                sweep(self.path, r".+\.\w+", _ABANDONED_S)  # of rows with ids, or of another run
            yield FolderPlace(self, checked.last, settings, journal)

    @contextlib.contextmanager
    def _open_file(self, total: int, settings: str, *, resume: bool) -> Iterator[FilePlace[PartT]]:
        target = resolve_target(self.path)
        if total <= 1 or not self._resumes:
            sweep_beside(target, _ABANDONED_S)
            with Journal(None, resume=False) as journal, tempfile.TemporaryFile() as unnamed:
                yield FilePlace(self, settings, journal, unnamed, None)
            return
        path = self.spool
        with Journal(self.journal, resume=resume) as journal:
            for place in (self.path, self.side):
                if place is not None:
                    sweep_beside(resolve_target(place))
            with writing(path):
                if not len(journal):
                    path.unlink(missing_ok=True)
                path.touch()
                spool = path.open("r+b")
            with spool:
                yield FilePlace(self, settings, journal, spool, path)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be made: {error.strerror}") from error
