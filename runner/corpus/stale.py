"""Finds shards that are in a folder and not in the plan, and removes what is theirs alone.

The last shard of an input that has grown is another one: its rows are in a new one, too, and it is taken away without a
word. Rows that the input has no more are not: that takes --replace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import RunError
from runner.files import atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runner.corpus.folder import CorpusFolder
    from runner.corpus.plan import IdTable, Plan


def find_stale(folder: CorpusFolder, plan: Plan, ids: IdTable, *, replace: bool) -> list[str]:
    """Find the shards that the plan has no more.

    Args:
        ids: of the plan's rows.
        replace: whether rows that the plan has not may go.

    Raises:
        RunError: there are such rows, and they may not; or nothing would be left.
    """
    planned = set(plan.shards)
    stale = [shard for shard in folder.list_written() if shard not in planned]
    if replace and stale and not plan.shards:
        raise RunError(f"{folder.root}: no row of the input can be spoken, so --replace would remove all that is there")
    if replace:
        return stale
    gone = 0
    first = ""
    for entry in folder.read_entries(stale):
        if not ids.has(entry["id"], entry["row"]):
            gone += 1
            first = first or entry["id"]
    if gone:
        raise RunError(
            f"{folder.root}: has {gone} rows that the input has not, or has otherwise, the first of id '{first}'; "
            "choose another output, or say --replace, which removes them"
        )
    return stale


def remove_files(folder: CorpusFolder, stale: Sequence[str], shards: Iterable[str]) -> None:
    """Remove the files of stale shards that no other shard has.

    Args:
        shards: all that stay.
    """
    if not stale:
        return
    files = {name for shard in stale for name in _list_files(folder, shard)}
    for shard in shards:
        files.difference_update(_list_files(folder, shard))
    folders = set()
    for name in files:
        path = folder.root / name
        atomic.remove(path)
        folders.add(path.parent)
    for shard in stale:
        atomic.remove(folder.rows(shard))
    for path in folders:
        if path != folder.root and not any(path.iterdir()):
            path.rmdir()


def _list_files(folder: CorpusFolder, shard: str) -> Iterable[str]:
    table = next(folder.read_rows(shard), None)
    return [] if table is None else table["files"]
