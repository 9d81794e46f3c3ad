"""Keeps the results of stages, by all that they were computed from.

    <root>/records/<stage>/<key>.json    an entry: components of the key, digests of the outputs, seconds
    <root>/tensors/ab/<digest>.npy       each array once
    <root>/runs/<id>.json                records of runs (`engine.record`)

    lookup(key) --> Entry: digests of the outputs --> load(entry, port) --> array, or None: run the stage again

Any number of processes may share a folder; there is no lock. The content of the folder is checked, never trusted, and a
fault of the cache does not fail a run. A damaged file is removed with a warning, and its stage runs again; if the
folder cannot be written, one warning says so and nothing more is kept. An entry outlives the arrays that eviction
removes: its digests are enough for the keys of the stages that depend on it.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cache import eviction
from runner.cache.digest import DamageError, Memo, array_digest, plain
from runner.cache.eviction import Limits, Removal, Usage
from runner.cache.keys import distance
from runner.cache.records import Entry, Output, RecordStore
from runner.cache.tensors import TensorStore
from runner.errors import RunError
from runner.files import atomic
from runner.files.locate import find_named_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from runner.runtime.values import Array

__all__ = ["MAX_AGE_S", "MAX_BYTES", "Cache", "Entry", "Output", "Removal", "Verification", "default_root"]

_LOG = logging.getLogger("kokoro_run")

MAX_BYTES = 2 * 2**30
MAX_AGE_S = 30 * 86400.0
ENVIRONMENT = "KOKORO_RUN_CACHE"

_MAX_COMPARED = 64  # entries that `nearest` compares, those used last


def default_root() -> Path:
    """Find the default folder of the cache: $KOKORO_RUN_CACHE, else one in the user's cache folder.

    A `~` at the start of the variable is the home folder. A shell does expand `--cache-dir ~/x`, so that a `~` that is
    left in an option is meant.

    Raises:
        RunError: the variable names the home folder of no user.
    """
    named = find_named_folder(ENVIRONMENT)
    if named is not None:
        return named
    import platformdirs  # noqa: PLC0415 - a few ms that a given folder saves

    return platformdirs.user_cache_path("kokoro-run") / "stages"


@dataclass(frozen=True)
class Verification:
    """The result of `verify`: the files that were read, and the damaged ones, each with its fault and its end."""

    tensors: int
    records: int
    bytes: int
    damaged: list[tuple[Path, str]]


class Cache:
    """The cache in one folder, which need not exist yet.

    Attributes:
        root: the folder.
        limits: the limits that `evict` keeps.
    """

    def __init__(self, root: Path | None = None, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S) -> None:
        """Open a cache; nothing is read or written yet.

        Args:
            root: the folder; None for the default one.
            max_bytes: bytes of arrays that `evict` leaves.
            max_age_s: time since the last use after which `evict` removes an array.
        """
        self.root = default_root() if root is None else root
        self.limits = Limits(max_bytes, max_age_s)
        self._records, self._tensors = RecordStore(self.root / "records"), TensorStore(self.root / "tensors")
        self._usage = Usage(self.root)
        self._writable = True
        self._reported: set[str] = set()

    @functools.cached_property
    def memo(self) -> Memo:
        """Digests of the files that keys depend on; `evict` saves the new ones."""
        return Memo(self.root / "files.json")

    def lookup(self, key: str) -> Entry | None:
        """Find the entry of `key`; None if there is none. Its arrays may be missing: see `present` and `load`."""
        try:
            return self._records.read(key)
        except FileNotFoundError:
            return None
        except DamageError as error:
            self._discard(self._records.path(key), error, key)
        except OSError as error:
            self._report_unreadable(error)
        return None

    def present(self, entry: Entry, port: str) -> bool:
        """Whether the file of an output's array exists; its content is not checked."""
        return self._tensors.has(entry.outputs[port].digest)

    def load(self, entry: Entry, port: str) -> Array | None:
        """Load the array of an output; None if it is missing or was damaged, and its stage must run again.

        The array is mapped copy-on-write: writable, contiguous, at a multiple of 64 bytes, and private to this process.
        Its content has been checked against its digest.
        """
        digest = entry.outputs[port].digest
        try:
            return self._tensors.load(digest)
        except FileNotFoundError:
            return None
        except DamageError as error:
            self._discard(self._tensors.path(digest), error, entry.key)
        except OSError as error:
            self._report_unreadable(error)
        return None

    def store(self, key: str, components: Mapping[str, Any], outputs: Mapping[str, Array], seconds: float) -> Entry:
        """Store the outputs of a stage. The entry is valid even if the files could not be written."""
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
        """Remove an entry; eviction removes its arrays later, when no other entry uses them."""
        atomic.remove(self._records.path(entry.key))

    def nearest(self, components: Mapping[str, Any]) -> Entry | None:
        """Find the entry of the stage that is most like `components`: the fewest components differ.

        Only the 64 most recently used entries are compared. None if the stage has no entry.
        """
        latest = (self.lookup(key) for _, key in self._records.latest(components["stage"])[:_MAX_COMPARED])
        found = [entry for entry in latest if entry is not None]
        return min(found, key=lambda entry: distance(entry.components, components), default=None)

    def evict(self, keep: Collection[str] = (), *, now: bool = False) -> Removal:
        """Remove arrays that were unused for too long, then the longest unused ones until the size limit is kept.

        Call it at the end of each run. It reads the folder only if a limit may have been passed.

        Args:
            keep: keys of entries that this run used: they are marked as used, and their arrays stay.
            now: read the folder in any case.
        """
        kept = {output.digest for entry in map(self.lookup, keep) if entry for output in entry.outputs.values()}
        if not os.access(self.root, os.W_OK):
            return Removal()
        self.memo.save()
        for key in keep:
            self._records.touch(key)
        for digest in kept:
            self._tensors.touch(digest)
        if not (now or self._usage.may_exceed(self.limits)):
            return Removal()
        removed, left = eviction.evict(self._tensors, self._records, self.limits, kept, room=not now)
        self._usage.set(left)
        return removed

    def entries(self, stage: str | None = None) -> Iterator[tuple[float, Entry]]:
        """List the entries of one stage or all, each with the time of its last use [s since 1970], the latest first."""
        for used, key in self._records.latest(stage):
            entry = self.lookup(key)
            if entry is not None:
                yield used, entry

    def has_entries(self, stage: str) -> bool:
        """Whether there is any record of the stage; neither its content nor the age of the others is looked at."""
        return self._records.has_any(stage)

    def tensor_bytes(self) -> tuple[int, int]:
        """Count the arrays that are kept, and the bytes of their files."""
        sizes = [file.size for file in self._tensors.files()]
        return len(sizes), sum(sizes)

    def check_rights(self, *, removes: bool) -> None:
        """Check that this process may list all that the cache holds and, with `removes`, remove it.

        Raises:
            RunError: naming the first folder that it may not.
        """
        mode = os.R_OK | os.X_OK | (os.W_OK if removes else 0)
        for folder in self._list_folders():
            try:
                is_folder = stat.S_ISDIR(folder.stat().st_mode)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise RunError(f"cache {folder}: cannot be read: {error.strerror}") from None
            if not is_folder:
                raise RunError(f"cache {folder}: is no folder; name another with --cache-dir")
            if not os.access(folder, mode, effective_ids=True):
                what = "read and written" if removes else "read"
                raise RunError(f"cache {folder}: cannot be {what} by this user; nothing was removed")

    def _list_folders(self) -> Iterator[Path]:
        yield self.root
        for store in (self._records.root, self._tensors.root):
            yield store
            yield from (Path(entry.path) for entry in atomic.list_folder(store) if entry.is_dir(follow_symlinks=False))

    def verify(self) -> Verification:
        """Read all files and remove the damaged ones."""
        files = list(self._tensors.files())
        keys = [key for _, key in self._records.latest()]
        checks = [
            *(_remove_if_damaged(Path(file.path), self._tensors.load, file.digest) for file in files),
            *(_remove_if_damaged(self._records.path(key), self._records.read, key) for key in keys),
        ]
        return Verification(
            len(files), len(keys), sum(file.size for file in files), [check for check in checks if check]
        )

    def clear(self) -> Removal:
        """Remove all arrays and entries; records of runs stay."""
        files, keys = list(self._tensors.files()), [key for _, key in self._records.latest()]
        gone = [file for file in files if atomic.remove(file.path)]
        records = sum(atomic.remove(self._records.path(key)) for key in keys)
        atomic.remove(self.root / "usage")
        return Removal(len(gone), sum(file.size for file in gone), records)

    def _discard(self, path: Path, error: DamageError, key: str) -> None:
        action = "removed" if atomic.remove(path) else "not used"
        _LOG.warning("cache: %s is damaged: %s; %s, and %s runs again", path, error, action, key.partition("/")[0])

    def _stop_writing(self, error: OSError) -> None:
        self._writable = False
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        fault = "is full" if full else "cannot be written"
        _LOG.warning("cache %s %s (%s): further results of this run are not kept", self.root, fault, error.strerror)

    def _report_unreadable(self, error: OSError) -> None:
        text = f"cache {self.root} cannot be read ({error.strerror}): stages run again"
        if text not in self._reported:
            self._reported.add(text)
            _LOG.warning("%s", text)


def _remove_if_damaged(path: Path, read: Callable[[str], object], name: str) -> tuple[Path, str] | None:
    """Read a file, and remove it if it is damaged; gives its path and the reason, or None if it is whole or missing."""
    try:
        read(name)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        return path, f"cannot be read: {error.strerror}; not removed"
    except (DamageError, OSError) as error:
        return path, f"{error}; {'removed' if atomic.remove(path) else 'cannot be removed'}"
    return None
