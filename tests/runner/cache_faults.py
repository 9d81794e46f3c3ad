"""Processes that write to one cache at once and die at any moment; a program of its own, so that it can fork.

    python -m tests.runner.cache_faults kill FOLDER COUNT      one writer after the other, each killed while it writes
    python -m tests.runner.cache_faults share FOLDER TURNS     eight processes at once, evicting all the time

The array for a key follows from the key, so whoever finds one can tell whether it is right. Prints its counts as
JSON; warnings go to standard error, where there should be none: neither killing nor sharing damages anything.
"""

from __future__ import annotations

import collections
import functools
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from runner.cache import keys
from runner.cache.cache import Cache, Entry
from runner.runtime.values import Array

PROCESSES = 8
KEYS = 40
LIMIT = 600 * 1024  # bytes: a third of what all keys hold
_PORTS = {"en": 6000, "asr": 3000, "frame_count": 1}


def components_of(number: int) -> dict[str, object]:
    """Make the components of entry `number`."""
    return {"format": 1, "stage": "align", "params": {"number": number}, "inputs": {}}


def outputs_of(number: int) -> dict[str, Array]:
    """Make the right outputs of entry `number`: about 36 KB."""
    random_ = np.random.default_rng(number)
    return {port: random_.standard_normal((1, size), np.float32) for port, size in _PORTS.items()}


def put(cache: Cache, number: int) -> Entry:
    """Store entry `number`."""
    made = components_of(number)
    return cache.store(keys.key(made), made, outputs_of(number), 0.1)


def classify(cache: Cache, number: int) -> str:
    """Classify the cache's answer for entry `number`: 'right', 'unknown', 'gone' or 'wrong'."""
    entry = cache.lookup(keys.key(components_of(number)))
    if entry is None:
        return "unknown"
    expected = outputs_of(number)
    found = {port: cache.load(entry, port) for port in expected}
    if entry.outputs.keys() != expected.keys():
        return "wrong"
    for port, array in found.items():
        if array is not None and (array.shape != expected[port].shape or array.tobytes() != expected[port].tobytes()):
            return "wrong"
    return "gone" if any(array is None for array in found.values()) else "right"


def kill(root: Path, count: int) -> dict[str, int]:
    """Kill `count` writers, each within 5 ms of one of its first entries, and check all files that it left."""
    random_ = random.Random(0)
    found: collections.Counter[str] = collections.Counter()
    for start in range(count):
        reading, writing = os.pipe()
        process = fork(functools.partial(write_until_killed, root, start, writing))
        os.close(writing)
        for _ in range(random_.randrange(8)):  # counted, not timed: a busy machine may not let it begin for long
            os.read(reading, 1)
        time.sleep(random_.uniform(0, 0.005))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(reading)
        found.update(classify(Cache(root), number) for number in range(KEYS))
    checked = Cache(root).verify()
    left = sum(1 for path in root.rglob("*.tmp"))
    return {"killed": count, "damaged": len(checked.damaged), "left behind": left, **found}


def write_until_killed(root: Path, start: int, writing: int) -> None:
    cache = Cache(root, LIMIT)
    for number in itertools.count(start):
        entry = put(cache, number % KEYS)
        os.write(writing, b".")
        cache.evict({entry.key})


def share(root: Path, turns: int) -> dict[str, int]:
    """Let processes look up, load, store and evict at once, `turns` times each."""
    processes = [fork(functools.partial(take_turns, root, seed, turns)) for seed in range(PROCESSES)]
    failed = sum(os.waitpid(process, 0)[1] != 0 for process in processes)
    found: collections.Counter[str] = collections.Counter()
    for path in root.glob("counts-*.json"):
        found.update(json.loads(path.read_text()))
    checked = Cache(root).verify()
    return {"processes": PROCESSES, "failed": failed, "damaged": len(checked.damaged), **found}


def take_turns(root: Path, seed: int, turns: int) -> None:
    random_, found = random.Random(seed), collections.Counter[str]()
    cache = Cache(root, LIMIT)
    for _ in range(turns):
        number = random_.randrange(KEYS)
        state = classify(cache, number)
        found[state] += 1
        if state != "right":
            put(cache, number)
        found["evicted"] += cache.evict({keys.key(components_of(number))}, now=random_.random() < 0.3).tensors
    (root / f"counts-{seed}.json").write_text(json.dumps(found))


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a new process, which ends with 1 if it raises."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        work()
        code = 0
    finally:
        if code:
            sys.excepthook(*sys.exc_info())
        os._exit(code)


if __name__ == "__main__":
    task = {"kill": kill, "share": share}[sys.argv[1]]
    sys.stdout.write(json.dumps(task(Path(sys.argv[2]), int(sys.argv[3]))))
