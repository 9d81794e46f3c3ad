"""An encoder turns samples into the bytes of one audio format, as they come.

encoder = make_encoder("wav", 24_000, samples)
send(encoder.begin())
for audio in parts:
    send(encoder.write(audio))
send(encoder.end())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from runner.errors import RunError

if TYPE_CHECKING:
    from runner.runtime.values import Array


class Encoder(Protocol):
    """Encodes mono audio. The bytes are the same however the samples are cut into pieces.

    An encoder that is left before its end needs no closing: its memory goes with it.

    Attributes:
        media_type: of the format.
    """

    media_type: str

    def __init__(self, rate_hz: int, samples: int | None) -> None: ...

    @property
    def length(self) -> int | None:
        """Bytes of the whole, where they are known before the first sample; else None."""
        ...

    def begin(self) -> bytes:
        """The bytes in front of the first sample; none if the format's header comes with samples."""
        ...

    def write(self, audio: Array) -> bytes:
        """Encode `audio` float32[samples], clipped to [-1, 1]. Returns the bytes that are finished by now.

        Raises:
            RunError: more samples than were promised.
        """
        ...

    def end(self) -> bytes:
        """The bytes that were not finished before.

        Raises:
            RunError: fewer samples than were promised.
        """
        ...

    def correct(self) -> bytes:
        """The first bytes as they would be if the number of samples had been known; none if they are right.

        They are for a file that is kept: what was sent cannot be changed.
        """
        ...


class SampleCount:
    """Counts an encoder's samples, and holds them to the number that its header has promised.

    Attributes:
        samples: so far.
    """

    def __init__(self, promised: int | None) -> None:
        """Begin at none.

        Args:
            promised: samples of the whole; None if nothing was promised.
        """
        self.samples, self._promised = 0, promised

    def add(self, audio: Array) -> None:
        """Count `audio`.

        Raises:
            RunError: that is more than was promised.
        """
        self.samples += audio.size
        if self._promised is not None and self.samples > self._promised:
            raise RunError(f"audio: its header promises {self._promised} samples, and {self.samples} came")

    def end(self) -> None:
        """Check that all have come.

        Raises:
            RunError: some are missing.
        """
        if self._promised not in (None, self.samples):
            raise RunError(f"audio: its header promises {self._promised} samples, and it ended after {self.samples}")
