"""Samples on their way into an audio file, in a temporary one: how many there are decides what the audio file is."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from runner.files.errors import writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.runtime.values import Array

_SAMPLE = np.dtype("<f4")
_BLOCK = 1 << 20  # samples that are read at a time


class Spool:
    """Samples in an open file. Every method raises RunError where the file cannot be read or written."""

    def __init__(self, file: IO[bytes], place: Path) -> None:
        """Take `file`; messages call it `place`."""
        self._file, self._place = file, place

    def end(self) -> int:
        """How many whole samples there are."""
        with writing(self._place):
            return self._file.seek(0, 2) // _SAMPLE.itemsize

    def begin(self) -> int:
        """Round the file up to whole samples, for a kill may have torn one; where the next sample will lie."""
        with writing(self._place):
            samples = -(-self._file.seek(0, 2) // _SAMPLE.itemsize)
        self.cut(samples)
        return samples

    def cut(self, samples: int) -> None:
        """Make the file so long."""
        with writing(self._place):
            self._file.truncate(samples * _SAMPLE.itemsize)

    def write(self, audio: Array, at: int) -> None:
        """Put `audio` behind the first `at` samples."""
        with writing(self._place):
            self._file.seek(at * _SAMPLE.itemsize)
            self._file.write(audio.astype(_SAMPLE, copy=False).tobytes())
            self._file.flush()

    def read(self, begin: int, samples: int) -> Iterator[Array]:
        """So many samples from `begin` on, block by block."""
        for at in range(begin, begin + samples, _BLOCK):
            size = min(_BLOCK, begin + samples - at)
            with writing(self._place):
                self._file.seek(at * _SAMPLE.itemsize)
                block = np.frombuffer(self._file.read(size * _SAMPLE.itemsize), _SAMPLE)
            yield block
