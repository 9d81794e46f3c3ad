"""Takes the bytes of libsndfile's encoders as they come, instead of from a finished file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import soundfile

from runner.errors import RunError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Of sf_command, for which soundfile has no method: the longest page of an Ogg stream [ms], a double
_SET_OGG_PAGE_LATENCY_MS = 0x1302


class SndfileStream:
    """An encoder of libsndfile. When it closes it goes back to complete its header: those bytes are dropped."""

    def __init__(
        self, rate_hz: int, name: str, subtype: str, *, level: float | None = None, constant: bool = False
    ) -> None:
        """Open the encoder.

        Args:
            name: libsndfile's, of the container.
            subtype: its name of the codec.
            level: the compression level, from 0 to 1, that stands for a bit rate; None for the codec's default.
            constant: whether each frame has this bit rate; else it is that of the mean.

        Raises:
            RunError: the codec does not take this rate.
        """
        self._sink = _Sink()
        mode = "CONSTANT" if constant else None
        try:
            self._file = soundfile.SoundFile(
                self._sink, "w", rate_hz, 1, subtype, format=name, compression_level=level, bitrate_mode=mode
            )
        except soundfile.LibsndfileError as error:
            raise RunError(f"{name} of {rate_hz} Hz: cannot be made: {error.error_string}") from error

    def limit_pages(self, page_ms: float) -> None:
        """Limit the length of an Ogg stream's pages; libsndfile takes 50 to 1600 ms, in whole packets."""
        value = soundfile._ffi.new("double *", page_ms)
        soundfile._snd.sf_command(self._file._file, _SET_OGG_PAGE_LATENCY_MS, value, soundfile._ffi.sizeof("double"))

    def write(self, audio: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> bytes:
        """Encode `audio` [samples]. Returns what is finished by now."""
        self._file.write(audio)
        return self._sink.take()

    def close(self) -> bytes:
        """Encode what is left. Returns its bytes."""
        self._file.close()
        return self._sink.take()


class _Sink:
    """A file that keeps only the bytes that nobody has taken yet; what is written a second time is dropped."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._length, self._position = 0, 0

    def take(self) -> bytes:
        data = bytes(self._waiting)
        self._waiting.clear()
        return data

    def write(self, data: bytes) -> int:
        if self._position == self._length:
            self._waiting += data
            self._length += len(data)
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position
