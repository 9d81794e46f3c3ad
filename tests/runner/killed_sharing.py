"""A program that pushes or pulls and is killed, by SIGKILL, just before it first renames or removes a file, then just
before the second such step, and so on, each time into empty folders; the same command then goes on from there.

    python -m tests.runner.killed_sharing push STORE CACHE BUILD_ROOT    to STORE/1, STORE/2, ...
    python -m tests.runner.killed_sharing pull STORE CACHE BUILD_ROOT    into CACHE/1 and BUILD_ROOT/1, ...

The steps are taken by one thread, so that each run has the same ones. After each kill every object of the store is
compared with its name, and the cache is verified. Prints, as JSON, the number of kills and the damaged files.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

from runner.build.offers import list_unusable, read_offers
from runner.build.sharing import pull_libraries, push_libraries
from runner.cache import records
from runner.cache.cache import Cache
from runner.cache.exchange import Exchange
from runner.cache.sharing import Choice, pull_results, push_results
from runner.cache.tensors import TensorStore
from runner.cli.exchange_display import SilentDisplay
from runner.files.stores import FolderStore, ObjectStore

EVENTS = ("os.rename", "os.remove")


def push(cache: Cache, build_root: Path, store: ObjectStore) -> Exchange:
    """Push all; gives the exchange with its counts."""
    exchange = Exchange(SilentDisplay())
    store.remove_abandoned()
    push_libraries(build_root, store, exchange, Choice())
    push_results(cache, store, exchange, Choice())
    return exchange


def pull(cache: Cache, build_root: Path, store: ObjectStore) -> Exchange:
    """Pull all; gives the exchange with its counts."""
    exchange = Exchange(SilentDisplay())
    offers = read_offers(store, exchange, Choice())
    pull_libraries(build_root, offers, store, exchange)
    pull_results(cache, store, exchange, Choice(), list_unusable(offers))
    return exchange


def find_damaged(store: Path) -> list[str]:
    """List the objects of a folder that are not what their names say."""
    found, arrays = [], TensorStore(store / "tensors")
    for path in (path for path in store.rglob("*") if path.is_file() and not path.name.startswith(".")):
        kind, text = path.relative_to(store).parts[0], path.read_bytes()
        try:
            if kind == "records":
                records.parse(text, f"{path.parent.name}/{path.stem}")
            elif kind == "tensors":
                arrays.read_file(path.stem)
            elif hashlib.sha256(text).hexdigest() not in path.name:
                found.append(str(path))
        except ValueError as error:
            found.append(f"{path}: {error}")
    return found


def die_before(last: int, folders: tuple[str, ...]) -> None:
    """Let this process die before its step number `last` in `folders`."""
    seen = 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        if event in EVENTS and any(str(arg).startswith(folders) for arg in args):
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def run_child(verb: str, folders: tuple[Path, Path, Path], last: int) -> bool:
    """Push or pull in a process that dies before its step number `last`; gives whether it died."""
    store, cache, build_root = folders
    child = os.fork()
    if child == 0:
        die_before(last, tuple(map(str, folders)))
        (push if verb == "push" else pull)(Cache(cache), build_root, FolderStore(store))
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(verb: str, store: Path, cache: Path, build_root: Path) -> None:
    damaged = list[str]()
    FolderStore.threads = 1
    for last in range(1, 100):
        to = str(last)
        folders = (store / to, cache, build_root) if verb == "push" else (store, cache / to, build_root / to)
        died = run_child(verb, folders, last)
        damaged += find_damaged(folders[0])
        damaged += [f"{path}: {fault}" for path, fault in Cache(folders[1]).verify().damaged]
        if not died:
            break
        if run_child(verb, folders, 0):
            damaged.append(f"{verb} {last} does not go on")
    print(json.dumps({"kills": last - 1, "damaged": damaged}))  # noqa: T201 - a program's output


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
