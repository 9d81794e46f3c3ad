"""English text to the words and marks that are spoken, each with its place in the text.

    "Dr. Who paid £25." --> Doctor Who paid twenty five pounds .

`stages.text.normalizer` has the rules and their tables. What cannot be spoken, such as emoji, is left out, with a
warning.

Raises:
    StageError: the language is not English.
"""

from __future__ import annotations

import numpy as np

from stages.contract import In, Out, stage, warn
from stages.text.english import is_british
from stages.text.hyphens import join_hyphenated
from stages.text.normalizer import normalise
from stages.text.speech import Note
from stages.text.token_port import COLUMNS, write_tokens

_NAMED = 3  # things left out that a warning names


@stage(
    text=In("str", "written English: a paragraph or more"),
    lang=In("str", "en-us or en-gb"),
    spoken=Out("str", "its words and marks, as they are spoken"),
    tokens=Out(
        "int64[tokens, 5]", "a word or mark a row: start and end in `spoken`, then in `text`, and its kind (token_port)"
    ),
)
def normalize(text: str, lang: str) -> dict[str, object]:
    notes: list[Note] = []
    spoken, rows = write_tokens(join_hyphenated(normalise(text, british=is_british(lang), notes=notes)))
    if notes:
        named = ", ".join(f"{note.text!r} (column {note.start + 1}: {note.reason})" for note in notes[:_NAMED])
        more = f" and {len(notes) - _NAMED} more" if len(notes) > _NAMED else ""
        warn(f"left out what cannot be spoken: {named}{more}")
    return {"spoken": spoken, "tokens": np.array(rows, np.int64).reshape(-1, COLUMNS)}
