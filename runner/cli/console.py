"""Prepares the standard streams of the command line, which a caller may have closed or filled.

    0, 1, 2   closed: opened on /dev/null; else a file of the program would get the number, and the compiler's output
    stdout    cannot be written: an error that names it; Python does not write the buffer again at its end
    stderr    cannot be written: messages are lost, and the command goes on

While a command works, standard output is reserved for what the command prints with `echo`. Everything else goes to
standard error, such as `print` in a stage or the output of a linker, and gets into neither audio nor JSON.

Every name of a file can be printed: bytes that are not UTF-8 as in `caf\\udce9.wav`.
"""

from __future__ import annotations

import atexit
import codecs
import contextlib
import fcntl
import io
import os
import select
import sys
from typing import TYPE_CHECKING, NamedTuple, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer

OUTPUT = "standard output"
"""The `filename` of an OSError of standard output."""
_CLOSED = 141  # the exit code in a shell of a program that SIGPIPE has ended
_OUT, _ERR, _FIRST_FREE = 1, 2, 3  # descriptors


class _Stream(io.FileIO):
    """A file that waits for a slow reader, also if another program has made the descriptor non-blocking."""

    def write(self, data: ReadableBuffer, /) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Output(_Stream):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            _to_null(self.fileno())
            raise


class _Messages(_Stream):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data))


class _Standard(NamedTuple):
    """Standard output: its stream, None if it is closed, and its descriptor."""

    stream: TextIO | None
    handle: int


_prepared: TextIO | None = None  # the stream of `prepare`
_reserved: _Standard | None = None  # standard output inside of `reserve_output`


def prepare() -> None:
    """Replace the process's standard streams; streams that a caller in Python has set stay."""
    global _prepared  # noqa: PLW0603 - a process has one
    _restart_in_utf8()
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            _to_null(handle)
    out, err = sys.__stdout__, sys.__stderr__
    if out is not None and sys.stdout is out:
        sys.stdout = _prepared = _open_text(_Output(_OUT, "w", closefd=False), out.encoding)
    if sys.stderr is err:
        sys.stderr = _open_text(_Messages(_ERR, "w", closefd=False), "utf-8" if err is None else err.encoding)


@contextlib.contextmanager
def reserve_output() -> Iterator[None]:
    """Reserve standard output for `echo`: what is written to `sys.stdout` or descriptor 1 goes to standard error.

    A caller gets both back. When a process that `prepare` has prepared ends, they are standard error once more: the
    functions that run then, and the buffer of the C library, may be those of a stage.
    """
    global _reserved  # noqa: PLW0603 - a process has one
    before, handle = sys.stdout, fcntl.fcntl(_OUT, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    _reserved = _Standard(_move_to(handle, before), handle)
    _send_to_errors()
    try:
        yield
    finally:
        if before is _prepared:
            atexit.register(_send_to_errors)  # the last to be registered is the first to be called
        else:
            _flush_libraries()
        os.dup2(handle, _OUT)
        os.close(handle)
        sys.stdout, _reserved = before, None


def output() -> TextIO | None:
    """Standard output, for what a command prints and nothing else; None if it is closed."""
    return sys.stdout if _reserved is None else _reserved.stream


def output_handle() -> int:
    """The descriptor of standard output."""
    return _OUT if _reserved is None else _reserved.handle


def echo(text: object = "", *, nl: bool = True) -> None:
    """Print on standard output; nothing if it is closed.

    Raises:
        OSError: it cannot be written; the error's `filename` is `OUTPUT`.
    """
    stream = output()
    if stream is not None:
        click.echo(text, stream, nl=nl)


def report_error(error: OSError) -> int:
    """Print the message for an error of standard output, none if its reader has gone; gives the exit code."""
    if isinstance(error, BrokenPipeError):
        return _CLOSED
    click.echo(f"{OUTPUT}: cannot be written: {error.strerror}", err=True)
    return 2


def _move_to(handle: int, stream: TextIO | None) -> TextIO | None:
    """Give a stream that writes to `handle` if `stream` writes to descriptor 1, else `stream`."""
    try:
        if stream is None or stream.fileno() != _OUT:
            return stream
    except OSError:  # a stream in memory
        return stream
    return _open_text(_Output(handle, "w", closefd=False), stream.encoding)


def _send_to_errors() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
    os.dup2(_ERR, _OUT)
    sys.stdout = sys.stderr


def _flush_libraries() -> None:
    """Write what C code has printed, and its library still holds."""
    import ctypes

    ctypes.CDLL(None).fflush(None)


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
