"""Describes the cache in text: its entries, why two of them differ, and which have been removed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.cache.keys import describe_difference, distance
from runner.errors import RunError, suggest
from runner.inspect.units import spell_age, spell_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.cache.cache import Cache, Entry, Removal, Verification

_KEY_DIGITS = 12  # shown of a key, and enough to name it by


@dataclass(frozen=True)
class ListedEntry:
    """An entry of the cache, as `ls` lists it.

    Attributes:
        used: time of its last use [s since 1970].
        missing: the outputs whose arrays have been evicted; their digests are still known.
    """

    entry: Entry
    used: float
    missing: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Size of the outputs, whether their arrays are kept or evicted."""
        return sum(output.bytes for output in self.entry.outputs.values())


def list_entries(cache: Cache, stage: str | None = None) -> list[ListedEntry]:
    """List the cache's entries, of one stage or all, the latest used first."""
    return [
        ListedEntry(entry, used, tuple(port for port in entry.outputs if not cache.present(entry, port)))
        for used, entry in cache.entries(stage)
    ]


def describe(cache: Cache, listed: Sequence[ListedEntry], now: float | None = None) -> str:
    """Give a line for each entry, and a total of the arrays, which entries may share."""
    now = time.time() if now is None else now
    lines = [
        f"{shorten(row.entry.key):<28} {spell_bytes(row.bytes):>9} {row.entry.seconds:8.3f} s "
        f"{spell_age(now - row.used):>8}  {_state(row)}"
        for row in listed
    ]
    count, size = cache.tensor_bytes()
    limit = f"{spell_bytes(cache.limits.bytes)} and {spell_age(cache.limits.age_s)}"
    total = f"{cache.root}: {len(listed)} entries, {count} arrays of {spell_bytes(size)}; the limits are {limit}"
    return "\n".join([*lines, total])


def _state(row: ListedEntry) -> str:
    if not row.missing:
        return "kept"
    return "evicted" if len(row.missing) == len(row.entry.outputs) else f"evicted: {', '.join(row.missing)}"


def find(cache: Cache, name: str) -> Entry:
    """Find an entry: STAGE is that stage's latest used one, STAGE/DIGITS the one whose key begins with DIGITS.

    Raises:
        RunError: there is none, or DIGITS begin several keys.
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
        raise RunError(
            f"'{name}' is the beginning of {len(found)} keys: {', '.join(shorten(e.key) for e in found[:8])}"
        )
    return found[0]


def explain(cache: Cache, name: str, other: str | None = None) -> str:
    """Describe an entry, and how its key differs from that of `other`, else of the most similar entry of its stage.

    Raises:
        RunError: there is no such entry.
    """
    entry, compared = find_pair(cache, name, other)
    outputs = [
        f"  {port}: {output.dtype}[{', '.join(map(str, output.shape))}], "
        f"{'kept' if cache.present(entry, port) else 'evicted'}, {output.digest[:_KEY_DIGITS]}"
        for port, output in entry.outputs.items()
    ]
    head = f"{shorten(entry.key)}: computed {spell_age(time.time() - entry.created)} ago in {entry.seconds:.3f} s"
    return "\n".join([head, *outputs, _comparison(entry, compared)])


def find_pair(cache: Cache, name: str, other: str | None) -> tuple[Entry, Entry | None]:
    """Find an entry and the one to compare it with: `other`, else the most similar of its stage; None if there is none.

    Raises:
        RunError: there is no such entry.
    """
    entry = find(cache, name)
    return entry, find(cache, other) if other else _most_similar(cache, entry)


def _most_similar(cache: Cache, entry: Entry) -> Entry | None:
    others = [other for _, other in cache.entries(entry.stage) if other.key != entry.key]
    return min(others, key=lambda other: distance(other.components, entry.components), default=None)


def _comparison(entry: Entry, other: Entry | None) -> str:
    if other is None:
        return f"  no other entry of {entry.stage} to compare it with"
    reasons = describe_difference(other.components, entry.components)
    return f"  against {shorten(other.key)}: {reasons or 'nothing differs'}"


def describe_check(cache: Cache, found: Verification) -> str:
    """Report what `verify` has read and removed."""
    lines = [f"{path}: {fault}" for path, fault in found.damaged]
    total = f"{found.tensors} arrays ({spell_bytes(found.bytes)}) and {found.records} records read"
    return "\n".join([*lines, f"{cache.root}: {total}, {len(found.damaged)} damaged"])


def describe_removal(cache: Cache, gone: Removal) -> str:
    """Report what `gc` or `clear` has removed."""
    count, size = cache.tensor_bytes()
    was = f"{gone.tensors} arrays ({spell_bytes(gone.bytes)}) and {gone.records} records removed"
    return f"{cache.root}: {was}, {count} arrays ({spell_bytes(size)}) kept"


def shorten(key: str) -> str:
    """Shorten a key to the first digits of its digest."""
    stage, _, digits = key.partition("/")
    return f"{stage}/{digits[:_KEY_DIGITS]}"
