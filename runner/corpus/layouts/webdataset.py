"""The layout of WebDataset: tar files that are read from their beginning to their end.

    shards/SHARD.tar    KEY.flac KEY.json KEY.txt, for each row

KEY is the id, with its dots escaped: to a reader the extension begins at the first dot. KEY.txt is the text, or the
phonemes of a row without one; KEY.json is all that is known of the row.
"""

from __future__ import annotations

import contextlib
import re
import tarfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runner.corpus.layouts.card import describe, write_card
from runner.corpus.layouts.encoding import encode
from runner.corpus.layouts.file_names import name_file
from runner.corpus.layouts.record import COLUMNS, TEXT, make_record, spoken_text
from runner.corpus.layouts.writing import append, create, encode_json, sync_files
from runner.errors import RunError
from runner.files.errors import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.corpus.layouts.layout import Entry, ShardWriter
    from runner.runtime.values import Array

_DOTS = re.compile("[.]")


class WebDatasetLayout:
    """Tar files of rows. A `Layout`."""

    name = "webdataset"
    formats = ("flac", "wav", "opus", "mp3")

    def open_shard(self, folder: Path, shard: str, rate_hz: int, format: str) -> ShardWriter:  # noqa: A002
        return TarWriter(folder, f"shards/{shard}.tar", rate_hz, format)

    def finish(self, out: Path, entries: Callable[[], Iterator[Entry]]) -> list[str]:
        first = next(entries(), None)
        write_card(out, ["shards/*.tar"], [] if first is None else _list_features(out, first))
        return []

    def read_audio(self, out: Path, entry: Entry) -> bytes:
        path, key = out / entry["file"], name_file(entry["id"], _DOTS)
        with _open_tar(path) as tar:
            for member in tar:
                name, _, extension = member.name.partition(".")
                file = tar.extractfile(member) if name == key and extension in self.formats else None
                if file is not None:
                    return file.read()
        raise RunError(f"{path}: has no audio of the row '{entry['id']}'; write the shard anew")


@contextlib.contextmanager
def _open_tar(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with reading(path), tarfile.open(path) as tar:
            yield tar
    except tarfile.TarError as error:
        raise RunError(f"{path}: is not a whole tar file ({error}); write the shard anew") from error


def _list_features(out: Path, entry: Entry) -> list[dict[str, Any]]:
    """List the columns that `datasets` makes of the files of a row: else it takes the types of the first five rows."""
    with _open_tar(out / entry["file"]) as tar:
        member = tar.next()
    audio = "" if member is None else member.name.rpartition(".")[2]
    return [
        {"name": audio, "dtype": {"audio": {"sampling_rate": entry["rate"]}}},
        {"name": "json", "struct": [describe(name, column) for name, column in COLUMNS.items()]},
        *(describe(name, TEXT) for name in ("txt", "__key__", "__url__")),
    ]


class TarWriter:
    """Writes a shard as a tar file, in the format of POSIX.1-2001 (pax). A `ShardWriter`."""

    def __init__(self, folder: Path, file: str, rate_hz: int, format: str) -> None:  # noqa: A002
        """Create the file.

        Args:
            folder: stands for the output.
            file: the tar file, below it.
            rate_hz: of the audio.
            format: of the audio.

        Raises:
            RunError: it cannot be written.
        """
        self._folder, self._file, self._path = folder, file, folder / file
        self._rate_hz, self._format = rate_hz, format
        self._bytes = 0
        create(self._path)

    def add(self, entry: dict[str, Any], audio: Array) -> None:
        key = name_file(entry["id"], _DOTS)
        members = {
            self._format: encode(audio, self._rate_hz, self._format),
            "json": encode_json(make_record(entry)),
            "txt": spoken_text(entry).encode("utf-8", "backslashreplace"),
        }
        self._append(b"".join(_make_member(f"{key}.{extension}", data) for extension, data in members.items()))
        entry["file"] = self._file

    def close(self) -> list[str]:
        end = 2 * tarfile.BLOCKSIZE
        self._append(bytes(end + -(self._bytes + end) % tarfile.RECORDSIZE))
        sync_files(self._folder, [self._file])
        return [self._file]

    def _append(self, data: bytes) -> None:
        append(self._path, data)
        self._bytes += len(data)


def _make_member(name: str, data: bytes) -> bytes:
    """Make a member of nobody, and of the year 1970."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)
