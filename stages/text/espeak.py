"""Spells the phonemes of espeak-ng with Kokoro's symbols, by a table for each dialect, and tells which a line has.

    espeak   həlˈoʊ wˈɜːld   tʃˈɪɹi   bˈʌʔn̩      two letters a diphthong or affricate, length marks, syllabic marks
    Kokoro   həlˈO  wˈɜɹld   ʧˈɪɹi    bˈʌtn       one letter

The tables serve what espeak-ng prints with or without ties (`espeak-ng --ipa`, `--ipa --tie=^`), and the IPA of
dictionaries where it has a letter of its own. The line is read once, from left to right; of several rows that fit, the
longest does. A symbol that is in no row is left to `stages.symbols`.

Source of the rows, as facts: misaki 0.9.4, espeak.py, with which Kokoro was trained.
Differs: misaki replaces row after row over the whole word, and so never comes to British `e^ə` and `i^ə`: one is `A^ə`
by then, the other still tied. Here they are the vowels of its British lexicon. Hindi's flap, which espeak-ng writes
`r.`, loses its full stop, at which a line would be cut.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from stages.text.languages import LANGUAGES, Dialect, find_language

KOKORO, ESPEAK = "kokoro", "espeak"
ALPHABETS = (KOKORO, ESPEAK, *(f"{ESPEAK}-{name}" for name in LANGUAGES))
"""The names of alphabets; `espeak` alone is American English."""

_SYLLABIC, _SCHWA = "\u0329", "ᵊ"
_VOWELS = "aeiouyøœæɐɑɒɔəɚɛɜɝɤɨɪɯʊʌᵻ"
_TIES = "\u0361\u035c\u200d^"  # IPA's above and below, the joiner of `--ipa=3`, and that of `--tie=^`
_FLAG = re.compile(  # `(en)weekend(fr)`: another language
    rf"\((?:[{_TIES}]?[a-z]){{2,3}}(?:[{_TIES}]?-(?:[{_TIES}]?[a-z0-9])+)*\)"
)
_DROPPED = f"{_TIES}_-"  # beside a dialect's own: the mark between phonemes (`--sep=_`), and that of a liaison

# `^` is a tie, which may be missing in the line, `=` one that must be there. (x) is the symbol that follows, (W) a
# letter, (C) anything but a vowel. A row without a second cell is not spoken.
_ENGLISH = {
    "ʔˌn\u0329": "tn", "ʔn\u0329": "tn", "ʔ": "t", "ɾ": "T",
    "a^ɪ": "I", "a^ʊ": "W", "ɔ^ɪ": "Y", "e^ɪ": "A", "e": "A",
    "d^ʒ": "ʤ", "t^ʃ": "ʧ", "ə=l": "ᵊl", "əl(C)": "ᵊl",
    "ɚɹ": "əɹ", "ɚ": "əɹ", "ɐ": "ə", "o": "ɔ",
    "ʲ(o)": "j", "ʲ(ə)": "j", "ʲ": "", "\u0303": "",
    "r": "ɹ", "x": "k", "ç": "k", "ɬ": "l",
    "ɫ": "l", "ʍ": "w", "ɱ": "m", "ɝɹ": "ɜɹ", "ɝ": "ɜɹ",  # of dictionaries
}  # fmt: skip
_TABLES: dict[Dialect, dict[str, str]] = {
    "american": _ENGLISH | {"o^ʊ": "O", "ɜː^ɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪ^ə": "iə", "ː": ""},
    "british": _ENGLISH | {"ə^ʊ": "Q", "e^ə": "ɛː", "i^ə": "ɪə"},
    "other": {
        "a^ɪ": "I", "a^ʊ": "W", "ɔ^ɪ": "Y", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q",
        "d^z": "ʣ", "d^ʒ": "ʤ", "t^s": "ʦ", "t^ʃ": "ʧ", "s=s": "S",
        "r.(W)": "r", "ɽ": "r",
        "«": "“", "»": "”", _SYLLABIC: "", "\u032a": "", "\u032f": "",
    },
}  # fmt: skip

# What phonemes of other alphabets have, of which Kokoro's own have hardly any: `tʃ` in one word of two thousand.
_IPA_SIGNS = re.compile(r"tʃ|dʒ|ɔɪ(?!ŋ)")
# What lines of espeak's have and Kokoro's have not: one is enough, of those that Kokoro may have two.
_SIGNS = re.compile(rf"[eao]ɪ|[ao]ʊ|ə[{_TIES}]?ʊ|ɚ|ɝ|[{_TIES}{_SYLLABIC}]|\(e[{_TIES}]?n\)")
_HINTS = (re.compile(r"tʃ|dʒ"), re.compile("ː"), re.compile("ɔɪ"))
_KOKORO_SIGNS = re.compile("[AIOQTWYʤʧᵊ]")


_FOLLOWERS = {"W": r"(?=\w)", "C": rf"(?![{_TIES}ˈˌ]*[{_VOWELS}])"}


class Alphabet:
    """How one dialect of espeak's phonemes is spelled with Kokoro's symbols."""

    def __init__(self, table: Mapping[str, str], *, syllabic: bool) -> None:
        """Compile the table.

        Args:
            syllabic: a consonant with a syllabic mark gets a schwa before it, where no row says another thing.
        """
        kept = sorted((row for row in table.items() if row[1]), key=lambda row: -len(row[0]))
        self._spellings = [spelling for _, spelling in kept]
        self._rows = re.compile("|".join(f"({_pattern(key)})" for key, _ in kept))
        dropped = [_pattern(key) + _unless_longer(key, table) for key, spelling in table.items() if not spelling]
        self._dropped = re.compile(f"(?:[{re.escape(_DROPPED)}]{''.join(f'|{each}' for each in dropped)})*")
        self._syllabic = syllabic

    def spell(self, line: str, at: int) -> tuple[str | None, int]:
        """Spell the phoneme at `at`.

        Returns:
            its spelling, None if no row has it; and how many code points of `line` the phoneme has, with the marks
            behind it that Kokoro has no symbols for.
        """
        start = self._skip(line, at)
        if start > at:
            return "", start - at
        row = self._rows.match(line, at)
        spelling, end = (None, at + 1) if row is None else (self._spellings[(row.lastindex or 1) - 1], row.end())
        if self._syllabic and line.startswith(_SYLLABIC, end) and end == at + 1:
            spelling, end = _SCHWA + (spelling or line[at]), end + 1
        return spelling, self._dropped_to(line, end) - at

    def find_flags(self, line: str) -> list[str]:
        """Find the marks of a change of language, which are dropped."""
        return _FLAG.findall(line)

    def _skip(self, line: str, at: int) -> int:
        flag = _FLAG.match(line, at)
        return self._dropped_to(line, at if flag is None else flag.end())

    def _dropped_to(self, line: str, at: int) -> int:
        match = self._dropped.match(line, at)
        return at if match is None else match.end()


def _pattern(key: str) -> str:
    """Make a regular expression of the first cell of a row."""
    symbols, _, follower = key.removesuffix(")").partition("(")
    tied = re.escape(symbols).replace(r"\^", f"[{_TIES}]?").replace("=", f"[{_TIES}]")
    return tied + (_FOLLOWERS.get(follower) or (f"(?={follower})" if follower else ""))


def _unless_longer(key: str, table: Mapping[str, str]) -> str:
    """Make the condition that no other row of the table begins with `key`."""
    followers = [row[len(key) :].strip("()") for row in table if row.startswith(key) and row != key]
    return f"(?!{'|'.join(followers)})" if followers else ""


def find_alphabet(name: str) -> Alphabet | None:
    """Find an alphabet by its name; None is Kokoro's own, which needs no table.

    Raises:
        ValueError: there is none; the message lists those that there are.
    """
    if name == KOKORO:
        return None
    kind, _, language = name.partition("-")
    try:
        dialect = find_language(language or LANGUAGES[0]).dialect
    except ValueError:
        dialect = None
    if kind != ESPEAK or dialect is None:
        raise ValueError(f"no alphabet '{name}'; expected one of {', '.join(ALPHABETS)}")
    return _compile(dialect)


@functools.cache
def _compile(dialect: Dialect) -> Alphabet:
    return Alphabet(_TABLES[dialect], syllabic=dialect != "other")


def looks_like_espeak(line: str) -> bool:
    """Whether a line has rather espeak's phonemes than Kokoro's symbols."""
    if _KOKORO_SIGNS.search(line):
        return False
    return _SIGNS.search(line) is not None or sum(hint.search(line) is not None for hint in _HINTS) > 1


def find_alphabet_of(phonemes: str, lang: str) -> Alphabet | None:
    """Find the alphabet of phonemes that a person wrote for a word or two; None is Kokoro's own.

    They are short, and people have them from dictionaries and espeak-ng, so that one sign is enough, where a line of a
    corpus needs two: `tʃɪp` is IPA. A length mark is one in American English, whose voices know none.
    """
    language = find_language(lang)
    if _KOKORO_SIGNS.search(phonemes):
        return None
    signs = (_SIGNS, _IPA_SIGNS, *(_HINTS[1:2] if language.dialect == "american" else ()))
    is_other = any(sign.search(phonemes) for sign in signs)
    return find_alphabet(f"{ESPEAK}-{language.name}") if is_other else None
