"""Sends the results of stages to a store of several machines, and takes those of other machines from it.

    <store>/records/<stage>/<key>.json      as in a cache
    <store>/tensors/ab/<digest>.npy         the same; sent before the records that name them

Only what is missing is moved, and each file is checked by its digest before it is sent and before it takes its place.
A folder that was pushed to is a cache, too. Records of runs, checked graphs and the digests of files stay here: they
name paths of this machine, and keys do not depend on them.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.cache import keys, records
from runner.cache.digest import DamageError
from runner.cache.eviction import MAX_RECORDS, Usage
from runner.cache.exchange import ARRAY, RECORD, Job
from runner.cache.records import RecordStore
from runner.cache.tensors import TensorStore
from runner.errors import RunError
from runner.files import atomic
from runner.files.errors import writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from runner.cache.cache import Cache, Entry
    from runner.cache.exchange import Exchange
    from runner.files.stores import ObjectStore

EVICTED = "evicted here"
SIZE_LIMIT = "the cache's limit of size is reached"
RECORD_LIMIT = "the cache's limit of records is reached"

_RECORD = re.compile(r"records/([a-z][a-z0-9_]*/[0-9a-f]{64})\.json")
_ARRAY = re.compile(r"tensors/[0-9a-f]{2}/([0-9a-f]{64})\.npy")


@dataclass(frozen=True)
class Choice:
    """Which results are moved.

    Attributes:
        stages: names of stages; none for all.
        max_age_s: time since the last use [s] of those that are pushed; None for any.
    """

    stages: Sequence[str] = ()
    max_age_s: float | None = None

    def takes(self, stage: str) -> bool:
        """Whether the results and the library of a stage are moved."""
        return not self.stages or stage in self.stages


def push_results(cache: Cache, store: ObjectStore, exchange: Exchange, choice: Choice) -> None:
    """Send the results that the store lacks, those used last first.

    Raises:
        RunError: the store or the cache cannot be read, or the store cannot be written.
    """
    known, there = RecordStore(cache.root / "records"), store.list_objects("records")
    oldest = 0.0 if choice.max_age_s is None else time.time() - choice.max_age_s
    chosen = [key for used, key in known.latest() if used >= oldest and choice.takes(key.partition("/")[0])]
    entries = list(_read_entries(known, chosen, exchange))
    _push_arrays(TensorStore(cache.root / "tensors"), entries, store, exchange)
    missing = [entry.key for entry in entries if f"records/{entry.key}.json" not in there]
    exchange.tally.present[RECORD] += len(entries) - len(missing)
    exchange.move([_send_record(known, key, store) for key in missing], store.threads)


def _push_arrays(kept: TensorStore, entries: Iterable[Entry], store: ObjectStore, exchange: Exchange) -> None:
    there, here = store.list_objects("tensors"), {file.digest: file.size for file in kept.files()}
    jobs = []
    for digest in dict.fromkeys(output.digest for entry in entries for output in entry.outputs.values()):
        size = there.get(_name_array(digest))
        if digest not in here:
            exchange.tally.leave(ARRAY, EVICTED, size is None)
        elif size == here[digest]:
            exchange.tally.present[ARRAY] += 1
        else:
            jobs.append(_send_array(kept, digest, here[digest], store))
    exchange.move(jobs, store.threads)


def _read_entries(known: RecordStore, chosen: Iterable[str], exchange: Exchange) -> Iterator[Entry]:
    """Read the records of `chosen` keys; damaged ones are counted."""
    for key in chosen:
        try:
            yield known.read(key)
        except FileNotFoundError:
            continue  # removed meanwhile
        except DamageError as error:
            exchange.tally.damaged.append(f"{known.path(key)}: {error}")
        except OSError as error:
            raise RunError(f"{known.path(key)}: cannot be read: {error.strerror}") from None


def _send_array(kept: TensorStore, digest: str, size: int, store: ObjectStore) -> Job:
    def send() -> bool:
        store.write(_name_array(digest), kept.read_file(digest))
        return True

    return Job(ARRAY, str(kept.path(digest)), size, send)


def _send_record(known: RecordStore, key: str, store: ObjectStore) -> Job:
    def send() -> bool:
        text = known.path(key).read_bytes()
        records.parse(text, key)
        store.write(f"records/{key}.json", text)
        return True

    return Job(RECORD, str(known.path(key)), 0, send)


def pull_results(
    cache: Cache, store: ObjectStore, exchange: Exchange, choice: Choice, unusable: Mapping[str, str]
) -> None:
    """Take the results that the cache lacks: all records, and the arrays for which it has room, the newest first.

    Args:
        unusable: sha256 of a library that cannot run here -> the reason. Arrays of its results are left where they
            are: no run here can ask for them. Their records are taken, so that a plan can say what differs.

    Raises:
        RunError: the store or the cache cannot be read, or the cache cannot be written.
    """
    known = RecordStore(cache.root / "records")
    named = filter(None, map(_RECORD.fullmatch, store.list_objects("records")))
    keys_there = [match[1] for match in named if choice.takes(match[1].partition("/")[0])]
    entries = [entry for entry in map(cache.lookup, keys_there) if entry is not None]
    exchange.tally.present[RECORD] += len(entries)
    missing = sorted(set(keys_there) - {entry.key for entry in entries})
    room = max(0, MAX_RECORDS - len(known.latest()))
    exchange.tally.leave(RECORD, RECORD_LIMIT, len(missing[room:]))
    jobs = [_take_record(known, key, store, exchange, entries) for key in missing[:room]]
    exchange.move(jobs, store.threads, reads=True)
    _pull_arrays(cache, store, exchange, entries, unusable)
    if not exchange.dry_run:
        cache.evict()


def _take_record(known: RecordStore, key: str, store: ObjectStore, exchange: Exchange, entries: list[Entry]) -> Job:
    """Take a record, and add its entry to `entries`; a dry run only reads it."""
    name = f"records/{key}.json"

    def take() -> bool:
        text = store.read(name)
        entry = records.parse(text, key)
        if keys.key(entry.components) != key:
            raise DamageError("its key is not the digest of its components")
        if not exchange.dry_run:
            with writing(known.path(key)):
                atomic.write(known.path(key), [text])
        entries.append(entry)
        return True

    return Job(RECORD, f"{store.name}/{name}", 0, take)


def _pull_arrays(
    cache: Cache, store: ObjectStore, exchange: Exchange, entries: list[Entry], unusable: Mapping[str, str]
) -> None:
    there = {
        match[1]: size for name, size in store.list_objects("tensors").items() if (match := _ARRAY.fullmatch(name))
    }
    kept, usage = TensorStore(cache.root / "tensors"), Usage(cache.root)
    here = {file.digest: file.size for file in kept.files()}
    room = cache.limits.bytes - sum(here.values())
    jobs = []
    for digest, reason in _order(entries, unusable).items():
        if digest not in there:
            continue  # evicted on the machine that sent the record
        if here.get(digest) == there[digest]:
            exchange.tally.present[ARRAY] += 1
        elif reason or there[digest] > room:
            exchange.tally.leave(ARRAY, reason or SIZE_LIMIT)
        else:
            room -= there[digest]
            jobs.append(_take_array(kept, digest, there[digest], store, usage))
    exchange.move(jobs, store.threads)


def _order(entries: list[Entry], unusable: Mapping[str, str]) -> dict[str, str]:
    """Order the arrays of `entries`, those of the newest first: digest -> why no run here asks for it, or ''."""
    ordered: dict[str, str] = {}
    for entry in sorted(entries, key=lambda entry: entry.created, reverse=True):
        code = entry.components.get("code")
        digests = code.values() if isinstance(code, dict) else ()
        reason = next((unusable[digest] for digest in digests if digest in unusable), "")
        for output in entry.outputs.values():
            ordered[output.digest] = reason and ordered.get(output.digest, reason)
    return ordered


def _take_array(kept: TensorStore, digest: str, size: int, store: ObjectStore, usage: Usage) -> Job:
    name = _name_array(digest)

    def take() -> bool:
        data = store.read(name)
        with writing(kept.path(digest)):
            kept.write_file(digest, data)
            usage.add(size)
        return True

    return Job(ARRAY, f"{store.name}/{name}", size, take)


def _name_array(digest: str) -> str:
    return f"tensors/{digest[:2]}/{digest}.npy"
