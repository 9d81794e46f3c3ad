"""The standard streams of the command line, whatever the caller has left of them.

    0, 1, 2   closed: opened on /dev/null; else a file of ours would get the number, and what a compiler says in it
    stdout    cannot be written: an error, which names it; what is buffered is not tried again when Python ends
    stderr    cannot be written: what people would have read is lost, the work is not

Whatever the bytes of a file's name, it can be printed: `caf\\udce9.wav` where they are not UTF-8.
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
"""The `filename` of an OSError that means standard output."""
CLOSED = 141  # the exit code that a shell reports of a program that SIGPIPE has ended


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
    """Take the process's own streams in hand; what a caller from Python has put in their place stays."""
    _restart_in_utf8()
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            _to_null(handle)
    out, err = sys.__stdout__, sys.__stderr__
    if out is not None and sys.stdout is out:
        sys.stdout = _text(_Output(1, "w", closefd=False), out.encoding)
    if sys.stderr is err:
        sys.stderr = _text(_Messages(2, "w", closefd=False), "utf-8" if err is None else err.encoding)


def fault(error: OSError) -> str:
    """The message about an error of standard output."""
    return f"{OUTPUT}: cannot be written: {error.strerror}"


def _restart_in_utf8() -> None:
    """Begin again where names of files cannot be spelled: in the POSIX locale, with Python's own remedies off."""
    if sys.flags.utf8_mode or codecs.lookup(sys.getfilesystemencoding()).name != "ascii":
        return
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _to_null(handle: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != handle:
        os.dup2(null, handle)
        os.close(null)
    os.set_inheritable(handle, True)  # by the compiler, say


def _text(raw: io.FileIO, encoding: str) -> io.TextIOWrapper:
    """Text that is written at the end of each line."""
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=True)
