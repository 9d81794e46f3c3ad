"""The measurements of one sentence that one system has spoken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.quality.sentences import Sentence

# names of systems: those that have bars, and those that the others are held against
OURS, BF16, PADDED = "ours", "bf16", "padded"
PYTORCH, FLOAT64 = "pytorch", "float64"


class Opinion(NamedTuple):
    """Scores from 1, bad, to 5, excellent: of the voice, of the background, and of both together."""

    speech: float
    background: float
    overall: float


@dataclass(frozen=True)
class Measured:
    """The measurements.

    Attributes:
        digest: of the audio.
        seconds: its length.
        heard: what Whisper heard.
        words: the number of words to be heard.
        errors: words to substitute, insert and delete.
        distance_db: to the float64 reference's audio, in log mel; None where that has not been spoken.
    """

    sentence: Sentence
    digest: str
    seconds: float
    heard: str
    words: int
    errors: int
    opinion: Opinion
    distance_db: float | None
