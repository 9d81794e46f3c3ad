"""Reads an open file from a position of its own, so that a file without a name can be read by several at a time."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class FileView(io.RawIOBase):
    """An open regular file, read from its start. Closing the view leaves the file open.

    Linux opens `/proc/self/fd/NUMBER` anew; elsewhere that name is the same open file, which has one position.
    """

    def __init__(self, handle: int) -> None:
        """Begin at the start.

        Args:
            handle: descriptor of the file, which has to stay open.
        """
        self._handle, self._position = handle, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = os.pread(self._handle, len(view), self._position)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: os.fstat(self._handle).st_size}
        position = starts[whence] + offset
        if position < 0:
            raise ValueError(f"position {position} is before the start of the file")
        self._position = position
        return position
