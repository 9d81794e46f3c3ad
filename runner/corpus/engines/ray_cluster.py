"""Has shards made by a Ray cluster: Ray Data's `map_batches` with a pool of actors, each of which has a pipeline.

All machines see the folder of the corpus under one path, and have this package. An actor holds as many of Ray's
processors as its kernels have threads.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from runner.corpus.folder import MadeShard
from runner.corpus.worker import CorpusTask, make_shard, prepare
from runner.errors import KokoroError, RunError
from runner.files.locate import install_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

_CONNECT_S = 10.0
_QUIET = ("ray", "ray.data", "ray._private.authentication")  # loggers that would write over the display


class ShardMaker:
    """Makes shards in an actor."""

    def __init__(self, task: CorpusTask) -> None:
        prepare()
        os.chdir(task.working)
        self._task = task

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Make the shards of a batch, which is of one."""
        return {"made": [self._make(str(shard)) for shard in batch["shard"]]}

    def _make(self, shard: str) -> str:
        try:
            *_, made = make_shard(self._task, shard)
        except KokoroError as error:
            return json.dumps({"error": str(error)})  # Ray would begin the shard again, and add its own trace
        assert isinstance(made, MadeShard)
        return json.dumps(asdict(made))


class RayCluster:
    """A connection to a cluster."""

    def __init__(self, ray: ModuleType) -> None:
        self.ray: Any = ray

    def count_workers(self, threads: int) -> int:
        """Count the actors of so many threads that the cluster has processors for, at least one."""
        return max(1, int(self.ray.cluster_resources().get("CPU", 1)) // threads)


def make_by_ray(cluster: RayCluster, task: CorpusTask, shards: Iterable[str], workers: int) -> Iterator[MadeShard]:
    """Make shards by a cluster.

    Args:
        workers: actors.

    Raises:
        KokoroError: as `make_shard`.
    """
    items = [{"shard": shard} for shard in shards]
    if not items:
        return
    data = cluster.ray.data
    made = data.from_items(items, override_num_blocks=len(items)).map_batches(
        ShardMaker,
        fn_constructor_args=(task,),
        batch_size=1,
        num_cpus=task.recipe.threads,
        compute=data.ActorPoolStrategy(size=min(workers, len(items))),
    )
    for row in made.iter_rows():
        fields = json.loads(row["made"])
        if "error" in fields:
            raise RunError(fields["error"])
        yield MadeShard.from_json(fields)


@contextlib.contextmanager
def running_ray(address: str | None) -> Iterator[RayCluster]:
    """Connect to a cluster for this block.

    Args:
        address: of the cluster; None for the one that Ray finds, else one of this machine alone.

    Raises:
        RunError: Ray is not installed, or has no cluster there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray  # noqa: PLC0415 - an extra, and a second
        import ray.data  # noqa: PLC0415
    except ImportError:
        raise RunError(f"ray is not installed: {install_command('ray')}") from None
    try:
        _reach(address)
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise RunError(f"--ray {address}: no cluster answers there: {error}") from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars, context.print_on_execution_start = False, False
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield RayCluster(ray)
    finally:
        ray.shutdown()


def _reach(address: str | None) -> None:
    """See that something answers there: Ray itself would ask for minutes.

    Raises:
        OSError: nothing does.
    """
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal():  # neither `auto` nor None
        socket.create_connection((host.rpartition("//")[2].strip("[]"), int(port)), _CONNECT_S).close()
