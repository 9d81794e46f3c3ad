"""The two espeak-ng voices the model is trained on, and how they were chosen: `candidates.md` has the scores."""

from __future__ import annotations

import dataclasses

from training.espeak import Espeak


@dataclasses.dataclass(frozen=True)
class Speaker:
    """An espeak-ng voice: the lines of its variant and its words a minute (see `Espeak`), and the range in which its F0
    is looked for, Hz."""

    name: str
    variant: tuple[str, ...]
    f0_range_hz: tuple[float, float]
    rate: int = 180

    def espeak(self) -> Espeak:
        """The voice, ready to speak."""
        return Espeak(self.variant, self.rate)


SPEAKERS = {
    speaker.name: speaker
    for speaker in (
        Speaker("low", ("klatt 2",), (70.0, 160.0)),
        Speaker("high", ("klatt 2", "pitch 150 200"), (120.0, 320.0)),
    )
}
