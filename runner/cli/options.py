"""Options that several commands take."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.cache.cache import Cache
    from runner.graph.types import Graph

STARTED = time.perf_counter()


def no_nan(_ctx: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Refuse nan, which passes click's ranges: it is neither below nor above."""
    if value is not None and math.isnan(value):
        raise click.BadParameter(f"nan is no {option.name}; give a number")
    return value


def _combine(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


overlay_options = _combine(
    click.option(
        "-c", "--config", "overlays", multiple=True, metavar="FILE", help="Lay FILE over the graph; repeatable."
    ),
    click.option("--set", "sets", multiple=True, metavar="A.B=VALUE", help="Set one value; repeatable."),
)
graph_options = _combine(click.argument("graph"), overlay_options)

input_options = _combine(
    click.option(
        "--input",
        "source",
        metavar="FILE",
        help="Lines for the input that takes them, as phonemes; '-' is standard input.",
    ),
    click.option("--phonemes", metavar="TEXT", help="Phonemes of one utterance, in place of --input."),
    click.option(
        "--in",
        "inputs",
        multiple=True,
        metavar="NAME=VALUE",
        help="Give an input of the graph: a number, a list, a text, or @FILE (.npy for an array). Repeatable.",
    ),
    click.option("--voice", metavar="VOICE", help="Voice: a name, a file or a mix such as af_heart*0.6+am_adam*0.4."),
    click.option("--vocab", type=click.Path(path_type=Path), help="vocab.json or config.json with the vocabulary."),
    click.option("--speed", type=click.FloatRange(0.25, 4), callback=no_nan, help="Speed; 1 is that of the voice."),
    click.option("--seed", type=int, help="Seed of the noise in the voice's source."),
    click.option("--skip-unknown", is_flag=True, help="Drop symbols that the model does not know, with a warning."),
)

scope_options = _combine(
    click.option(
        "--from",
        "start",
        metavar="STAGE",
        help="Run STAGE and all stages that depend on it, even if the cache has their results.",
    ),
    click.option("--until", metavar="STAGE", help="Stop after STAGE and list its outputs; see --save-tensors."),
    click.option(
        "--only", metavar="STAGE", help="Run STAGE alone; its inputs must be in the cache, or given by --load."
    ),
    click.option(
        "--refresh", multiple=True, metavar="STAGE", help="Run STAGE even if the cache has its results; repeatable."
    ),
    click.option(
        "--load",
        multiple=True,
        metavar="PORT=FILE.npy",
        help="Replace the output STAGE.PORT by an array; stages that are then not needed do not run. Repeatable.",
    ),
)

cache_options = _combine(
    click.option(
        "--cache-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the cache.  [default: $KOKORO_RUN_CACHE, else the user's cache folder]",
    ),
    click.option("--no-cache", is_flag=True, help="Compute everything, keep no results and write no record."),
)

build_dir = click.option(
    "--build-dir",
    type=click.Path(path_type=Path),
    help="Folder of the libraries.  [default: build in a checkout, else a cache folder]",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Print only warnings and errors.")


def load(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], cache: Cache | None = None) -> Graph:
    """Load the graph of the options; from the cache if it was checked before."""
    from runner.graph.snapshot import load_graph

    return load_graph(graph, overlays, sets, None if cache is None else cache.root / "graphs")
