"""Stores entries, which describe a stage's results without their arrays: one small JSON file for each key.

    records/<stage>/<key>.json    {"format", "key", "components", "outputs", "created", "seconds", "sha256"}

`sha256` is the digest of all other fields, so that an incomplete or altered record is detected. The file's modification
time is that of its last use.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cache.digest import DamageError, value_digest
from runner.files import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 1
_KEY = re.compile(r"[a-z][a-z0-9_]*/[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Output:
    """An output of an entry: the description of an array.

    Attributes:
        digest: digest of the content (`digest.array_digest`).
        bytes: bytes of the elements.
    """

    digest: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class Entry:
    """The results of one stage for one key.

    Attributes:
        key: STAGE/sha256 (`keys.key`).
        components: all that the key is the digest of.
        outputs: port -> output, in the stage's order.
        created: time of the computation [s since 1970].
        seconds: duration of the computation.
    """

    key: str
    components: dict[str, Any]
    outputs: dict[str, Output]
    created: float
    seconds: float

    @property
    def stage(self) -> str:
        """The stage's name."""
        return self.key.partition("/")[0]


def parse(text: bytes, key: str) -> Entry:
    """Read the text of the record of `key`.

    Raises:
        DamageError: it is not the one that was written.
    """
    try:
        fields = json.loads(text)
        sha256 = fields.pop("sha256")
        if fields.pop("format") != FORMAT or fields["key"] != key:
            raise DamageError("it is the record of something else")
        if sha256 != value_digest({"format": FORMAT, **fields}):
            raise DamageError("its content is not what was written")
        outputs = {port: Output(**{**o, "shape": tuple(o["shape"])}) for port, o in fields.pop("outputs").items()}
        return Entry(outputs=outputs, **fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, DamageError):
            raise
        raise DamageError("it is no record") from None


class RecordStore:
    """The records in one folder. Any number of processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Give the file of a record, whether or not it exists."""
        if not _KEY.match(key):
            raise ValueError(f"'{key}' is no key of a stage")
        return self.root / f"{key}.json"

    def write(self, entry: Entry) -> None:
        """Write a record.

        Raises:
            OSError: the disk is full, or the folder cannot be written; nothing is left behind.
        """
        # `dataclasses.asdict` makes deep copies, which take longer than everything else here.
        outputs = {port: dict(vars(output)) for port, output in entry.outputs.items()}
        fields = {"format": FORMAT, **vars(entry), "outputs": outputs}
        fields["sha256"] = value_digest(fields)
        atomic.write(self.path(entry.key), [json.dumps(fields).encode() + b"\n"])

    def read(self, key: str) -> Entry:
        """Read the record of `key`.

        Raises:
            FileNotFoundError: there is none.
            DamageError: its content is not the one that was written.
            OSError: it cannot be read.
        """
        return parse(self.path(key).read_bytes(), key)

    def latest(self, stage: str | None = None) -> list[tuple[float, str]]:
        """List the keys of all records, of one stage or all, each with the time of its last use, the latest first."""
        found = []
        for entry in self._list_files(stage):
            folder, name = os.path.split(entry.path)
            key = f"{os.path.basename(folder)}/{name.removesuffix('.json')}"  # noqa: PTH119 - twice as fast
            if name.endswith(".json") and _KEY.match(key):
                with suppress(OSError):
                    found.append((entry.stat(follow_symlinks=False).st_mtime, key))
        return sorted(found, reverse=True)

    def has_any(self, stage: str) -> bool:
        """Whether the stage has a record."""
        with suppress(OSError), os.scandir(self.root / stage) as files:
            return any(file.name.endswith(".json") for file in files)
        return False

    def touch(self, key: str) -> None:
        """Mark a record as used now, if this process may do so."""
        with suppress(OSError):
            os.utime(self.path(key))

    def _list_files(self, stage: str | None) -> Iterator[os.DirEntry[str]]:
        if stage is None:
            return atomic.list_files(self.root)
        return iter(atomic.list_folder(self.root / stage))
