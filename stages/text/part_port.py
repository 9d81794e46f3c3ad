"""The parts of words between stages, as JSON: a list a token, of [letters, phonemes or null, possessive, source].

"Zorblax's" --> [[["Zorblax", null, true, "unknown"]]]
"to-day"    --> [[["to", "tə", false, "rule"], ["day", "dˈA", false, "rule"]]]
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from stages.text.compounds import Part

Parts = Sequence[Part]


def write_parts(tokens: Iterable[Parts]) -> str:
    """Write the parts of tokens."""
    return json.dumps([list(parts) for parts in tokens], ensure_ascii=False, separators=(",", ":"))


def read_parts(text: str) -> list[list[Part]]:
    """Read the parts of tokens that `write_parts` has written."""
    return [[Part(*part) for part in parts] for parts in json.loads(text)]


def list_unknown(tokens: Iterable[Parts]) -> list[str]:
    """List the letters of the parts whose phonemes are not known, each once, in the order of the text."""
    return list(dict.fromkeys(part.text for parts in tokens for part in parts if part.phonemes is None))
