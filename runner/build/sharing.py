"""Sends libraries to a store of several machines, and takes those that can run here from it.

    <store>/files/ab/<sha256>                              a library, or its weights
    <store>/libraries/MODEL/DEVICE/STAGE.<sha256>.json     its manifest, sent last; named by the digest of its text

Builds of other sources, and for other kinds of CPU, lie side by side. A manifest is sent without the paths and the time
stamps of this machine, so that equal builds are one object. A library that is pulled takes its place as one that is
built does: under the lock of the build, the manifest removed first and written last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from runner.build.locks import build_lock
from runner.build.offers import Offer, list_unused
from runner.build.sources import digest_source, list_changed, spell_source
from runner.cache.digest import DamageError
from runner.cache.exchange import LIBRARY, Job
from runner.errors import RunError
from runner.files.errors import writing
from runner.runtime import manifest as manifests
from runner.runtime.compatibility import find_obstacle
from runner.runtime.manifest import File, Manifest, find_damage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runner.cache.exchange import Exchange
    from runner.cache.sharing import Choice
    from runner.files.stores import ObjectStore

OTHER_SOURCES = "made from other sources than those here"
ANOTHER_BUILD = "another build of the same sources was sent later"


def push_libraries(build_root: Path, store: ObjectStore, exchange: Exchange, choice: Choice) -> None:
    """Send the libraries that the store lacks, and that were made from the sources that are here.

    Raises:
        RunError: the store or the build root cannot be read, or the store cannot be written.
    """
    files, there = store.list_objects("files"), store.list_objects("libraries")
    digest, tally, jobs = functools.cache(digest_source), exchange.tally, list[Job]()
    for path in _list_manifests(build_root):
        if not choice.takes(path.stem):
            continue
        try:
            manifest = Manifest.read(path)
        except RunError as error:
            tally.damaged.append(str(error))
            continue
        if list_changed(manifest, digest):
            tally.leave(LIBRARY, OTHER_SOURCES)
            continue
        text = _write_portable(manifest)
        name = f"libraries/{path.relative_to(build_root).with_suffix('')}.{hashlib.sha256(text).hexdigest()}.json"
        missing = [file for file in (manifest.library, manifest.weights) if files.get(_name_file(file)) != file.size]
        if name in there and not missing:
            tally.present[LIBRARY] += 1
        else:
            jobs.append(_send(path, missing, name, text, store))
    exchange.move(jobs)


def _list_manifests(build_root: Path) -> list[Path]:
    """List the manifests of the libraries that were built: build/MODEL/DEVICE/STAGE.json."""
    return sorted(path for path in build_root.glob("*/*/*.json") if manifests.weights_path(path).is_file())


def _write_portable(manifest: Manifest) -> bytes:
    """Write a manifest without what only this machine knows; gives its text."""
    weights = dataclasses.replace(manifest.weights, stamp=None)
    portable = dataclasses.replace(manifest, weights=weights, source=spell_source(manifest.source))
    with writing(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder:
        portable.write(Path(folder) / "manifest.json")
        return (Path(folder) / "manifest.json").read_bytes()


def _send(path: Path, missing: list[File], name: str, text: bytes, store: ObjectStore) -> Job:
    def send() -> bool:
        for file in missing:
            data = (path.parent / file.file).read_bytes()
            _check(data, file)
            store.write(_name_file(file), data)
        store.write(name, text)
        return True

    return Job(LIBRARY, str(path), sum(file.size for file in missing), send)


def pull_libraries(build_root: Path, offers: Iterable[Offer], store: ObjectStore, exchange: Exchange) -> None:
    """Take the libraries that can run here and were made from the sources that are here, if they are not built here.

    Raises:
        RunError: the store or the build root cannot be read, or the build root cannot be written.
    """
    digest, tally = functools.cache(digest_source), exchange.tally
    fitting: dict[str, list[Offer]] = {}
    for offer in offers:
        obstacle = find_obstacle(offer.manifest)
        if obstacle is not None:
            tally.leave(LIBRARY, f"each {obstacle}")
        elif list_changed(offer.manifest, digest):
            tally.leave(LIBRARY, OTHER_SOURCES)
        else:
            fitting.setdefault(offer.library, []).append(offer)
    jobs = []
    for found in fitting.values():
        best = max(found, key=lambda offer: _rank(offer, store)) if len(found) > 1 else found[0]
        library = (build_root / best.library).with_name(best.manifest.library.file)
        if _is_current(library, best.manifest, digest):
            tally.present[LIBRARY] += 1
        else:
            jobs.append(_take(library, best, store, exchange, digest))
            tally.leave(LIBRARY, ANOTHER_BUILD, len(found) - 1)
    exchange.move(jobs)


def _rank(offer: Offer, store: ObjectStore) -> tuple[int, float]:
    """Rank a library that can run here: one for all that this CPU has is better, then one that was sent later."""
    return -len(list_unused(offer.manifest)), store.find_time(offer.name)


def _is_current(library: Path, offered: Manifest, digest: Callable[[str], str]) -> bool:
    """Whether a library that is here is whole, can run, is of the sources that are here, and as fast as the other."""
    try:
        known = Manifest.read(manifests.manifest_path(library))
    except RunError:
        return False
    usable = find_obstacle(known) is None and not list_changed(known, digest)
    return usable and len(list_unused(known)) <= len(list_unused(offered)) and find_damage(library, known) is None


def _take(library: Path, offer: Offer, store: ObjectStore, exchange: Exchange, digest: Callable[[str], str]) -> Job:
    manifest = offer.manifest

    def take() -> bool:
        with writing(library.parent), _lock(library, exchange):
            if _is_current(library, manifest, digest):
                return False
            _install(library, manifest, store)
            return True

    size = manifest.library.size + manifest.weights.size
    return Job(LIBRARY, f"{store.name}/{offer.name}", size, take)


@contextlib.contextmanager
def _lock(library: Path, exchange: Exchange) -> Iterator[None]:
    """Hold the lock of a library; another process that has it is waited for, and shown."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(build_lock(library, wait=False))
        except BlockingIOError:
            exchange.display.wait(library.stem)
            stack.enter_context(build_lock(library))
        yield


def _install(library: Path, manifest: Manifest, store: ObjectStore) -> None:
    """Write the three files of a library, the manifest last.

    Raises:
        DamageError: a file is not the one that the manifest describes; what was here stays.
    """
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=f".{library.stem}.") as scratch:
        for file in (manifest.library, manifest.weights):
            (Path(scratch) / file.file).write_bytes(_fetch(file, store))
        manifests.manifest_path(library).unlink(missing_ok=True)
        for file in (manifest.library, manifest.weights):
            (Path(scratch) / file.file).replace(library.with_name(file.file))
    weights = File.of(library.with_name(manifest.weights.file), stamped=True)
    dataclasses.replace(manifest, weights=weights).write(manifests.manifest_path(library))


def _fetch(file: File, store: ObjectStore) -> bytes:
    try:
        data = store.read(_name_file(file))
    except FileNotFoundError:
        raise DamageError(f"its file {_name_file(file)} is not there") from None
    _check(data, file)
    return data


def _check(data: bytes, file: File) -> None:
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise DamageError(f"the content of {file.file} ({_name_file(file)}) is not what was built")


def _name_file(file: File) -> str:
    return f"files/{file.sha256[:2]}/{file.sha256}"
