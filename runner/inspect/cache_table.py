"""Makes tables of the cache, for `--json` of `kokoro-run cache`; docs/json.md has the schema."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from runner.cache.exchange import ARRAY, LIBRARY, RECORD
from runner.cache.keys import describe_difference
from runner.inspect.sharing_text import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.cache.cache import Cache, Entry, Removal, Verification
    from runner.cache.exchange import Tally
    from runner.inspect.cache_text import ListedEntry


def list_table(cache: Cache, listed: Sequence[ListedEntry]) -> dict[str, Any]:
    """Make a table of entries, the limits and the arrays that are kept."""
    entries = [{**_describe(cache, row.entry), "used": row.used} for row in listed]
    limits = {"bytes": cache.limits.bytes, "age_seconds": cache.limits.age_s}
    return {**_head(cache), "limits": limits, "kept": _count_kept(cache), "entries": entries}


def why_table(cache: Cache, entry: Entry, other: Entry | None) -> dict[str, Any]:
    """Make a table of an entry, and of how its key differs from that of another."""
    reasons = "" if other is None else describe_difference(other.components, entry.components)
    differences = reasons.split("; ") if reasons else []
    described = {**_describe(cache, entry), "components": entry.components}
    against = None if other is None else {**_describe(cache, other), "components": other.components}
    return {**_head(cache), "entry": described, "other": against, "differences": differences}


def check_table(cache: Cache, found: Verification) -> dict[str, Any]:
    """Make a table of what `verify` has read and removed."""
    counts = {"arrays": found.tensors, "bytes": found.bytes, "records": found.records}
    damaged = [{"file": str(path), "fault": fault} for path, fault in found.damaged]
    return {**_head(cache, failed=bool(damaged)), "read": counts, "damaged": damaged}


def removal_table(cache: Cache, gone: Removal) -> dict[str, Any]:
    """Make a table of what `gc` or `clear` has removed."""
    removed = {"arrays": gone.tensors, "bytes": gone.bytes, "records": gone.records}
    return {**_head(cache), "removed": removed, "kept": _count_kept(cache)}


def exchange_table(tally: Tally, place: str, verb: str, *, dry_run: bool) -> dict[str, Any]:
    """Make a table of what a push or a pull has moved.

    Args:
        verb: what was done: `sent` or `taken`.
    """
    left = [
        {"kind": KINDS[kind], "count": count, "reason": reason}
        for (kind, reason), count in sorted(tally.left_out.items())
    ]
    return {
        "format": 1,
        "status": "failed" if tally.damaged else "ok",
        "place": place,
        "dry_run": dry_run,
        verb: {**_by_kind(tally.moved), "bytes": tally.bytes},
        "present": _by_kind(tally.present),
        "left_out": left,
        "damaged": list(tally.damaged),
    }


def _by_kind(counts: Mapping[str, int]) -> dict[str, int]:
    return {KINDS[kind]: counts.get(kind, 0) for kind in (LIBRARY, ARRAY, RECORD)}


def _head(cache: Cache, *, failed: bool = False) -> dict[str, Any]:
    return {"format": 1, "status": "failed" if failed else "ok", "cache": str(cache.root)}


def _count_kept(cache: Cache) -> dict[str, int]:
    count, size = cache.tensor_bytes()
    return {"arrays": count, "bytes": size}


def _describe(cache: Cache, entry: Entry) -> dict[str, Any]:
    outputs = {port: {**asdict(output), "kept": cache.present(entry, port)} for port, output in entry.outputs.items()}
    return {
        "key": entry.key,
        "stage": entry.stage,
        "created": entry.created,
        "seconds": entry.seconds,
        "outputs": outputs,
    }
