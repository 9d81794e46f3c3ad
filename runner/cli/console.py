"""Prepares the standard streams of the command line, which a caller may have closed or filled.

    0, 1, 2   closed: opened on /dev/null; else a file of the program would get the number, and the compiler's output
    stdout    cannot be written: an error that names it; Python does not write the buffer again at its end
    stderr    cannot be written: messages are lost, and the command goes on

Every name of a file can be printed: bytes that are not UTF-8 as in `caf\\udce9.wav`.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OUTPUT = "standard output"
"""The `filename` of an OSError of standard output."""
CLOSED = 141  # the exit code in a shell of a program that SIGPIPE has ended


class _Output(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            _to_null(self.fileno())
            raise


class _Messages(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data) or len(memoryview(data))
        except OSError:
            return len(memoryview(data))


def prepare() -> None:
    """Replace the process's standard streams; streams that a caller in Python has set stay."""
    _restart_in_utf8()
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            _to_null(handle)
    out, err = sys.__stdout__, sys.__stderr__
    if out is not None and sys.stdout is out:
        sys.stdout = _open_text(_Output(1, "w", closefd=False), out.encoding)
    if sys.stderr is err:
        sys.stderr = _open_text(_Messages(2, "w", closefd=False), "utf-8" if err is None else err.encoding)


def describe_error(error: OSError) -> str:
    """Write the message for an error of standard output."""
    return f"{OUTPUT}: cannot be written: {error.strerror}"


def _restart_in_utf8() -> None:
    """Restart in UTF-8 mode if names of files are limited to ASCII: in the POSIX locale without Python's coercion."""
    if sys.flags.utf8_mode or codecs.lookup(sys.getfilesystemencoding()).name != "ascii":
        return
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _to_null(handle: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != handle:
        os.dup2(null, handle)
        os.close(null)
    os.set_inheritable(handle, True)  # child processes such as the compiler use it too


def _open_text(raw: io.FileIO, encoding: str) -> io.TextIOWrapper:
    """Make a text stream that is flushed at the end of each line."""
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=True)
