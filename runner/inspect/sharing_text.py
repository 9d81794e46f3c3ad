"""Describes what a push or a pull of the cache has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cache.exchange import ARRAY, LIBRARY, RECORD
from runner.inspect.units import spell_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.cache.exchange import Tally

KINDS = {LIBRARY: "libraries", ARRAY: "arrays", RECORD: "records"}
"""The kinds of what is moved, in the plural."""


def describe_exchange(tally: Tally, place: str, verb: str, *, dry_run: bool) -> str:
    """Give the damaged objects, a line each, the total, and a line for each reason why something was left out.

    Args:
        verb: what was done: `sent` or `taken`.
    """
    total = f"{place}: {count(tally.moved)} ({spell_bytes(tally.bytes)}) {'would be ' if dry_run else ''}{verb}"
    if tally.present.total():
        were = "was" if tally.present.total() == 1 else "were"
        total += f"; {count(tally.present)} {were} {'there' if verb == 'sent' else 'here'} before"
    left = [
        f"  not {verb}: {count({kind: number})}: {reason}" for (kind, reason), number in sorted(tally.left_out.items())
    ]
    damaged = [f"{fault}; not {verb}" for fault in tally.damaged]
    return "\n".join([*damaged, total + (f"; {len(damaged)} damaged" if damaged else ""), *left])


def count(counts: Mapping[str, int]) -> str:
    """Spell counts of kinds: `7 libraries, 12 arrays and 1 record`; `nothing` if there is none."""
    parts = [
        f"{counts[kind]} {kind if counts[kind] == 1 else plural}" for kind, plural in KINDS.items() if counts.get(kind)
    ]
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]])) or "nothing"
