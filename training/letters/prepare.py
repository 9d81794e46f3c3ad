"""Makes what the model is trained on and tested with.

    entries --hold_out--> heldout.tsv, development.tsv, the rest
    the rest --align--> training.json: words, each letter's chunk;  stages/text/chunks.py: the chunks

The chunks are the most frequent ones; words that need another, one in five hundred, are left out of the training.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import stages.text
from stages.text.spelling import LETTERS
from training.errors import written
from training.letters.alignment import Aligner
from training.letters.lexicon import Entry, read
from training.letters.stems import hold_out

HELD_OUT, DEVELOPMENT = "heldout.tsv", "development.tsv"
_TRAINING = "training.json"
_COUNTS = (2000, 1000)
_CHUNKS = 144
_LEARNED, _ROUNDS = 40_000, 8  # words that the alignment is learned from, and how often it sees them
_TABLE = Path(stages.text.__path__[0]) / "chunks.py"
_PRIMARY = "ˈ"

Aligned = tuple[str, bool, list[int]]
"""A word, whether it is British, and the chunk of each of its letters."""


def prepare(wheel: Path, folder: Path, seed: int) -> None:
    """Write the files above.

    Raises:
        TrainingError: the wheel cannot be read.
    """
    held_out, development, rest = hold_out(read(wheel), _COUNTS, seed)
    learned = random.Random(seed).sample(rest, _LEARNED)
    aligner = Aligner(LETTERS)
    aligner.learn([each.word for each in learned], [each.phonemes for each in learned], _ROUNDS)
    found = aligner.align([each.word for each in rest], [each.phonemes for each in rest])
    chunks = choose_chunks(said for said in found if said is not None)
    ids = {chunk: at for at, chunk in enumerate(chunks)}
    aligned = [
        (each.word, each.british, [ids[chunk] for chunk in said])
        for each, said in zip(rest, found, strict=True)
        if said is not None and all(chunk in ids for chunk in said)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_entries(folder / HELD_OUT, held_out)
    write_entries(folder / DEVELOPMENT, development)
    (folder / _TRAINING).write_text(json.dumps(aligned), encoding="utf-8")
    _TABLE.write_text(spell_table(chunks), encoding="utf-8")


def choose_chunks(aligned: Iterable[Sequence[str]]) -> list[str]:
    """Choose the most frequent chunks: those with the primary stress first, each sort in the order of its symbols."""
    counts = Counter(chunk for said in aligned for chunk in said)
    frequent = sorted(sorted(counts), key=lambda chunk: -counts[chunk])[:_CHUNKS]
    return sorted(frequent, key=lambda chunk: (_PRIMARY not in chunk, chunk))


def spell_table(chunks: Sequence[str]) -> str:
    """Spell the Python file that holds the chunks."""
    rows = [", ".join(f'"{chunk}"' for chunk in chunks[at : at + 12]) for at in range(0, len(chunks), 12)]
    stressed = sum(_PRIMARY in chunk for chunk in chunks)
    return (
        '"""The chunks of phonemes that one letter may say, in the order of the model\'s scores.\n\n'
        '`python -m training.letters prepare` writes this file.\n"""\n\n'
        f"STRESSED = {stressed}\n"
        '"""The first ones, which have the primary stress."""\n\n'
        "CHUNKS = (\n" + "".join(f"    {row},\n" for row in rows) + ")  # fmt: skip\n"
    )


def write_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Write one entry a line: us or gb, the quality, the word, its phonemes, between tabs."""
    lines = [f"{'gb' if each.british else 'us'}\t{each.quality}\t{each.word}\t{each.phonemes}\n" for each in entries]
    path.write_text("".join(lines), encoding="utf-8")


def read_entries(path: Path) -> list[Entry]:
    """Read what `write_entries` has written.

    Raises:
        TrainingError: it is not there.
    """
    rows = [line.split("\t") for line in written(path, "training.letters prepare").read_text("utf-8").splitlines()]
    return [Entry(word, dialect == "gb", said, quality) for dialect, quality, word, said in rows]


def read_aligned(folder: Path) -> list[Aligned]:
    """Read the words to train on.

    Raises:
        TrainingError: they are not there.
    """
    text = written(folder / _TRAINING, "training.letters prepare").read_text("utf-8")
    return [(word, british, chunks) for word, british, chunks in json.loads(text)]
