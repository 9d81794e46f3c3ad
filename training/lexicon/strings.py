"""Chooses the strings that phonemes are stored as: all single symbols, and the most useful longer ones.

Byte pair encoding: the two strings that most often stand side by side become one, again and again, until there are
as many as a byte can name. A sample of the entries is enough to learn from.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence

CODES = 255  # and not 256: their number has one byte, too
_SAMPLED_EVERY = 32


def choose_strings(entries: Sequence[str]) -> list[str]:
    """At most `CODES` strings that all of `entries` can be written with."""
    strings = sorted(set().union(*entries))
    sample = [list(entry) for entry in entries[::_SAMPLED_EVERY]]
    while len(strings) < CODES:
        pairs = Counter(itertools.chain.from_iterable(itertools.pairwise(parts) for parts in sample))
        if not pairs:
            break
        pair = max(pairs, key=lambda each: (pairs[each], each))
        joined = "".join(pair)
        if joined not in strings:
            strings.append(joined)
        sample = [_join(parts, pair) if pair[0] in parts else parts for parts in sample]
    return strings


def _join(parts: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for part in parts:
        if part == pair[1] and joined and joined[-1] == pair[0]:
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def make_encoder(strings: Sequence[str]) -> Callable[[str], bytes]:
    """A function from phonemes to codes, the places of their strings: the longest string first."""
    code = {string: place for place, string in enumerate(strings)}
    longest_first = re.compile(
        "|".join(re.escape(each) for each in sorted(strings, key=lambda each: (-len(each), each)))
    )
    return lambda phonemes: bytes([code[each] for each in longest_first.findall(phonemes)])
