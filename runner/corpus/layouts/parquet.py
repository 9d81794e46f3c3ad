"""The layout of Parquet files that hold the audio as well, which `datasets` loads with a column of the type Audio.

    data/train-SHARD.parquet    audio: struct<bytes, path>, and the columns of `record.COLUMNS`
    README.md

The schema's metadata tells `datasets` which column is audio. A group of rows is held in memory at a time.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from runner.corpus.layouts.card import write_card
from runner.corpus.layouts.encoding import encode
from runner.corpus.layouts.file_names import name_file
from runner.corpus.layouts.record import COLUMNS, Column, make_record
from runner.corpus.layouts.writing import append, create, sync_files
from runner.errors import RunError
from runner.files.errors import reading
from runner.files.locate import install_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from runner.corpus.layouts.layout import Entry, ShardWriter
    from runner.runtime.values import Array

_GROUP_ROWS, _GROUP_BYTES = 100, 32 << 20
_AUDIO = "audio"
_REPEATED = ["voice", "lang", "model", "graph", "words.list.element.phonemes", "symbols.list.element.symbol"]


class ParquetLayout:
    """Parquet files with audio in them. A `Layout`."""

    name = "parquet"
    formats = ("flac", "wav", "opus", "mp3")

    def open_shard(self, folder: Path, shard: str, rate_hz: int, format: str) -> ShardWriter:  # noqa: A002
        return ParquetShardWriter(folder, f"data/train-{shard}.parquet", rate_hz, format)

    def finish(self, out: Path, entries: Callable[[], Iterator[Entry]]) -> list[str]:  # noqa: ARG002 - the shards say it all
        write_card(out, ["data/train-*.parquet"])
        return []

    def read_audio(self, out: Path, entry: Entry) -> bytes:
        arrow, parquet = _import_pyarrow()
        path = out / entry["file"]
        try:
            with reading(path), path.open("rb") as source, parquet.ParquetFile(source) as file:
                for batch in file.iter_batches(_GROUP_ROWS, columns=["id", _AUDIO]):
                    ids = batch.column("id").to_pylist()
                    if entry["id"] in ids:
                        data: bytes = batch.column(_AUDIO)[ids.index(entry["id"])]["bytes"].as_py()
                        return data
        except arrow.ArrowException as error:
            raise RunError(f"{path}: is not a whole Parquet file ({error}); write the shard anew") from error
        raise RunError(f"{path}: has no audio of the row '{entry['id']}'; write the shard anew")


class ParquetShardWriter:
    """Writes a shard as a Parquet file. A `ShardWriter`."""

    def __init__(self, folder: Path, file: str, rate_hz: int, format: str) -> None:  # noqa: A002
        """Create the file.

        Args:
            folder: stands for the output.
            file: the Parquet file, below it.
            rate_hz: of the audio.
            format: of the audio.

        Raises:
            RunError: it cannot be written, or pyarrow is not installed.
        """
        self._arrow, self._parquet = _import_pyarrow()
        self._folder, self._file, self._path = folder, file, folder / file
        self._rate_hz, self._format = rate_hz, format
        self._schema = _make_schema(self._arrow, rate_hz)
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        create(self._path)
        self._sink = _Sink()
        self._writer = self._parquet.ParquetWriter(
            self._sink,
            self._schema,
            compression={"audio.bytes": "NONE"} | dict.fromkeys(_list_leaves(), "ZSTD"),
            use_dictionary=_REPEATED,
            write_statistics=[name for name, column in COLUMNS.items() if isinstance(column, str)],  # not of audio
        )

    def add(self, entry: dict[str, Any], audio: Array) -> None:
        data = encode(audio, self._rate_hz, self._format)
        path = f"{name_file(entry['id'])}.{self._format}"
        self._rows.append({_AUDIO: {"bytes": data, "path": path}, **make_record(entry)})
        self._bytes += len(data)
        entry["file"] = self._file
        if len(self._rows) == _GROUP_ROWS or self._bytes > _GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._bytes = [], 0
        append(self._path, self._sink.take())

    def close(self) -> list[str]:
        if self._rows:
            self._write_group()
        self._writer.close()
        append(self._path, self._sink.take())
        sync_files(self._folder, [self._file])
        return [self._file]


class _Sink(io.RawIOBase):
    """A file that keeps only the bytes that nobody has taken yet: pyarrow writes the end of one that is left, too."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._position = 0

    def take(self) -> bytes:
        data = bytes(self._waiting)
        self._waiting.clear()
        return data

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position


def _import_pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - of an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ModuleNotFoundError:
        raise RunError(f"parquet: pyarrow, which writes it, is not installed: {install_command('corpus')}") from None
    return pa, pq


def _make_schema(arrow: ModuleType, rate_hz: int) -> Any:
    """Make the schema, with the metadata in which `datasets` looks for types that Arrow does not have."""
    audio = arrow.struct({"bytes": arrow.binary(), "path": arrow.string()})
    fields = [arrow.field(_AUDIO, audio), *(arrow.field(name, _type(arrow, kind)) for name, kind in COLUMNS.items())]
    features = {_AUDIO: {"sampling_rate": rate_hz, "_type": "Audio"}}
    features |= {name: _feature(kind) for name, kind in COLUMNS.items()}
    return arrow.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _type(arrow: ModuleType, column: Column) -> Any:
    if isinstance(column, dict):
        return arrow.list_(arrow.struct({name: _type(arrow, kind) for name, kind in column.items()}))
    return {"string": arrow.string, "float64": arrow.float64, "int64": arrow.int64}[column]()


def _feature(column: Column) -> Any:
    if isinstance(column, dict):
        return {"feature": {name: _feature(kind) for name, kind in column.items()}, "_type": "List"}
    return {"dtype": column, "_type": "Value"}


def _list_leaves() -> list[str]:
    """List the paths of the columns in a Parquet file, without those of the audio."""
    paths = []
    for name, column in COLUMNS.items():
        inner = column if isinstance(column, dict) else {}
        paths += [f"{name}.list.element.{part}" for part in inner] or [name]
    return [*paths, "audio.path"]
