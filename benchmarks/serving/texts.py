"""Makes the texts of requests: sentences of a list, one to four in a request, the same for every run."""

from __future__ import annotations

import random
from pathlib import Path

SENTENCES = Path(__file__).parents[2] / "tests" / "stages" / "text" / "sentences_us.tsv"
_TOGETHER = 4  # sentences of a request, at most


def make_texts(count: int, seed: int = 1) -> list[str]:
    """Make the texts of so many requests, none of them twice."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    sentences = [line.partition("\t")[0].strip() for line in lines if line and not line.startswith("#")]
    choice = random.Random(seed)
    texts = dict[str, None]()
    while len(texts) < count:
        texts[" ".join(choice.sample(sentences, choice.randint(1, _TOGETHER)))] = None
    return list(texts)
