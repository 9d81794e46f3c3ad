"""Reads the records of all files of an input, as often as it is asked for.

patterns --> files, each with its kind --> Record, Record, ...    in bounded memory
"""

from __future__ import annotations

import contextlib
import weakref
from typing import TYPE_CHECKING

from runner.corpus.sources.find import find_files
from runner.corpus.sources.kinds import make_readers
from runner.corpus.sources.lines import DAMAGE
from runner.corpus.sources.remote import remote_reading
from runner.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.corpus.sources.find import SourceFile
    from runner.corpus.sources.record import Record

_MOST_LISTED = 3  # files that a message lists


class Sources:
    """Records of files, read anew by each loop, in bounded memory; in the order given, those of a glob by name.

    Attributes:
        files: the files as messages name them: addresses without credentials.
    """

    def __init__(self, patterns: Sequence[str], kind: str | None = None) -> None:
        """Find the files; those of this machine are opened once, and remote ones are not.

        Args:
            patterns: paths, globs, addresses, folders of data sets; `-` is standard input.
            kind: of all files; None for the one that each extension tells.

        Raises:
            RunError: a pattern matches nothing, a file cannot be read or is there twice, or a kind is unknown.
        """
        with contextlib.ExitStack() as stack:
            self._files = find_files(patterns, kind, stack)
            weakref.finalize(self, stack.pop_all().close)
        self.files = [file.location.name for file in self._files]
        self._readers = make_readers()

    def __iter__(self) -> Iterator[Record]:
        """Give the records of all files.

        Raises:
            RunError: a file cannot be read, is damaged, or is not of its kind; or no file has a record.
        """
        is_empty = True
        for file in self._files:
            for record in self._read(file):
                is_empty = False
                yield record
        if is_empty:
            more = f", ... ({len(self.files)} files)" if len(self.files) > _MOST_LISTED else ""
            raise RunError(f"{', '.join(self.files[:_MOST_LISTED])}{more}: no rows are there")

    def _read(self, file: SourceFile) -> Iterator[Record]:
        name = file.location.name
        try:
            with remote_reading(name), file.location.open() as opened:
                yield from self._readers[file.kind](opened, name)
        except DAMAGE as error:
            raise RunError(f"{name}: cannot be unpacked: {error}; the file is cut off or damaged") from None
