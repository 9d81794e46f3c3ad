"""Holds samples in a temporary file on their way into the output, whose format depends on how many there are."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from runner.files.atomic import shorten
from runner.files.errors import writing
from runner.files.replace import resolve_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.runtime.values import Array

STATE_NAME = ".kokoro-run"  # in the names of the files that a run is resumed from
_SAMPLE = np.dtype("<f4")
_BLOCK = 1 << 20  # samples that are read at a time
IN_MEMORY = 1 << 24  # bytes of a row's samples in memory; the others are in a temporary file


class Spool:
    """Float32 samples in an open file. Every method raises RunError where the file cannot be read or written."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        """Use `file`; messages name it `path`."""
        self._file, self._path = file, path

    def end(self) -> int:
        """Count the whole samples."""
        with writing(self._path):
            return self._file.seek(0, 2) // _SAMPLE.itemsize

    def begin(self) -> int:
        """Round the file up to whole samples, since a kill may have torn one. Returns where the next one goes."""
        with writing(self._path):
            samples = -(-self._file.seek(0, 2) // _SAMPLE.itemsize)
        self.cut(samples)
        return samples

    def cut(self, samples: int) -> None:
        """Cut or extend the file to `samples`."""
        with writing(self._path):
            self._file.truncate(samples * _SAMPLE.itemsize)

    def write(self, signal: Array, at: int) -> None:
        """Write `signal` [samples] behind the first `at` samples."""
        with writing(self._path):
            self._file.seek(at * _SAMPLE.itemsize)
            self._file.write(signal.astype(_SAMPLE, copy=False).tobytes())
            self._file.flush()

    def read(self, begin: int, samples: int) -> Iterator[Array]:
        """Read `samples` from position `begin` on, block by block."""
        for at in range(begin, begin + samples, _BLOCK):
            size = min(_BLOCK, begin + samples - at)
            with writing(self._path):
                self._file.seek(at * _SAMPLE.itemsize)
                block = np.frombuffer(self._file.read(size * _SAMPLE.itemsize), _SAMPLE)
            yield block


def spool_path(output: Path) -> Path:
    """The file that holds the samples of several rows before they become `output`."""
    target = resolve_target(output)
    return target.with_name(f".{shorten(target.name)}{STATE_NAME}.f32")
