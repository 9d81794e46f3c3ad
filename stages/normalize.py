"""English text to the words and marks that are spoken, each with its place in the text.

    "Dr. Who paid £25." --> Doctor Who paid twenty five pounds .

`stages.text.normalizer` has the rules and their tables. What cannot be spoken, such as emoji, is left out, with a
warning. Markup in the text (`stages.text.markup`) and a user's lexicon (`stages.text.user_lexicon`) win over the rules:

    pipeline.run({"text": "[Kokoro](/kəkˈɔɹO/) speaks."}, RunOptions(params={"lexicon": "Nice\\tnˈis"}))

Raises:
    StageError: the language is not English; markup, or a line of the lexicon, is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stages.contract import In, Out, StageError, stage, warn
from stages.text.english import is_british
from stages.text.marked_words import speak_text
from stages.text.speech import Note
from stages.text.token_port import COLUMNS, write_tokens
from stages.text.user_lexicon import LexiconError, UserLexicon, read_lexicon

_NAMED = 3  # things left out that a warning names


@stage(
    config=("vocab",),
    text=In("str", "written English: a paragraph or more"),
    lang=In("str", "en-us or en-gb"),
    lexicon=In("str", "the content of a user's lexicon: lines of a word, a tab and its phonemes; '' for none"),
    spoken=Out("str", "its words and marks, as they are spoken"),
    tokens=Out(
        "int64[tokens, 6]",
        "a word or mark a row: start and end in `spoken`, then in `text`, its kind and stress (token_port)",
    ),
    given=Out("str", "the phonemes that the user gave, a line for each token of the kind given"),
)
def normalize(text: str, lang: str, lexicon: str, *, vocab: Mapping[str, int]) -> dict[str, object]:
    is_british(lang)
    spoken_text = speak_text(text, lang, _read_lexicon(lexicon, vocab, lang), vocab)
    _warn(spoken_text.notes)
    spoken, rows = write_tokens(spoken_text.tokens)
    return {
        "spoken": spoken,
        "tokens": np.array(rows, np.int64).reshape(-1, COLUMNS),
        "given": "\n".join(spoken_text.given),
    }


def _read_lexicon(content: str, vocab: Mapping[str, int], lang: str) -> UserLexicon:
    try:
        return read_lexicon(content, "".join(vocab), lang)
    except LexiconError as error:
        raise StageError(f"lexicon: {error}") from None


def _warn(notes: Sequence[Note]) -> None:
    if notes:
        named = ", ".join(f"{note.text!r} (column {note.start + 1}: {note.reason})" for note in notes[:_NAMED])
        more = f" and {len(notes) - _NAMED} more" if len(notes) > _NAMED else ""
        warn(f"left out what cannot be spoken: {named}{more}")
