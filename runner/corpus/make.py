"""Makes a corpus: plans it, has its shards made, and writes the files of the whole.

records --> Planner --> shards that are not finished --> engine: workers --> a line of the manifest for each
                                                                              |
files of the whole, rejected.jsonl, summary  <--------------------------------+ when all are there
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

from runner.corpus.columns import Columns
from runner.corpus.folder import MadeShard
from runner.corpus.layouts.layouts import LAYOUTS
from runner.corpus.plan import Plan, Planner
from runner.corpus.recipe import describe
from runner.corpus.row_speaker import RowSpeaker
from runner.corpus.stale import find_stale, remove_files
from runner.corpus.summary import write_summary
from runner.corpus.worker import CorpusTask, Spoken
from runner.errors import RunError
from runner.files.digest import file_sha256
from runner.files.errors import writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.corpus.folder import CorpusFolder, Failure
    from runner.corpus.recipe import Recipe
    from runner.corpus.sources.record import Record

Engine = Callable[[CorpusTask, Iterable[str]], Iterator[Spoken | MadeShard]]
"""Makes the shards of a corpus, several at a time; tells what is spoken and what is made as it comes."""
SHARD_ROWS = 256


class Watch(Protocol):
    """Is told how the work goes on."""

    def planned(self, plan: Plan) -> None:
        """Another record was read."""

    def begin(self, plan: Plan, finished: Sequence[MadeShard]) -> None:
        """The rows are planned, of which some are finished."""

    def spoken(self, spoken: Spoken) -> None:
        """Rows were spoken."""

    def made(self, made: MadeShard) -> None:
        """A shard is finished."""


@dataclass(frozen=True)
class Made:
    """What a run has made of a corpus.

    Attributes:
        plan: of the run.
        shards: all of the corpus, in their order.
        resumed: of these, what earlier runs had made.
        seconds: of the run.
        rate_hz: of the audio.
    """

    plan: Plan
    shards: Sequence[MadeShard]
    resumed: int
    seconds: float
    rate_hz: int

    @property
    def failed(self) -> int:
        """Rows that are not in the corpus: they could not be read, or not be spoken."""
        return self.plan.rejected + sum(len(made.failed) for made in self.shards)


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        recipe: of all rows.
        columns: of the records, as `Columns` takes them: `voice=speaker`.
        size: rows of a shard.
        replace: whether what another recipe has made, or what the input has no more, is removed.
    """

    recipe: Recipe
    columns: Sequence[str] = ()
    size: int = SHARD_ROWS
    replace: bool = field(default=False)


def make_corpus(order: Order, records: Iterable[Record], folder: CorpusFolder, engine: Engine, watch: Watch) -> Made:
    """Make a corpus, or what is left of it. The caller holds the folder's lock.

    Raises:
        KokoroError: the graph cannot speak, the output is of another recipe, or a file cannot be read or written.
    """
    start, recipe = time.perf_counter(), order.recipe
    speaker = RowSpeaker(recipe)
    digests = describe(recipe, speaker.pipeline)
    finished = _open(folder, recipe, digests, replace=order.replace)
    planner = Planner(folder, digests["recipe"], order.size, finished, speaker)
    with planner.ids:
        plan = planner.plan(records, Columns(speaker.pipeline.graph, order.columns), watch.planned)
        speaker.sum_up()
        stale = find_stale(folder, plan, planner.ids, replace=order.replace)
    kept = [finished[shard] for shard in plan.shards if shard in finished]
    folder.write_manifest(_table(recipe, digests), kept)  # others may lose files that have the names of new ones
    with writing(folder.rejected):
        folder.rejected_draft.replace(folder.rejected)
    watch.begin(plan, kept)
    made = {one.shard: one for one in kept}
    for told in engine(CorpusTask(recipe, digests, folder.root), plan.todo):
        if isinstance(told, Spoken):
            watch.spoken(told)
        else:
            folder.add(told)
            made[told.shard] = told
            watch.made(told)
    shards = [made[shard] for shard in plan.shards]
    _finish(folder, recipe, digests, shards, stale)
    done = Made(plan, shards, len(kept), time.perf_counter() - start, speaker.rate_hz)
    write_summary(folder, done)
    return done


def _open(
    folder: CorpusFolder, recipe: Recipe, digests: Mapping[str, str], *, replace: bool
) -> Mapping[str, MadeShard]:
    """Find what is finished, and is still there.

    Raises:
        RunError: the folder has a corpus of another recipe, or files that are of none.
    """
    known, finished = folder.read_manifest()
    foreign = folder.list_foreign(()) if not known else []
    if foreign:
        raise RunError(f"{folder.root}: has files that are of no corpus, as {foreign[0]}; choose an empty folder")
    if known and known["layout"] != recipe.layout:
        raise RunError(
            f"{folder.root}: has the layout {known['layout']}, not {recipe.layout}, which --replace does not change; "
            "choose another output"
        )
    if known and known.get("digests") != dict(digests):
        if not replace:
            raise RunError(
                f"{folder.root}: has a corpus of another recipe ({_describe_change(known, recipe, digests)}); choose "
                "another output, or say --replace"
            )
        return {}
    return {shard: made for shard, made in finished.items() if folder.is_whole(made)}


def _table(recipe: Recipe, digests: Mapping[str, str]) -> dict[str, object]:
    fields = {name: value for name, value in asdict(recipe).items() if name not in ("build_dir", "threads")}
    return {"digests": dict(digests), **json.loads(json.dumps(fields, default=str))}


def _describe_change(known: Mapping[str, object], recipe: Recipe, digests: Mapping[str, str]) -> str:
    new = _table(recipe, digests)
    for name in ("format", "inputs", "params", "overlays", "sets", "graph"):
        if known.get(name) != new[name]:
            return f"{name} {known.get(name)}, now {new[name]}"
    old = known.get("digests")
    names = [name for name in ("model", "graph") if isinstance(old, dict) and old.get(name) != digests[name]]
    return f"the {' and the '.join(names) or 'recipe'} has changed"


def _finish(
    folder: CorpusFolder,
    recipe: Recipe,
    digests: Mapping[str, str],
    shards: Sequence[MadeShard],
    stale: Sequence[str],
) -> None:
    """Write the files of the whole, and remove those that it has no more."""
    names = [made.shard for made in shards]
    files = LAYOUTS[recipe.layout].finish(folder.root, lambda: folder.read_entries(names))
    failures = [failure for made in shards for failure in made.failed]
    _add_rejected(folder, failures)
    remove_files(folder, stale, names)
    folder.write_manifest(_table(recipe, digests), shards, {name: file_sha256(folder.root / name) for name in files})


def _add_rejected(folder: CorpusFolder, failures: Sequence[Failure]) -> None:
    """List the rows that stages refused, behind those that were refused before."""
    with writing(folder.rejected):
        with folder.rejected.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(json.dumps(dataclasses.asdict(one), ensure_ascii=False) + "\n" for one in failures)
        if folder.rejected.stat().st_size == 0:
            folder.rejected.unlink()
