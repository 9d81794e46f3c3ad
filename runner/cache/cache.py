"""Results of stages, kept by what they were computed from.

    <root>/records/<stage>/<key>.json    what a key was made of, the digests of its outputs, how long it took
    <root>/tensors/ab/<digest>.npy       each array once
    <root>/runs/<id>.json                manifests of runs (`record`)

    lookup(key) --> Entry: digests of the outputs --> load(entry, port) --> array, or None: run the stage again

Any number of processes may share a folder; there is no lock. Nothing in it is trusted and nothing about it can fail a
run: what is damaged is removed, said so and computed again; what cannot be written is said so once and not kept.
Records outlive the arrays that eviction removes: an entry then still knows its digests, which is all that stages
further down need for their own keys.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cache import eviction
from runner.cache.digest import DamageError, Memo, array_digest, plain
from runner.cache.eviction import Evicted, Limits, Usage
from runner.cache.keys import distance
from runner.cache.records import Entry, Output, RecordStore
from runner.cache.tensors import TensorStore
from runner.files import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from runner.runtime.values import Array

__all__ = ["MAX_AGE_S", "MAX_BYTES", "Cache", "Checked", "Entry", "Evicted", "Output", "default_root"]

_LOG = logging.getLogger("kokoro_run")

MAX_BYTES = 2 * 2**30
MAX_AGE_S = 30 * 86400.0
ENVIRONMENT = "KOKORO_RUN_CACHE"

_LOOKED_AT = 64  # records that `nearest` reads, those used last


def default_root() -> Path:
    """Where the cache is if nothing says so: $KOKORO_RUN_CACHE, else in the user's cache folder."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return Path(given)
    import platformdirs  # noqa: PLC0415 - a few ms that a given folder saves

    return platformdirs.user_cache_path("kokoro-run") / "stages"


@dataclass(frozen=True)
class Checked:
    """What `verify` read, and the damaged files that it removed, each with the reason."""

    tensors: int
    records: int
    bytes: int
    damaged: list[tuple[Path, str]]


