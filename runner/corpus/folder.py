"""The folder of a corpus: what is in it beside the data set, and who may write there.

    OUT/<files of the layout>
    OUT/rejected.jsonl                     rows that could not be spoken, and why
    OUT/.kokoro-run/lock                   held by the one run that may write
    OUT/.kokoro-run/manifest.jsonl         the recipe, then a line for each finished shard
    OUT/.kokoro-run/plan/<shard>.jsonl     rows of shards that are to be made
    OUT/.kokoro-run/rows/<shard>.jsonl     files of a shard with their digests, then the entries of its rows
    OUT/.kokoro-run/tmp/                   what is being written

A shard is written in an order that a kill at any moment leaves whole: its files below tmp, its rows, the files in their
places, and last its line in the manifest. A shard without a line is made again, and comes out as the same bytes under
the same names.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runner.errors import RunError
from runner.files import atomic
from runner.files.digest import file_sha256
from runner.files.errors import reading, writing
from runner.files.json_lines import end_torn_line, parse_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

HIDDEN = ".kokoro-run"
VERSION = 1
_END = "end"  # of the manifest's last line
_USUAL = ("README.md", "rejected.jsonl", "summary.json", "summary.html")  # a user may change the first
_LOCKED = "another run is writing there; wait for its end, or choose another output"


@dataclass(frozen=True)
class Failure:
    """A row that was not spoken.

    Attributes:
        origin: where it was written.
        id: of the row; None if it could not be read.
        error: why.
    """

    origin: str
    id: str | None
    error: str


@dataclass(frozen=True)
class MadeShard:
    """A finished shard, as the manifest has it.

    Attributes:
        shard: its name.
        rows: that were spoken.
        samples: of their audio.
        seconds: of one worker's time.
        libraries: digest of those that made it.
        sha256: of the file of its rows, which has the digests of the others.
        slowest: the rows that took longest, with their seconds.
        failed: rows that a stage refused.
    """

    shard: str
    rows: int
    samples: int
    seconds: float
    libraries: str
    sha256: str
    slowest: tuple[tuple[str, float], ...] = ()
    failed: tuple[Failure, ...] = field(default=())

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Self:
        """Make the shard that `asdict` was given."""
        failed = tuple(Failure(**one) for one in table["failed"])
        return cls(**{**table, "slowest": tuple(map(tuple, table["slowest"])), "failed": failed})


_KEYS = {one.name for one in fields(MadeShard)}


class CorpusFolder:
    """The folder of a corpus.

    Attributes:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._hidden = root / HIDDEN

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self._hidden / "manifest.jsonl"

    @property
    def rejected(self) -> Path:
        """The list of the rows that were not spoken."""
        return self.root / "rejected.jsonl"

    def plan(self, shard: str) -> Path:
        """The rows that a shard is made of."""
        return self._hidden / "plan" / f"{shard}.jsonl"

    def rows(self, shard: str) -> Path:
        """The files and the entries of a shard."""
        return self._hidden / "rows" / f"{shard}.jsonl"

    def make_temporary(self, shard: str) -> Path:
        """Make a folder to write a shard in."""
        path = self._hidden / "tmp" / f"{shard}.{os.getpid()}-{os.urandom(4).hex()}"
        with writing(path):
            path.mkdir(parents=True)
        return path

    @property
    def rejected_draft(self) -> Path:
        """The list of the rows that were refused, while rows are planned."""
        return self._hidden / "tmp" / "rejected.jsonl"

    @property
    def ids(self) -> Path:
        """The table of ids, while rows are planned."""
        return self._hidden / "tmp" / "ids.db"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock, and begin with an empty plan and nothing that is being written.

        Raises:
            RunError: another run holds it, or the folder cannot be written.
        """
        with writing(self.root):
            self._hidden.mkdir(parents=True, exist_ok=True)
            file = (self._hidden / "lock").open("a")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"{self.root}: {_LOCKED}") from None
            self._clean()
            try:
                yield
            finally:
                self._clean()

    def _clean(self) -> None:
        with writing(self._hidden):
            for name in ("plan", "tmp"):
                shutil.rmtree(self._hidden / name, ignore_errors=True)
            for name in ("plan", "rows", "tmp"):
                (self._hidden / name).mkdir(exist_ok=True)

    def read_manifest(self) -> tuple[dict[str, Any], dict[str, MadeShard]]:
        """Read the recipe and the finished shards, in their order; both are empty for a new folder.

        A torn line is one of a run that was killed.

        Raises:
            RunError: it cannot be read, or is of another version.
        """
        if not self.manifest.is_file():
            return {}, {}
        tables = [table for table in self._read_tables() if table is not None]
        if not tables or tables[0].get("version") != VERSION:
            raise RunError(f"{self.manifest}: is no manifest of this version; choose another output")
        made = [MadeShard.from_json(table) for table in tables[1:] if table.keys() == _KEYS]
        return tables[0], {one.shard: one for one in made}

    def read_end(self) -> dict[str, str] | None:
        """Read the digests of the files of the whole; None of a corpus that is not finished.

        Raises:
            RunError: it cannot be read.
        """
        last = [None, *self._read_tables()][-1]
        return None if last is None else last.get(_END)

    def _read_tables(self) -> list[dict[str, Any] | None]:
        """Read the lines of the manifest; None for a torn one."""
        with reading(self.manifest):
            return [parse_table(line) for line in self.manifest.read_bytes().splitlines()]

    def write_manifest(
        self, recipe: Mapping[str, Any], made: Iterable[MadeShard], end: Mapping[str, str] | None = None
    ) -> None:
        """Write the manifest anew.

        Args:
            end: digests of the files of the whole, of a corpus that is finished.

        Raises:
            RunError: it cannot be written.
        """
        tables = [{"version": VERSION, **recipe}, *map(asdict, made), *([] if end is None else [{_END: dict(end)}])]
        with writing(self.manifest):
            atomic.write(self.manifest, [b"".join(_line(table) for table in tables)])

    def add(self, made: MadeShard) -> None:
        """Note a finished shard.

        Raises:
            RunError: the manifest cannot be written.
        """
        with writing(self.manifest), self.manifest.open("r+b") as file:
            end_torn_line(file)
            file.write(_line(asdict(made)))
            file.flush()
            os.fsync(file.fileno())

    def read_rows(self, shard: str) -> Iterator[dict[str, Any]]:
        """Read what is told of a shard: a table with its `files`, then an entry for each row.

        Raises:
            RunError: it cannot be read.
        """
        path = self.rows(shard)
        with reading(path), path.open("rb") as file:
            for line in file:
                table = parse_table(line)
                if table is None:
                    raise RunError(f"{path}: is damaged; `kokoro-run corpus` with the same options makes it anew")
                yield table

    def read_entries(self, shards: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Read the entries of shards, one after the other."""
        for shard in shards:
            tables = self.read_rows(shard)
            next(tables, None)
            yield from tables

    def is_whole(self, made: MadeShard) -> bool:
        """Whether what is told of a shard is as it was written, and all its files are there."""
        path = self.rows(made.shard)
        if not path.is_file() or file_sha256(path) != made.sha256:
            return False
        return all((self.root / name).is_file() for name in next(self.read_rows(made.shard))["files"])

    def list_foreign(self, own: Collection[str]) -> list[str]:
        """List the files below the folder that are neither among `own`, nor such as every corpus has."""
        found = []
        for folder, folders, names in os.walk(self.root):
            if Path(folder) == self.root:
                folders[:] = [name for name in folders if name != HIDDEN]
            below = (Path(folder, name).relative_to(self.root).as_posix() for name in names)
            found += [name for name in below if name not in own and name not in _USUAL]
        return sorted(found)

    def list_written(self) -> list[str]:
        """List the shards whose rows are here, finished or not."""
        return sorted(path.stem for path in (self._hidden / "rows").glob("*.jsonl"))


def _line(table: Mapping[str, Any]) -> bytes:
    return json.dumps(table, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
