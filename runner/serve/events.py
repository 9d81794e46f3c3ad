"""What a job tells: its events come in this order, those in brackets only if they were asked for.

Opened   [Measured]   Spoken   Opened   Spoken   Spoken   Ended        [StageTold in between]
------- paragraph 0 --------   ------ paragraph 1 ------
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.runtime.values import Array
    from runner.speech.curves import Curve
    from runner.speech.timestamps import WordSpan


@dataclass(frozen=True)
class OpenedWord:
    """A word of a text, before it is spoken.

    Attributes:
        text: as it is written.
        start, end: where, in the paragraph (characters from 0).
        phonemes: its own.
        source: where they are from: lexicon, rule, model, espeak or override; '' if the stage does not tell.
    """

    text: str
    start: int
    end: int
    phonemes: str
    source: str = ""


@dataclass(frozen=True)
class Opened:
    """A paragraph is read: what is known before it is spoken.

    Attributes:
        row: number of the paragraph, from 0.
        text, phonemes: of the paragraph.
        words: of a text; none of phonemes.
        parts: that it is spoken in.
    """

    row: int
    text: str
    phonemes: str
    words: Sequence[OpenedWord]
    parts: int


@dataclass(frozen=True)
class Measured:
    """The length of the whole is known [samples], or will not be known in time: None."""

    samples: int | None


@dataclass(frozen=True)
class Spoken:
    """A part is spoken.

    Attributes:
        row, part: numbers of the paragraph and of the part in it, from 0.
        start: of the part in the whole [samples], behind the silence in front of a paragraph.
        silence: samples of silence between what was spoken before and this part.
        audio: float32 [samples].
        words: with times from the start of `audio` [samples]; of phonemes, sequences of symbols without marks.
        seconds: stage -> wall time of those that ran.
        curves: of a request that is watched.
    """

    row: int
    part: int
    start: int
    silence: int
    audio: Array
    words: Sequence[WordSpan]
    seconds: Mapping[str, float]
    curves: Sequence[Curve] = ()


@dataclass(frozen=True)
class StageTold:
    """A stage begins, has run, or has its results in the cache.

    Attributes:
        row, part: of which paragraph and part.
        status: running, run or hit.
        seconds: that it ran.
    """

    row: int
    part: int
    stage: str
    status: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Ended:
    """All is spoken.

    Attributes:
        samples: of the whole.
        first_s, total_s: from the request to the first part, and to the end [s].
    """

    samples: int
    first_s: float
    total_s: float


Event = Opened | Measured | Spoken | StageTold | Ended
