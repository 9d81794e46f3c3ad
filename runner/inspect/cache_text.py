"""What `kokoro-run cache` says: which results are kept, why two of them differ, what was removed."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.cache.keys import difference, distance
from runner.errors import RunError, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.cache.cache import Cache, Checked, Entry, Evicted

_KEY_DIGITS = 12  # shown of a key, and enough to name it by
_BYTES = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]?)(i?b)?\Z")


@dataclass(frozen=True)
class Row:
    """One entry as `ls` lists it.

    Attributes:
        used: when it was last used [s since 1970].
        missing: the outputs whose arrays are gone; their digests are known still.
    """

    entry: Entry
    used: float
    missing: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Of the outputs' elements, whether they are kept or gone."""
        return sum(output.bytes for output in self.entry.outputs.values())


def rows(cache: Cache, stage: str | None = None) -> list[Row]:
    """The cache's entries, of one stage or all, those used last first."""
    return [
        Row(entry, used, tuple(port for port in entry.outputs if not cache.present(entry, port)))
        for used, entry in cache.entries(stage)
    ]


def table(cache: Cache, listed: Sequence[Row], now: float | None = None) -> str:
    """A line for each entry, and a sum: of arrays, which entries may share."""
    now = time.time() if now is None else now
    lines = [
        f"{short(row.entry.key):<28} {spell_bytes(row.bytes):>9} {row.entry.seconds:8.3f} s "
        f"{spell_age(now - row.used):>8}  {_state(row)}"
        for row in listed
    ]
    count, size = cache.tensor_bytes()
    limit = f"{spell_bytes(cache.limits.bytes)} and {spell_age(cache.limits.age_s)}"
    total = f"{cache.root}: {len(listed)} entries, {count} arrays of {spell_bytes(size)}; the limits are {limit}"
    return "\n".join([*lines, total])


def _state(row: Row) -> str:
    if not row.missing:
        return "kept"
    return "evicted" if len(row.missing) == len(row.entry.outputs) else f"evicted: {', '.join(row.missing)}"


def find(cache: Cache, name: str) -> Entry:
    """The entry that `name` means: STAGE is its entry used last, STAGE/DIGITS the one whose key begins so.

    Raises:
        RunError: there is none, or several begin so.
    """
    stage, _, digits = name.partition("/")
    found = [entry for _, entry in cache.entries(stage) if entry.key.partition("/")[2].startswith(digits)]
    if not found:
        stages = sorted({entry.stage for _, entry in cache.entries()})
        of_stage = f"; those of {stage} are listed by: kokoro-run cache ls {stage}"
        raise RunError(
            f"cache {cache.root} has no entry '{name}'{of_stage if stage in stages else suggest(stage, stages)}"
        )
    if digits and len(found) > 1:
        raise RunError(f"'{name}' is the beginning of {len(found)} keys: {', '.join(short(e.key) for e in found[:8])}")
    return found[0]


def why(cache: Cache, name: str, other: str | None = None) -> str:
    """What an entry was made of, and how it differs from `other`, else from the nearest entry of its stage.

    Raises:
        RunError: there is no such entry.
    """
    entry = find(cache, name)
    outputs = [
        f"  {port}: {output.dtype}[{', '.join(map(str, output.shape))}], "
        f"{'kept' if cache.present(entry, port) else 'evicted'}, {output.digest[:_KEY_DIGITS]}"
        for port, output in entry.outputs.items()
    ]
    head = f"{short(entry.key)}: computed {spell_age(time.time() - entry.created)} ago in {entry.seconds:.3f} s"
    return "\n".join([head, *outputs, _comparison(entry, find(cache, other) if other else _nearest(cache, entry))])


def _nearest(cache: Cache, entry: Entry) -> Entry | None:
    others = [other for _, other in cache.entries(entry.stage) if other.key != entry.key]
    return min(others, key=lambda other: distance(other.components, entry.components), default=None)


def _comparison(entry: Entry, other: Entry | None) -> str:
    if other is None:
        return f"  no other entry of {entry.stage} to compare it with"
    reasons = difference(other.components, entry.components)
    return f"  against {short(other.key)}: {reasons or 'nothing differs'}"


def checked(cache: Cache, found: Checked) -> str:
    """What `verify` read and removed."""
    lines = [f"{path}: {reason}; removed" for path, reason in found.damaged]
    total = f"{found.tensors} arrays ({spell_bytes(found.bytes)}) and {found.records} records read"
    return "\n".join([*lines, f"{cache.root}: {total}, {len(found.damaged)} damaged"])


def removed(cache: Cache, gone: Evicted) -> str:
    """What `gc` or `clear` removed."""
    count, size = cache.tensor_bytes()
    was = f"{gone.tensors} arrays ({spell_bytes(gone.bytes)}) and {gone.records} records removed"
    return f"{cache.root}: {was}, {count} arrays ({spell_bytes(size)}) kept"


def short(key: str) -> str:
    """A key by the first digits of its digest."""
    stage, _, digits = key.partition("/")
    return f"{stage}/{digits[:_KEY_DIGITS]}"


def parse_bytes(text: str) -> int:
    """Bytes of `500M`, `2G`, `1.5 GiB` or `1000`; K, M, G and T are powers of 1024.

    Raises:
        RunError: it is not so spelled.
    """
    match = _AMOUNT.match(text.strip().lower())
    if match is None or match[2] not in _BYTES:
        raise RunError(f"'{text}' is no size: expected a number and K, M, G or T, such as 500M or 2G")
    return math.floor(float(match[1]) * _BYTES[match[2]])


def parse_seconds(text: str) -> float:
    """Seconds of `12h`, `7d` or `2w`.

    Raises:
        RunError: it is not so spelled.
    """
    match = _AMOUNT.match(text.strip().lower())
    if match is None or match[2] not in _SECONDS or match[3]:
        raise RunError(f"'{text}' is no time: expected a number and s, m, h, d or w, such as 12h or 30d")
    return float(match[1]) * _SECONDS[match[2]]


def spell_bytes(size: float) -> str:
    """`480 B`, `1.9 MiB`."""
    if size < 2**10:
        return f"{size:.0f} B"
    unit = next(unit for unit in "kmgt" if size < _BYTES[unit] * 2**10 or unit == "t")
    return f"{size / _BYTES[unit]:.1f} {unit.upper()}iB"


def spell_age(seconds: float) -> str:
    """`12 s`, `3 h`, `30 d`."""
    unit = next((u for u in "dhm" if seconds >= 2 * _SECONDS[u]), "s")
    return f"{max(seconds, 0) / _SECONDS[unit]:.0f} {unit}"
