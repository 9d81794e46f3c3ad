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
    """A range lets nan pass: it is neither below nor above."""
    if value is not None and math.isnan(value):
        raise click.BadParameter(f"nan is no {option.name}; give a number")
    return value


def _all(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


overlay_options = _all(
    click.option("-c", "--config", "overlays", multiple=True, metavar="FILE", help="Lay FILE over it; repeatable."),
    click.option("--set", "sets", multiple=True, metavar="A.B=VALUE", help="Set one value; repeatable."),
)
graph_options = _all(click.argument("graph"), overlay_options)

input_options = _all(
    click.option("--input", "source", metavar="FILE", help="Phonemes, an utterance a line; '-' is standard input."),
    click.option("--phonemes", metavar="TEXT", help="Phonemes of one utterance, in place of --input."),
    click.option("--voice", metavar="VOICE", help="Name, file or mix: af_heart*0.6+am_adam*0.4."),
    click.option("--vocab", type=click.Path(path_type=Path), help="vocab.json or config.json to look symbols up in."),
    click.option("--speed", type=click.FloatRange(0.25, 4), callback=no_nan, help="1 is the voice's own pace."),
    click.option("--seed", type=int, help="Of the noise in the voice's source."),
    click.option("--skip-unknown", is_flag=True, help="Drop symbols that the model does not know, with a warning."),
)

scope_options = _all(
    click.option("--from", "start", metavar="STAGE", help="Run STAGE and all that depends on it, kept or not."),
    click.option("--until", metavar="STAGE", help="Stop after STAGE; what it gives is listed, see --save-tensors."),
    click.option("--only", metavar="STAGE", help="Run STAGE alone; what it takes must be kept, or given by --load."),
    click.option("--refresh", multiple=True, metavar="STAGE", help="Run STAGE though it is kept; repeatable."),
    click.option(
        "--load",
        multiple=True,
        metavar="PORT=FILE.npy",
        help="Put an array in place of what STAGE.PORT gives; what nothing else needs does not run. Repeatable.",
    ),
)

cache_options = _all(
    click.option(
        "--cache-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the cache.  [default: $KOKORO_RUN_CACHE, else the user's cache folder]",
    ),
    click.option("--no-cache", is_flag=True, help="Compute everything, keep nothing, leave no record."),
)

build_dir = click.option(
    "--build-dir", type=click.Path(path_type=Path), help="Folder of compiled stages.  [default: build or a cache]"
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")


def load(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], cache: Cache | None = None) -> Graph:
    """The graph that the options mean, from the cache where that has checked it before."""
    from runner.graph.snapshot import load_graph

    return load_graph(graph, overlays, sets, None if cache is None else cache.root / "graphs")
