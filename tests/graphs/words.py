"""Lines of words."""

import numpy as np

from kokoro_run import In, Out, StageError, stage


@stage(
    text=(In("str", "a line"), Out("str", "its words with one space between them, and the mark")),
    mark=In("str", "stands at the end"),
)
def clean(text: str, mark: str) -> dict[str, str]:
    words = text.split()
    if not words:
        raise StageError("the line has no words, expected at least one")
    return {"text": " ".join(words) + mark}


@stage(text=In("str", "a line"), words=Out("int64[]", "how many words it has"))
def count(text: str) -> dict[str, np.ndarray]:
    return {"words": np.array(len(text.split()))}
