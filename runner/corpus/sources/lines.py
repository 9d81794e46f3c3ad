"""Reads the lines of a file of text, compressed or not, in bounded memory.

    file --> decompressed, if its first bytes say so --> lines, each with its number; one that is too long, without data

A name need not tell that a file is compressed: standard input has none, and a download may have been unpacked.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import re
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from runner.errors import RunError
from runner.files.locate import install_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAMAGE = (EOFError, zlib.error, lzma.LZMAError)
"""Errors of a compressed file that is cut off or damaged, beside OSError."""

_LONGEST = 16 * 1024 * 1024  # bytes of a line; a longer one would fill the memory
_BUFFER = 256 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FOREIGN = {
    b"\xff\xfe": "is UTF-16, expected UTF-8; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')",
    b"\xfe\xff": "is UTF-16, expected UTF-8; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')",
    b"PK\x03\x04": "is a ZIP archive or a spreadsheet, expected text; unpack it, or save it as 'CSV UTF-8'",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet, expected text; save it as 'CSV UTF-8'",
    b"PAR1": "is a Parquet file, expected text; name it .parquet, or read it as kind 'parquet'",
}


class Line(NamedTuple):
    """A line of a file.

    Attributes:
        number: from 1.
        data: its bytes with the line end; empty if there is a fault.
        fault: why it was not read; '' if it was.
    """

    number: int
    data: bytes
    fault: str = ""


def read_lines(file: BinaryIO, name: str) -> Iterator[Line]:
    """Read the lines of a file, without the byte order mark of the first one.

    Args:
        name: the file in messages.

    Raises:
        RunError: it is no UTF-8 text, or compressed by what is not installed.
        OSError, DAMAGE: it cannot be read.
    """
    with contextlib.ExitStack() as stack:
        text = _decompress(stack.enter_context(_buffered(file)), name, stack)
        head = text.peek(4)
        for magic, fact in _FOREIGN.items():
            if head.startswith(magic):
                raise RunError(f"{name}: {fact}")
        number = 0
        while data := text.readline(_LONGEST + 1):
            number += 1
            data = data.removeprefix(_BYTE_ORDER_MARK) if number == 1 else data
            if len(data) > _LONGEST and not data.endswith(b"\n"):
                _skip_line(text)
                yield Line(number, b"", f"the line has more than {_LONGEST >> 20} MiB, expected less; cut it")
            else:
                yield Line(number, data)


def _skip_line(text: io.BufferedReader) -> None:
    while (rest := text.readline(_BUFFER)) and not rest.endswith(b"\n"):
        pass


def _buffered(file: BinaryIO) -> io.BufferedReader:
    return io.BufferedReader(cast("io.RawIOBase", file), _BUFFER)


def _decompress(file: io.BufferedReader, name: str, stack: contextlib.ExitStack) -> io.BufferedReader:
    """Give the file itself, or what it unpacks to."""
    head = file.peek(10)
    for magic, unpack in _COMPRESSIONS.items():
        if re.match(magic, head, re.DOTALL):
            return stack.enter_context(_buffered(stack.enter_context(unpack(file, name))))
    return file


def _unpack_zstd(file: BinaryIO, name: str) -> BinaryIO:
    try:
        import pyarrow as pa  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError:
        fact = "is compressed by Zstandard, which the package pyarrow unpacks, and that is not installed"
        raise RunError(f"{name}: {fact}: {install_command('corpus')}") from None
    return cast("BinaryIO", pa.CompressedInputStream(file, "zstd"))


_COMPRESSIONS: dict[bytes, Callable[[BinaryIO, str], BinaryIO]] = {
    rb"\x1f\x8b": lambda file, _: cast("BinaryIO", gzip.GzipFile(fileobj=file)),
    rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)": lambda file, _: cast("BinaryIO", bz2.BZ2File(file)),
    rb"\xfd7zXZ\x00": lambda file, _: cast("BinaryIO", lzma.LZMAFile(file)),  # noqa: SIM115 - the stack closes it
    rb"\x28\xb5\x2f\xfd": _unpack_zstd,
}
"""The first bytes of a compressed file, and what unpacks it. No UTF-8 text begins with any of them but `BZh`."""