class Cache:
    """The cache in one folder, which need not exist yet.

    Attributes:
        root: the folder.
        limits: what `evict` keeps.
    """

    def __init__(self, root: Path | None = None, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S) -> None:
        """Nothing is read or written yet.

        Args:
            root: None for the default one.
            max_bytes: that `evict` leaves in arrays.
            max_age_s: time since the last use after which `evict` removes an array.
        """
        self.root = default_root() if root is None else root
        self.limits = Limits(max_bytes, max_age_s)
        self._records, self._tensors = RecordStore(self.root / "records"), TensorStore(self.root / "tensors")
        self._usage = Usage(self.root)
        self._writable = True
        self._said: set[str] = set()

    @functools.cached_property
    def memo(self) -> Memo:
        """Digests of the files that keys are made of; `evict` saves what is new."""
        return Memo(self.root / "files.json")

    def lookup(self, key: str) -> Entry | None:
        """What is known for `key`. Its arrays may be gone: see `present` and `load`."""
        try:
            return self._records.read(key)
        except FileNotFoundError:
            return None
        except DamageError as error:
            self._discard(self._records.path(key), error, key)
        except OSError as error:
            self._say_unreadable(error)
        return None

    def present(self, entry: Entry, port: str) -> bool:
        """Whether the array of an output is there, as far as can be told without reading it."""
        return self._tensors.has(entry.outputs[port].digest)

    def load(self, entry: Entry, port: str) -> Array | None:
        """The array of an output; None where it is gone or was damaged, and its stage must run again.

        It is mapped copy-on-write: writable, contiguous, at a multiple of 64 bytes, and private to this process. Its
        content has been checked against its digest.
        """
        digest = entry.outputs[port].digest
        try:
            return self._tensors.load(digest)
        except FileNotFoundError:
            return None
        except DamageError as error:
            self._discard(self._tensors.path(digest), error, entry.key)
        except OSError as error:
            self._say_unreadable(error)
        return None

    def store(self, key: str, components: Mapping[str, Any], outputs: Mapping[str, Array], seconds: float) -> Entry:
        """Keep what a stage gave; the entry is right whether or not it could be kept."""
        arrays = {port: plain(array) for port, array in outputs.items()}
        known = {
            port: Output(array_digest(array), array.dtype.name, array.shape, array.nbytes)
            for port, array in arrays.items()
        }
        entry = Entry(key, dict(components), known, time.time(), seconds)
        if self._writable:
            try:
                written = sum(self._tensors.write(array, known[port].digest) for port, array in arrays.items())
                self._records.write(entry)
                if written:
                    self._usage.add(written)
            except OSError as error:
                self._stop_writing(error)
        return entry

    def forget(self, entry: Entry) -> None:
        """Remove an entry; its arrays go when nothing has used them for long."""
        atomic.remove(self._records.path(entry.key))

    def nearest(self, components: Mapping[str, Any]) -> Entry | None:
        """Of the stage's entries used last, the one with the fewest other components; None where there is none."""
        latest = (self.lookup(key) for _, key in self._records.latest(components["stage"])[:_LOOKED_AT])
        found = [entry for entry in latest if entry is not None]
        return min(found, key=lambda entry: distance(entry.components, components), default=None)

    def evict(self, keep: Collection[str] = (), *, now: bool = False) -> Evicted:
        """Keep the limits: remove arrays unused for too long, then those unused longest, but none of the keys `keep`.

        To be called at the end of each run: it marks `keep` as used, and looks at the folder only when there may be
        something to remove.

        Args:
            now: look at the folder whatever is known of it.
        """
        kept = {output.digest for entry in map(self.lookup, keep) if entry for output in entry.outputs.values()}
        if not os.access(self.root, os.W_OK):
            return Evicted()
        self.memo.save()
        for key in keep:
            self._records.touch(key)
        for digest in kept:
            self._tensors.touch(digest)
        if not (now or self._usage.may_exceed(self.limits)):
            return Evicted()
        removed, left = eviction.evict(self._tensors, self._records, self.limits, kept, room=not now)
        self._usage.set(left)
        return removed

    def entries(self, stage: str | None = None) -> Iterator[tuple[float, Entry]]:
        """Every entry, of one stage or all, with the time of its last use [s since 1970], the latest first."""
        for used, key in self._records.latest(stage):
            entry = self.lookup(key)
            if entry is not None:
                yield used, entry

    def tensor_bytes(self) -> tuple[int, int]:
        """How many arrays are kept, and the bytes of their files."""
        sizes = [file.size for file in self._tensors.files()]
        return len(sizes), sum(sizes)

    def verify(self) -> Checked:
        """Read everything and remove what is damaged."""
        files = list(self._tensors.files())
        keys = [key for _, key in self._records.latest()]
        checks = [
            *(_damage(Path(file.path), self._tensors.load, file.digest) for file in files),
            *(_damage(self._records.path(key), self._records.read, key) for key in keys),
        ]
        return Checked(len(files), len(keys), sum(file.size for file in files), [check for check in checks if check])

    def clear(self) -> Evicted:
        """Remove all arrays and records; manifests of runs stay."""
        files, keys = list(self._tensors.files()), [key for _, key in self._records.latest()]
        gone = [file for file in files if atomic.remove(file.path)]
        records = sum(atomic.remove(self._records.path(key)) for key in keys)
        atomic.remove(self.root / "usage")
        return Evicted(len(gone), sum(file.size for file in gone), records)

    def _discard(self, path: Path, error: DamageError, key: str) -> None:
        done = "removed" if atomic.remove(path) else "not used"
        _LOG.warning("cache: %s is damaged: %s; %s, and %s runs again", path, error, done, key.partition("/")[0])

    def _stop_writing(self, error: OSError) -> None:
        self._writable = False
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "is full" if full else "cannot be written"
        _LOG.warning("cache %s %s (%s): what this run computes is not kept", self.root, what, error.strerror)

    def _say_unreadable(self, error: OSError) -> None:
        text = f"cache {self.root} cannot be read ({error.strerror}): what it holds is computed again"
        if text not in self._said:
            self._said.add(text)
            _LOG.warning("%s", text)


def _damage(path: Path, read: Callable[[str], object], name: str) -> tuple[Path, str] | None:
    """Read a file, and remove it if it is damaged: then its path and the reason."""
    try:
        read(name)
    except FileNotFoundError:
        return None
    except (DamageError, OSError) as error:
        atomic.remove(path)
        return path, str(error)
    return None
