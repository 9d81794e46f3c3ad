"""Warns of lines that look like something else than phonemes in the alphabet of the run, once for all of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from runner.speech.script import looks_like_ssml
from stages.symbols import looks_like_text
from stages.text.espeak import KOKORO, looks_like_espeak

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.batch.rows import Row

_LOG = logging.getLogger("kokoro_run")
_TEXT = "text, not like phonemes: no word has a stress mark or an IPA letter, so each letter is spoken as a phoneme"
_ESPEAK = (
    "phonemes of espeak-ng, which has two letters where Kokoro has one (eɪ A, oʊ O, tʃ ʧ): "
    "params.alphabet=espeak reads them"
)
_SSML = "SSML, but it does not begin with <speak>, so its tags are spoken as text"


class _Suspicion:
    """The lines of a run that look like one other thing."""

    def __init__(self, what: str, looks_like_it: Callable[[str], bool]) -> None:
        self._what, self._looks_like_it = what, looks_like_it
        self._count, self._first = 0, ""

    def look(self, line: str, label: str) -> None:
        if self._looks_like_it(line):
            self._count += 1
            self._first = self._first or label

    def tell(self) -> None:
        """Log a warning if any line did, and forget the lines."""
        more = self._count - 1
        if self._count:
            others = f" and {more} more line{'s' if more > 1 else ''} look" if more else " looks"
            _LOG.warning("%s%s like %s", self._first, others, self._what)
        self._count, self._first = 0, ""


class LineWarnings:
    """Looks at each row."""

    def __init__(self, alphabet: str, *, phonemes: bool = True) -> None:
        """Look for nothing yet.

        Args:
            alphabet: of the phonemes.
            phonemes: whether the tokenizer takes rows as they are; they are texts otherwise.
        """
        if not phonemes:
            self._suspicions = [_Suspicion(_SSML, looks_like_ssml)]
            return
        self._suspicions = [_Suspicion(_TEXT, looks_like_text)]
        if alphabet == KOKORO:
            self._suspicions.append(_Suspicion(_ESPEAK, looks_like_espeak))

    def look(self, row: Row) -> None:
        """Look at a row."""
        line = row.data.decode(errors="replace")
        for each in self._suspicions:
            each.look(line, row.label)

    def tell(self) -> None:
        """Log what the rows since the last call looked like."""
        for each in self._suspicions:
            each.tell()
