"""Options that several commands take."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.completers import (
    complete_file,
    complete_graph,
    complete_overlay,
    complete_setting,
    complete_stage,
    complete_voice,
)

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
        "-c",
        "--config",
        "overlays",
        multiple=True,
        metavar="FILE",
        help="Lay FILE over the graph; repeatable.",
        shell_complete=complete_overlay,
    ),
    click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="A.B=VALUE",
        help="Set one value; repeatable.",
        shell_complete=complete_setting,
    ),
)
graph_options = _combine(click.argument("graph", shell_complete=complete_graph), overlay_options)

lexicon = click.option(
    "--lexicon",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Your own words, for graphs of text: lines of WORD, a tab and its phonemes. They win over every rule.",
)
input_options = _combine(
    click.option(
        "--input",
        "source",
        metavar="FILE",
        shell_complete=complete_file,
        help="What is spoken: lines of phonemes, or paragraphs of text; '-' is standard input.",
    ),
    click.option(
        "--ids", is_flag=True, help="Each line of --input is ID, a tab and what is spoken; outputs are called ID."
    ),
    click.option("--lines", is_flag=True, help="Each line of --input is an utterance, as of phonemes; not paragraphs."),
    click.option("--text", metavar="TEXT", help="Text to speak, in place of --input; for graphs such as `text`."),
    click.option("--phonemes", metavar="TEXT", help="Phonemes of one utterance, in place of --input."),
    click.option(
        "--in",
        "inputs",
        multiple=True,
        metavar="NAME=VALUE",
        help="Give an input of the graph: a number, a list, a text, or @FILE (.npy for an array). Repeatable.",
    ),
    click.option(
        "--voice",
        metavar="VOICE",
        help="Voice: a name, a file or a mix such as af_heart*0.6+am_adam*0.4.",
        shell_complete=complete_voice,
    ),
    click.option("--vocab", type=click.Path(path_type=Path), help="vocab.json or config.json with the vocabulary."),
    click.option("--speed", type=click.FloatRange(0.25, 4), callback=no_nan, help="Speed; 1 is that of the voice."),
    click.option("--seed", type=int, help="Seed of the noise in the voice's source."),
    click.option("--alphabet", metavar="NAME", help="Of the phonemes: kokoro, or espeak, espeak-en-gb, espeak-fr ..."),
    click.option("--skip-unknown", is_flag=True, help="Drop symbols that the model does not know, with a warning."),
    lexicon,
)

scope_options = _combine(
    click.option(
        "--from",
        "start",
        metavar="STAGE",
        shell_complete=complete_stage,
        help="Run STAGE and all stages that depend on it, even if the cache has their results.",
    ),
    click.option(
        "--until",
        metavar="STAGE",
        shell_complete=complete_stage,
        help="Stop after STAGE and list its outputs; see --save-tensors.",
    ),
    click.option(
        "--only",
        metavar="STAGE",
        shell_complete=complete_stage,
        help="Run STAGE alone; its inputs must be in the cache, or given by --load.",
    ),
    click.option(
        "--refresh",
        multiple=True,
        metavar="STAGE",
        shell_complete=complete_stage,
        help="Run STAGE even if the cache has its results; repeatable.",
    ),
    click.option(
        "--load",
        multiple=True,
        metavar="PORT=FILE",
        help="Replace the output STAGE.PORT by an array or a text; what is not needed then does not run. Repeatable.",
    ),
)

cache_dir = click.option(
    "--cache-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the cache.  [default: $KOKORO_RUN_CACHE, else the user's cache folder]",
)
cache_options = _combine(
    cache_dir,
    click.option("--no-cache", is_flag=True, help="Compute everything, keep no results and write no record."),
)


def output_option(default: str) -> Callable[..., Any]:
    """Make the option that names the outputs.

    Args:
        default: the output without it, for the help text.
    """
    text = (
        "Audio file; a folder, for a file a line; or - for raw samples on standard output, as in a .raw file. "
        "NAME=PATH for one output. Repeatable."
    )
    return click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        metavar="[NAME=]PATH",
        shell_complete=complete_file,
        help=f"{text}  [default: {default}]",
    )


build_dir = click.option(
    "--build-dir",
    type=click.Path(path_type=Path),
    help="Folder of the libraries.  [default: build in a checkout, else a cache folder]",
)
threads = click.option("--threads", type=click.IntRange(1, 1024), help="Threads of the kernels.  [default: one a core]")
quiet = click.option("-q", "--quiet", is_flag=True, help="Print only warnings and errors.")

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")

run_options = _combine(
    input_options,
    click.option(
        "--stream",
        is_flag=True,
        help="Write raw samples to standard output, each line's while the next is computed: 24 kHz, mono, 16 bit.",
    ),
    click.option(
        "--pause",
        type=click.FloatRange(0, 60),
        callback=no_nan,
        help="Silence between lines or paragraphs [s].  [default: 0.3 between lines, 0.6 between paragraphs]",
    ),
    click.option(
        "--cut",
        type=click.Choice(["even", "early"]),
        default="even",
        help="How a long line is cut: into the fewest parts, or early, with a short one first.  [default: even]",
    ),
    click.option(
        "--joints",
        type=click.Choice(["measured", "timed"]),
        default="measured",
        help="What the pause between two parts follows from: the silence that is measured there, or the durations, so "
        "that lengths are known before the voice is computed.  [default: measured]",
    ),
    click.option(
        "--subtype", metavar="NAME", help="How a sample is stored: PCM_16, FLOAT, ...  [default: PCM_16 in a .wav]"
    ),
    threads,
    click.option("--timings", is_flag=True, help="Print the duration of each stage."),
    click.option(
        "--timestamps",
        metavar="FILE",
        shell_complete=complete_file,
        help="Write the times of symbols and words, as .json, .tsv, .TextGrid, .srt or .vtt. If FILE is only an "
        "extension, or the output a folder, the file is put beside the audio.",
    ),
    click.option("--keep-going", is_flag=True, help="Leave out bad lines, list them at the end and exit with 1."),
    click.option("--no-resume", is_flag=True, help="Do not resume an earlier run: speak its finished lines again."),
    click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON on standard output."),
    click.option("--explain", is_flag=True, help="Print the plan first, as `plan` does."),
    scope_options,
    click.option(
        "--save-tensors",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Write each port to DIR/STAGE.PORT.npy; for several utterances to DIR/0001 and so on.",
    ),
    click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.html",
        help="Write a page with the audio, plots of the sound, the graph, times, and all ports.",
    ),
    click.option(
        "--trace",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.json",
        help="Write the times of all stages, for ui.perfetto.dev.",
    ),
    cache_options,
    build_dir,
    quiet,
)


def load(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], cache: Cache | None = None) -> Graph:
    """Load the graph of the options; from the cache if it was checked before."""
    from runner.graph.snapshot import load_graph

    return load_graph(graph, overlays, sets, None if cache is None else cache.root / "graphs")
