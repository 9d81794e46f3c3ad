"""Splits an Ogg stream into pages, and changes their headers (RFC 3533)."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_POSITION_AT, _NUMBER_AT, _CRC_AT, _SEGMENTS_AT, _SIZES_AT = 6, 14, 22, 26, 27
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def split_pages(data: bytes) -> Iterator[bytes]:
    """Split `data`, which consists of whole pages."""
    start = 0
    while start < len(data):
        body = _body_start(data, start)
        end = body + sum(data[start + _SIZES_AT : body])
        yield data[start:end]
        start = end


def page_body(page: bytes) -> bytes:
    """The packets of a page."""
    return page[_body_start(page) :]


def put_number(page: bytes, number: int) -> bytes:
    """Make the same page of the stream `number`."""
    return _change(page, "<I", _NUMBER_AT, number)


def put_position(page: bytes, position: int) -> bytes:
    """Make the same page with another position: where the stream is after its last packet."""
    return _change(page, "<q", _POSITION_AT, position)


def _change(page: bytes, field: str, at: int, value: int) -> bytes:
    changed = bytearray(page)
    struct.pack_into(field, changed, at, value)
    struct.pack_into("<I", changed, _CRC_AT, 0)  # as the checksum is defined
    struct.pack_into("<I", changed, _CRC_AT, _checksum(changed))
    return bytes(changed)


def _body_start(data: bytes, start: int = 0) -> int:
    return start + _SIZES_AT + data[start + _SEGMENTS_AT]


def _checksum(page: bytearray) -> int:
    """The CRC-32 of zlib's polynomial, but with the bits of each byte from the upper end, and without inversions."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
