"""espeak-ng's IPA phonemes as the symbols of the model's vocabulary, in the two spellings that people paste.

    misaki   how Kokoro's own front end spells American English: one letter a diphthong (A I O W Y) and affricate
             (ʧ ʤ), T for the flap, əɹ and ɜɹ for the rhotic vowels, ᵊl and ᵊn for syllabic l and n, no length marks
    espeak   how `espeak-ng --ipa -v en-us` prints it: eɪ aɪ oʊ aʊ ɔɪ tʃ dʒ ɾ ɚ ɜː, with length marks

Both put the stress mark directly before the vowel, as both programs print it. espeak's syllabic mark (U+0329) is not in
the vocabulary: the letter stands without it, which is what `--skip-unknown` makes of a pasted line.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

from training.errors import TrainingError

SPELLINGS = ("misaki", "espeak")
STRESS = "ˈˌ"
PUNCTUATION = ",.;:!?—…"
SPACE = " "
BOUNDARY_TOKEN = 0
"""The token at both ends of a line; it has no symbol."""

_CONFIG = Path(__file__).parents[1] / "configs" / "models" / "kokoro-82m" / "config.json"

# Of two that fit the longer stands first. What is not listed is spelled as it is.
_MISAKI = (
    ("aɪɚ", "Iəɹ"), ("aɪə", "Iə"), ("aʊɚ", "Wəɹ"),
    ("oʊ", "O"), ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"),
    ("əl", "ᵊl"), ("ɜː", "ɜɹ"), ("ɪə", "iə"),
    ("n\u0329", "ᵊn"), ("m\u0329", "ᵊm"), ("l\u0329", "ᵊl"),
    ("ɚ", "əɹ"), ("ɐ", "ə"), ("r", "ɹ"), ("ɾ", "T"), ("ʔ", "t"), ("x", "k"), ("ɬ", "l"), ("ç", "k"), ("g", "ɡ"),
    ("o", "ɔ"), ("e", "A"), ("a", "æ"), ("ː", ""), ("ʲ", ""), ("\u0303", ""), ("\u0329", ""),
)  # fmt: skip
_ESPEAK = (("g", "ɡ"), ("ɬ", "l"), ("\u0329", ""))
_TABLES: dict[str, tuple[tuple[str, str], ...]] = {"misaki": _MISAKI, "espeak": _ESPEAK}


@functools.cache
def vocabulary() -> dict[str, int]:
    """Symbol to token of the model; one dict for all who ask."""
    vocab: dict[str, int] = json.loads(_CONFIG.read_text("utf-8"))["vocab"]
    return vocab


def spelled(ipa: str, spelling: str) -> str:
    """One of espeak's phonemes, or several in a row, in a spelling; "" only for what has no sound of its own."""
    table = _TABLES[spelling]
    out, at = [], 0
    while at < len(ipa):
        found = next((pair for pair in table if ipa.startswith(pair[0], at)), (ipa[at], ipa[at]))
        out.append(found[1])
        at += len(found[0])
    return "".join(out)


def tokens(symbols: str, vocab: Mapping[str, int]) -> list[int]:
    """The token of each symbol.

    Raises
    ------
    TrainingError
        Symbols that the vocabulary lacks, all of them.
    """
    unknown = sorted({symbol for symbol in symbols if symbol not in vocab})
    if unknown:
        named = ", ".join(f"{symbol!r} U+{ord(symbol):04X}" for symbol in unknown)
        raise TrainingError(
            f"phonemes {symbols!r}: {named} not in the vocabulary; spell them with symbols that are, "
            "in training/spelling.py"
        )
    return [vocab[symbol] for symbol in symbols]
