"""Words to phonemes by the lexicon, by rules for homographs, endings and compounds; unknown ones as ids of letters.

    spoken, tokens --> homograph rules --> part of speech --+
                                                            +--> lexicon, endings, compounds --> parts
                                                            |                                      |
                                               words around it                       unknown ones  +--> letters

The stage `letters` says what the unknown ones sound like, and `g2p` joins both.

With `unknown: espeak`, espeak-ng says here what unknown parts sound like, and nothing is left for `letters`.

Raises:
    StageError: the language is not English; a word is in another script, and its place is named; `unknown` is neither
        letters nor espeak; espeak-ng is not installed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.contract import In, Out, StageError, stage
from stages.text.compounds import Part
from stages.text.english import is_british, load_pronouncer
from stages.text.espeak_words import speak_unknown
from stages.text.homographs import choose
from stages.text.part_port import list_unknown, write_parts
from stages.text.spelling import encode, spell
from stages.text.token_port import read_tokens
from stages.text.tokens import Token
from stages.text.utterance import pronounce_tokens

LETTERS, ESPEAK = "letters", "espeak"


@stage(
    files=("text/english.lexicon",),
    packages=("espeakng-loader",),
    spoken=In("str", "words and marks, as they are spoken"),
    tokens=In("int64[tokens, 6]", "where each lies (token_port)"),
    given=In("str", "the phonemes that the user gave, a line for each token of the kind given"),
    lang=In("str", "en-us or en-gb"),
    unknown=In("str", "what says how unknown parts sound: letters, for the stage of that name, or espeak"),
    parts=Out("str", "of each token, its parts and their phonemes, as JSON (part_port)"),
    letters=Out("int64[1, letters]", "ids of the letters of unknown parts (spelling); a zero if all are known"),
    length=Out("int64[1]", "how many ids; 0 if all parts are known"),
)
def lexicon(spoken: str, tokens: np.ndarray, given: str, lang: str, unknown: str) -> dict[str, object]:
    if unknown not in (LETTERS, ESPEAK):
        raise StageError(f"unknown is '{unknown}', expected {LETTERS} or {ESPEAK}")
    british = is_british(lang)
    words = read_tokens(spoken, tokens.tolist())
    parts = pronounce_tokens(words, load_pronouncer(british=british), choose, given.split("\n"))
    if unknown == ESPEAK:
        parts = speak_unknown(parts, lang)
    _refuse_other_scripts(words, parts)
    ids = encode(list_unknown(parts), british=british)
    return {
        "parts": write_parts(parts),
        "letters": np.array([ids or [0]], np.int64),
        "length": np.array([len(ids)], np.int64),
    }


def _refuse_other_scripts(words: Sequence[Token], parts: Sequence[Sequence[Part]]) -> None:
    for token, own in zip(words, parts, strict=True):
        if any(part.phonemes is None and not spell(part.text) for part in own):
            raise StageError(
                f"column {token.start + 1}: '{token.text}' has no letters of English; leave it out, or say how it "
                f"sounds, as in [{token.text}](/nˈAm/)"
            )
