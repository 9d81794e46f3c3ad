"""Joins the phonemes of known and unknown words, and says where each word of the text lies in them.

parts --------------------------+
scores --decode--> unknown ones-+--> "həlˈO, wˈɜɹld."    words: [[0, 5, 0, 5], [7, 12, 7, 13]]
stress of tokens ---------------+                        sources: "lexicon lexicon"
"""

from __future__ import annotations

import numpy as np

from stages.contract import In, Out, stage
from stages.text.compounds import complete, find_source, join
from stages.text.english import is_british
from stages.text.part_port import list_unknown, read_parts
from stages.text.spelling import SPOKEN, decode
from stages.text.stress import change_stress
from stages.text.token_port import read_tokens


@stage(
    spoken=In("str", "words and marks, as they are spoken"),
    tokens=In("int64[tokens, 6]", "where each lies (token_port)"),
    parts=In("str", "of each token, its parts and their phonemes, as JSON (part_port)"),
    scores=In("float32[1, letters, 144]", "of each letter of unknown parts, how probable it says each chunk"),
    lang=In("str", "en-us or en-gb"),
    phonemes=Out("str", "Kokoro's symbols"),
    words=Out("int64[words, 4]", "a word a row: start and end in the user's text, start and end in `phonemes`"),
    sources=Out(
        "str",
        "where the phonemes of each word are from, a space between two: lexicon; rule (endings, compounds, letters by "
        "name); model (letters of an unknown word); espeak; override (markup or a lexicon of the user)",
    ),
)
def g2p(spoken: str, tokens: np.ndarray, parts: str, scores: np.ndarray, lang: str) -> dict[str, object]:
    british, known = is_british(lang), read_parts(parts)
    unknown = list_unknown(known)
    found = decode(unknown, scores[0].tolist()) if unknown else []
    said = {word: phonemes.translate(SPOKEN) for word, phonemes in zip(unknown, found, strict=True)}
    pieces: list[str] = []
    rows: list[tuple[int, int, int, int]] = []
    sources: list[str] = []
    at = 0
    for token, own in zip(read_tokens(spoken, tokens.tolist()), known, strict=True):
        parts_ = [part if part.phonemes is not None else complete(part, said[part.text], british) for part in own]
        sound = change_stress(join(parts_) or "", token.stress)
        space = " " if token.spaced and at else ""
        first = at + len(space)
        at = first + len(sound)
        pieces += (space, sound)
        if token.kind != "mark":
            rows.append((token.start, token.end, first, at))
            sources.append("override" if token.stress else find_source(parts_))
    return {
        "phonemes": "".join(pieces),
        "words": np.array(rows, np.int64).reshape(-1, 4),
        "sources": " ".join(sources),
    }
