"""Reads Parquet files, a thousand rows at a time.

Texts, numbers, booleans, lists and tables become JSON values; dates, times and decimals become texts. A column of
bytes, such as the audio of a data set, is neither read nor carried over, and a warning says so.
"""

from __future__ import annotations

import datetime as dt
import decimal
import logging
import math
from typing import TYPE_CHECKING, Any, BinaryIO

from runner.corpus.sources.record import Record
from runner.errors import RunError, printable
from runner.files.locate import install_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyarrow import parquet

_ROWS = 1024  # of a batch
_BUFFER = 1 << 20  # bytes; without a limit a column of a whole row group is held
_LOG = logging.getLogger("kokoro_run")


class ParquetReader:
    """Reads files one after the other, and warns of each column of bytes once."""

    def __init__(self) -> None:
        self._left_out: set[str] = set()

    def __call__(self, file: BinaryIO, name: str) -> Iterator[Record]:
        """Read the records of a file.

        Raises:
            RunError: it is no Parquet file, is damaged, or has two columns of one name; or pyarrow is not installed.
            OSError: it cannot be read.
        """
        try:
            import pyarrow as pa  # noqa: PLC0415 - of an extra
            from pyarrow import parquet  # noqa: PLC0415
        except ModuleNotFoundError:
            fact = "a Parquet file, and the package pyarrow, which reads it, is not installed"
            raise RunError(f"{name}: {fact}: {install_command('corpus')}") from None
        try:
            # Without a buffer of its own, and with one that reads ahead, all columns of a row group are held at once.
            table = parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
            columns = self._choose_columns(table, name)
            for number, (values, fault) in enumerate(_read_rows(table, columns), 1):
                yield Record(f"{name}:{number}", values, fault)
        except pa.ArrowException as error:
            raise RunError(f"{name}: cannot be read as Parquet: {_first_line(error)}") from None

    def _choose_columns(self, table: parquet.ParquetFile, name: str) -> list[str]:
        """Choose the columns without bytes, and warn of the others."""
        fields = list(table.schema_arrow)
        names = [field.name for field in fields]
        twice = next((column for column in names if names.count(column) > 1), None)
        if twice is not None:
            raise RunError(f"{name}: has the column '{printable(twice)}' more than once; rename one")
        left_out = [field.name for field in fields if _has_bytes(field.type)]
        for column in left_out:
            if column not in self._left_out:
                fact = f"the column '{printable(column)}' holds bytes, which are not carried over"
                _LOG.warning("%s: %s; it is left out, here and in the files that follow", name, fact)
        self._left_out.update(left_out)
        return [column for column in names if column not in left_out]


def _has_bytes(type_: pa.DataType) -> bool:
    """Whether there are bytes anywhere in a type."""
    import pyarrow as pa  # noqa: PLC0415 - of an extra

    if isinstance(type_, pa.BaseExtensionType):
        return _has_bytes(type_.storage_type)
    if isinstance(type_, pa.DictionaryType):
        return _has_bytes(type_.value_type)
    of_bytes = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_bytes(type_) for is_bytes in of_bytes) or any(
        _has_bytes(type_.field(number).type) for number in range(type_.num_fields)
    )


def _read_rows(table: parquet.ParquetFile, columns: list[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """Read the values of each row, or its fault."""
    for batch in table.iter_batches(_ROWS, columns=columns, use_threads=False):
        try:
            rows: list[dict[str, Any]] | None = batch.to_pylist()
        except ValueError:  # one of them: see below
            rows = None
        for number in range(batch.num_rows):
            yield _read_row(batch.slice(number, 1)) if rows is None else _convert(rows[number])


def _read_row(batch: pa.RecordBatch) -> tuple[dict[str, Any], str]:
    """Read a batch of one row, which may hold a text that is not UTF-8, or a time that Python has no value for."""
    for column in batch.schema.names:
        try:
            batch.column(column).to_pylist()
        except ValueError as error:
            return {}, f"the column '{printable(column)}' cannot be read: {_first_line(error)}"
    return _convert(batch.to_pylist()[0])


def _convert(row: dict[str, Any]) -> tuple[dict[str, Any], str]:
    values = {}
    for column, value in row.items():
        try:
            values[column] = _to_json(value)
        except RunError as error:
            return {}, f"the column '{printable(column)}' {error}"
    return values, ""


def _to_json(value: Any) -> Any:
    """Make a JSON value; NaN, which tables have for an absent value, becomes None.

    Raises:
        RunError: JSON has no such value.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise RunError(f"is {value}, which JSON has no number for; leave it out")
        return None if math.isnan(value) else value
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _to_json(item) for name, item in value.items()}
    if isinstance(value, dt.date | dt.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, decimal.Decimal | dt.timedelta):
        return str(value)
    raise RunError(f"holds a {type(value).__name__}, which JSON has no value for; leave it out")


def _first_line(error: Exception) -> str:
    return printable(str(error).partition("\n")[0])
