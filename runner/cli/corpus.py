"""`kokoro-run corpus`: speaks the rows of files into a data set; checks one that was made.

As in `main`, a command imports what it needs when it runs.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.command import Command

if TYPE_CHECKING:
    from runner.corpus.folder import CorpusFolder
    from runner.corpus.make import Engine, Made, Order
    from runner.corpus.recipe import Recipe
    from runner.corpus.sources.sources import Sources
    from runner.graph.types import Graph

_MAKE = "make"
_LAYOUTS = ("folder", "ljspeech", "nemo", "parquet", "webdataset")
_FORMATS = ("flac", "wav", "opus", "mp3")


class _Corpus(click.Group):
    """The group of the commands of a corpus; `corpus GRAPH ...` is short for `corpus make GRAPH ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.list_commands(ctx) and args[0] not in ("-h", "--help"):
            args = [_MAKE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Corpus)
def corpus() -> None:
    """Speak many rows into a data set: kokoro-run corpus text --input rows.jsonl -o OUT

    `corpus GRAPH ...` is short for `corpus make GRAPH ...`.
    """


@corpus.command(cls=Command)
@options.graph_options
@click.option(
    "--input",
    "sources",
    multiple=True,
    required=True,
    metavar="FILES",
    help="Rows: JSONL, CSV, TSV, Parquet or text, a folder of a data set, a glob, a URL, or - . Repeatable.",
)
@click.option("--kind", help="Of the input, where its name does not say it: jsonl, csv, tsv, parquet, text, ids ...")
@click.option(
    "--column", "columns", multiple=True, metavar="NAME=COLUMN", help="NAME of the graph is COLUMN. Repeatable."
)
@click.option("-o", "--output", "out", required=True, type=click.Path(path_type=Path), metavar="OUT", help="Folder.")
@click.option("--layout", type=click.Choice(_LAYOUTS), default="folder", show_default=True, help="Of the data set.")
@click.option("--format", "format_", type=click.Choice(_FORMATS), help="Of the audio.  [default: that of the layout]")
@click.option("--voice", metavar="VOICE", help="Of rows that name none.")
@click.option("--speed", type=click.FloatRange(0.25, 4), callback=options.no_nan, help="Of rows that have none.")
@click.option("--seed", type=int, help="Of rows that have none.")
@options.lexicon
@click.option("--workers", type=click.IntRange(1, 1024), help="Shards made at a time.  [default: one a core]")
@click.option("--threads", type=click.IntRange(1, 1024), help="Of the kernels of one worker.  [default: 1]")
@click.option(
    "--shard-rows", type=click.IntRange(1, 1_000_000), default=256, show_default=True, help="Rows of a shard."
)
@click.option("--replace", is_flag=True, help="Remove what OUT has of another recipe, or of rows that are gone.")
@click.option(
    "--ray",
    "address",
    is_flag=False,
    flag_value="",
    metavar="[ADDRESS]",
    help="Have a Ray cluster make the shards; OUT is on a disk that all its machines share.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON on standard output.")
@options.build_dir
@options.quiet
def make(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], **given: Any) -> None:
    """Speak the rows of files. A run that was ended goes on where it was; rows that cannot be spoken are listed.

    A column is named as an input or a parameter of the graph: id, text or phonemes, voice, speed, lang, seed. Others
    are carried over.
    """
    from runner.runtime import process

    process.limit_blas_threads()
    from runner.corpus.folder import CorpusFolder
    from runner.corpus.make import Order
    from runner.corpus.sources.sources import Sources

    recipe = _make_recipe(graph, overlays, sets, given)
    order = Order(recipe, given["columns"], given["shard_rows"], replace=given["replace"])
    loaded, sources = order.recipe.load(), Sources(given["sources"], given["kind"])
    folder = CorpusFolder(given["out"].absolute())
    with folder.lock():
        made = _make(order, loaded, sources, folder, given)
    _report(made, folder, given)
    click.get_current_context().exit(1 if made.failed else 0)


@corpus.command(cls=Command)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--sample", type=click.IntRange(0), default=20, show_default=True, help="Rows that are spoken again.")
@click.option("--sample-seed", "seed", type=int, default=0, show_default=True, help="Chooses these rows.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON on standard output.")
@options.build_dir
@click.pass_context
def verify(ctx: click.Context, out: Path, *, sample: int, seed: int, build_dir: Path | None, as_json: bool) -> None:
    """Verify a corpus: digests of all its files, and rows that are spoken again; exits with 1 if anything differs.

    Rows are equal to the bit where the libraries are those that made them, and else within 60 dB of their files.
    """
    from dataclasses import asdict

    from runner.corpus.folder import CorpusFolder
    from runner.corpus.verify import PARITY_DB
    from runner.corpus.verify import verify as verify_corpus

    found = verify_corpus(CorpusFolder(out.absolute()), sample, build_dir=build_dir, seed=seed)
    if as_json:
        status = "failed" if found.faults else "ok"
        console.echo(json.dumps({"format": 1, "status": status, **asdict(found)}))
    else:
        for fault in found.faults:
            console.echo(fault)
        near = f", {found.near:,} within {PARITY_DB:g} dB by other libraries" if found.near else ""
        console.echo(f"{found.files:,} files; {found.rows:,} rows spoken again, {found.equal:,} equal to the bit{near}")
    ctx.exit(1 if found.faults else 0)


def _make_recipe(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], given: dict[str, Any]) -> Recipe:
    """Make the recipe; paths become absolute, for workers that may start elsewhere."""
    from runner.cli.settings import Settings
    from runner.corpus.layouts.layouts import choose_format, find_layout
    from runner.corpus.recipe import Recipe
    from runner.files.locate import find_file
    from stages.dims import SAMPLE_RATE_HZ

    settings = Settings(speed=given["speed"], seed=given["seed"], lexicon=given["lexicon"])
    build_dir = given["build_dir"]
    return Recipe(
        str(find_file(graph, "graphs").absolute()),
        tuple(str(find_file(overlay, "configs").absolute()) for overlay in overlays),
        sets,
        None if build_dir is None else build_dir.absolute(),
        () if given["voice"] is None else (("voice", given["voice"]),),
        tuple((name, value) for name, value in settings.params.items() if isinstance(value, bool | int | float | str)),
        given["layout"],
        choose_format(find_layout(given["layout"]), given["format_"], SAMPLE_RATE_HZ),
        given["threads"] or 1,
    )


def _make(order: Order, graph: Graph, sources: Sources, folder: CorpusFolder, given: dict[str, Any]) -> Made:
    from runner.build.staleness import stale
    from runner.cli.building import build_stale
    from runner.runtime.threads import available_threads

    build_stale(graph, order.recipe.build_dir, stale(graph, order.recipe.build_dir), quiet=given["quiet"])
    workers = given["workers"] or max(1, available_threads() // order.recipe.threads)
    if given["address"] is not None:
        from runner.corpus.engines.ray_cluster import make_by_ray, running_ray

        with running_ray(given["address"] or None) as cluster:
            workers = given["workers"] or cluster.count_workers(order.recipe.threads)
            engine = partial(make_by_ray, cluster, workers=workers)
            return _run(order, graph, sources, folder, engine, workers, given)
    from runner.corpus.engines.local import make_locally

    return _run(order, graph, sources, folder, partial(make_locally, workers=workers), workers, given)


def _run(
    order: Order,
    graph: Graph,
    sources: Sources,
    folder: CorpusFolder,
    engine: Engine,
    workers: int,
    given: dict[str, Any],
) -> Made:
    """Make the corpus, and show how it grows."""
    from runner.cli.corpus_display import corpus_display
    from runner.corpus.make import make_corpus
    from runner.corpus.tally import Tally

    rate_hz = next(iter(graph.audio.values()))
    with corpus_display(Tally(rate_hz, workers), quiet=given["quiet"]) as display:
        return make_corpus(order, sources, folder, engine, display)


def _report(made: Made, folder: CorpusFolder, given: dict[str, Any]) -> None:
    from runner.corpus.summary import make_table

    table = make_table(made)
    if given["as_json"]:
        console.echo(json.dumps(table))
    if given["quiet"]:
        return
    click.echo(
        f"{table['rows']:,} rows, {table['audio_hours']:.2f} h of audio in {len(made.shards):,} shards, of which "
        f"{made.resumed:,} were there; {made.seconds:.0f} s",
        err=True,
    )
    if made.failed:
        click.echo(f"{made.failed:,} rows were not spoken: {folder.rejected}", err=True)
