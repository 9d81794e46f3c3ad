"""The sentences that every system speaks, each with one voice and one speed.

sentences.tsv has a line for each: its id, its class, the written text, the phonemes. Voices and speeds go round with
periods 5 and 6, so that 120 sentences hold each of the 30 pairs four times, and each class has nearly all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.errors import RunError

TABLE = Path(__file__).with_name("sentences.tsv")
HEADER = ["id", "class", "text", "phonemes"]
CLASSES = ("statement", "question", "number", "name", "list", "short", "long")
VOICES = ("af_heart", "am_adam", "af_heart*0.7+am_adam*0.3", "af_heart*0.5+am_adam*0.5", "af_heart*0.3+am_adam*0.7")
SPEEDS = (0.7, 0.85, 1.0, 1.15, 1.3, 1.5)
_STRIDE = 7  # has no divisor in common with 120, so that it visits every line


@dataclass(frozen=True)
class Sentence:
    """A sentence, and how it is spoken.

    Attributes:
        id: its name, of a letter for the class and a number.
        text: what is said, in ordinary spelling.
        phonemes: the same, in the model's symbols.
        voice: a specification of the runner, such as `af_heart*0.3+am_adam*0.7`.
    """

    id: str
    kind: str
    text: str
    phonemes: str
    voice: str
    speed: float


def read_sentences(path: Path = TABLE) -> list[Sentence]:
    """Read the table of sentences, in the order of its lines.

    Raises:
        RunError: the header or a line does not have the four columns, or a class is unknown.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0].split("\t") != HEADER:
        raise RunError(f"{path}:1: expected the columns {', '.join(HEADER)}, parted by tabs")
    return [_read_line(f"{path}:{row + 2}", line, row) for row, line in enumerate(lines[1:])]


def _read_line(origin: str, line: str, row: int) -> Sentence:
    columns = line.split("\t")
    if len(columns) != len(HEADER):
        raise RunError(f"{origin}: got {len(columns)} columns, expected {', '.join(HEADER)}, parted by tabs")
    name, kind, text, phonemes = columns
    if kind not in CLASSES:
        raise RunError(f"{origin}: unknown class '{kind}', expected one of {', '.join(CLASSES)}")
    return Sentence(name, kind, text, phonemes, VOICES[row % len(VOICES)], SPEEDS[row % len(SPEEDS)])


def mix(sentences: list[Sentence]) -> Iterator[Sentence]:
    """Yield all sentences in an order whose every part has sentences of all classes."""
    count = len(sentences)
    return (sentences[at * _STRIDE % count] for at in range(count)) if count % _STRIDE else iter(sentences)
