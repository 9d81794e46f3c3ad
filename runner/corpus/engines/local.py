"""Has shards made by processes of this machine, each of which has a pipeline of its own.

Weights are mapped from their files, so that the processes share them in memory.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from runner.corpus.worker import CorpusTask, Spoken, make_shard
from runner.errors import RunError
from runner.runtime.worker_pool import WorkerEndedError, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.corpus.folder import MadeShard

_LOG = logging.getLogger("kokoro_run")
_PREPARE = "runner.corpus.worker:prepare"
_ATTEMPTS = 3  # of a shard whose worker dies


def make_locally(task: CorpusTask, shards: Iterable[str], workers: int) -> Iterator[Spoken | MadeShard]:
    """Make shards by so many processes; a shard whose process dies is begun again by another one.

    Raises:
        KokoroError: the graph cannot speak, or a file cannot be read or written.
        RunError: the processes of one shard have died again and again.
    """
    jobs = ((shard, partial(make_shard, task, shard)) for shard in shards)
    try:
        with WorkerPool(workers, _PREPARE) as pool:
            for _, answer in pool.work(jobs, lambda _: None, attempts=_ATTEMPTS, died=_warn):
                yield answer
    except WorkerEndedError as error:
        who = f"{_ATTEMPTS} processes that made it ended, the last" if error.was_killed else "its process ended"
        raise RunError(f"shard {error.name}: {who} {error.how}") from None


def _warn(error: WorkerEndedError) -> None:
    _LOG.warning("shard %s: the process that made it ended %s; another one begins it again", error.name, error.how)
