"""Encodes MP3, with a header in front that tells players where the audio begins and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runner.speech.encoders.encoder import SampleCount
from runner.speech.encoders.mp3_tag import Mp3Layout
from runner.speech.encoders.sndfile_stream import SndfileStream

if TYPE_CHECKING:
    from runner.runtime.values import Array


class Mp3Encoder:
    """MP3 of a constant bit rate: 96 kbit/s, below 16 kHz 64. An `Encoder`.

    The bit rate is constant so that the length follows from the number of samples. Where that is known, the first frame
    is LAME's tag; players that read it drop what encoder and decoder put around the audio. Else there is no tag, and
    1,105 samples of silence are heard first: a tag that is completed at the end of a file would say 0 frames.
    """

    media_type = "audio/mpeg"

    def __init__(self, rate_hz: int, samples: int | None) -> None:
        """Open the encoder.

        Raises:
            RunError: MP3 has no such rate.
        """
        layout = Mp3Layout(rate_hz)
        self._stream = SndfileStream(rate_hz, "MP3", "MPEG_LAYER_III", level=layout.sndfile_level, constant=True)
        self._count = SampleCount(samples)
        self._tag = layout.make_tag(samples) if samples else b""
        self.length = None if samples is None else len(self._tag) + layout.count_bytes(samples)
        self._unsent = layout.tag_bytes  # of the tag that the encoder begins with, and completes when it closes

    def begin(self) -> bytes:
        return self._tag

    def write(self, audio: Array) -> bytes:
        self._count.add(audio)
        return self._without_tag(self._stream.write(np.clip(audio, -1.0, 1.0, dtype=np.float32)))

    def end(self) -> bytes:
        self._count.end()
        return self._without_tag(self._stream.close())

    def correct(self) -> bytes:
        return b""

    def _without_tag(self, data: bytes) -> bytes:
        cut = min(self._unsent, len(data))
        self._unsent -= cut
        return data[cut:]
