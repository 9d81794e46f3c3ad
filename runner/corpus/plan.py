"""Checks the rows of a corpus, and parts them into shards, before the first is spoken.

    records --> Columns.make_row --> check --> shard after shard, of so many rows --> plan/<shard>.jsonl
                     |                |
                     +----------------+--> rejected, with the reason

A shard is named by its number and by what is in it: `00012-9f3c0a1b2c3d4e5f`. A run after one that was killed finds
the same names, and leaves out what is finished. The rows of one shard, and a table of ids on the disk, are all that is
held.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import unicodedata
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Self

from runner.corpus.folder import Failure
from runner.errors import KokoroError, LineError, RunError
from runner.files import atomic
from runner.files.errors import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from runner.corpus.columns import Columns
    from runner.corpus.folder import CorpusFolder
    from runner.corpus.row import CorpusRow
    from runner.corpus.row_speaker import RowSpeaker
    from runner.corpus.sources.record import Record

_DIGITS = 16


@dataclass
class Plan:
    """What is to be made.

    Attributes:
        shards: all, in the order of the input.
        todo: those that are not finished.
        records: of the input.
        rejected: of these, what cannot be spoken.
    """

    shards: list[str] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)
    records: int = 0
    rejected: int = 0


class Planner:
    """Plans the shards of a corpus.

    Attributes:
        ids: of the rows so far, with their digests.
    """

    def __init__(
        self,
        folder: CorpusFolder,
        recipe: str,
        size: int,
        finished: Collection[str],
        speaker: RowSpeaker,
    ) -> None:
        """Plan nothing yet.

        Args:
            recipe: its digest.
            size: rows of a shard.
            finished: names of shards that need not be made.
            speaker: checks and digests the rows.
        """
        self._folder, self._recipe, self._size, self._finished, self._speaker = folder, recipe, size, finished, speaker
        self.ids = IdTable(folder.ids)

    def plan(self, records: Iterable[Record], columns: Columns, show: Callable[[Plan], object]) -> Plan:
        """Read all records.

        Args:
            show: called after each.

        Raises:
            RunError: a file cannot be written.
        """
        plan = Plan()
        held: list[tuple[CorpusRow, str]] = []
        draft = self._folder.rejected_draft
        with writing(draft), draft.open("w", encoding="utf-8", errors="surrogateescape") as rejected:
            for record in records:
                plan.records += 1
                try:
                    row = self._read(record, columns, plan.records)
                except LineError as error:
                    plan.rejected += 1
                    failure = Failure(error.origin, error.id, error.fact)
                    rejected.write(json.dumps(asdict(failure), ensure_ascii=False) + "\n")
                else:
                    held.append(row)
                    if len(held) == self._size:
                        self._close(held, plan)
                        held = []
                show(plan)
        if held:
            self._close(held, plan)
        return plan

    def _read(self, record: Record, columns: Columns, number: int) -> tuple[CorpusRow, str]:
        """Make the row of a record, and check it. Gives its digest, too.

        Raises:
            LineError: it cannot be spoken, or has the id of another row.
        """
        row = columns.make_row(record, number)
        try:
            self._speaker.check(row)
            digest = self._speaker.digest(row)
        except LineError as error:
            raise LineError(row.origin, error.fact, row.id) from None
        except KokoroError as error:
            raise LineError(row.origin, str(error), row.id) from None
        other = self.ids.add(row, digest)
        if other is not None:
            fact = f"id '{row.id}' names {other} already; ids differ by more than upper and lower case"
            raise LineError(row.origin, fact, row.id)
        return row, digest

    def _close(self, rows: list[tuple[CorpusRow, str]], plan: Plan) -> None:
        digest = hashlib.sha256(self._recipe.encode())
        for _, row_digest in rows:
            digest.update(bytes.fromhex(row_digest))
        shard = f"{len(plan.shards):05d}-{digest.hexdigest()[:_DIGITS]}"
        plan.shards.append(shard)
        if shard in self._finished:
            return
        plan.todo.append(shard)
        path = self._folder.plan(shard)
        lines = (json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row, _ in rows)
        with writing(path):
            atomic.write(path, ["".join(lines).encode("utf-8", "surrogateescape")])


class IdTable:
    """The ids of rows, on the disk: a corpus may have more of them than fit into memory."""

    def __init__(self, path: Path) -> None:
        """Begin with none.

        Raises:
            RunError: the file cannot be written.
        """
        with _reporting(path):
            self._table = sqlite3.connect(path, isolation_level=None)
            self._table.execute("PRAGMA journal_mode=OFF")
            self._table.execute("PRAGMA synchronous=OFF")
            self._table.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, origin TEXT, digest TEXT) WITHOUT ROWID")
            self._table.execute("BEGIN")
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()

    def add(self, row: CorpusRow, digest: str) -> str | None:
        """Add a row of this digest; gives the origin of another one whose id a file system may take for its own."""
        folded = unicodedata.normalize("NFC", row.id).casefold()
        with _reporting(self._path):
            cursor = self._table.execute(
                "INSERT OR IGNORE INTO ids VALUES (?, ?, ?)", (folded, row.origin, f"{row.id} {digest}")
            )
            if cursor.rowcount:
                return None
            found = self._table.execute("SELECT origin FROM ids WHERE id = ?", (folded,)).fetchone()
        return str(found[0])

    def has(self, id_: str, digest: str) -> bool:
        """Whether there is a row of this id and this digest."""
        folded = unicodedata.normalize("NFC", id_).casefold()
        with _reporting(self._path):
            found = self._table.execute("SELECT digest FROM ids WHERE id = ?", (folded,)).fetchone()
        return found is not None and found[0] == f"{id_} {digest}"


@contextlib.contextmanager
def _reporting(path: Path) -> Iterator[None]:
    """Report an error of the table as one of its file."""
    try:
        yield
    except sqlite3.Error as error:
        raise RunError(f"{path}: cannot be written: {error}") from None
