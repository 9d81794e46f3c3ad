"""The command line. Commands import what they need when they run: `kokoro-run --help` loads nothing but click."""

from __future__ import annotations

import logging
import math
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.errors import KokoroError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runner.graph import Graph

_STARTED = time.perf_counter()
_DEFAULT_VERB = "run"
_LOG = logging.getLogger("kokoro_run")


class _Warnings(logging.Handler):
    """Our own warnings on standard error; other packages' logs are theirs to show."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"warning: {self.format(record)}", err=True)


class _Verbs(click.Group):
    """`kokoro-run GRAPH ...` means `kokoro-run run GRAPH ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version"):
            args = [_DEFAULT_VERB, *args]
        return super().parse_args(ctx, args)


class _Verb(click.Command):
    """A command whose errors are messages, and tracebacks only with --debug."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--debug"], is_flag=True, help="Show where in the code an error arose."))

    def invoke(self, ctx: click.Context) -> Any:
        debug = ctx.params.pop("debug")
        if not _LOG.handlers:
            _LOG.addHandler(_Warnings())
        try:
            return super().invoke(ctx)
        except KokoroError as error:
            if debug:
                traceback.print_exc()
            click.echo(str(error), err=True)
            ctx.exit(2)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kokoro-run")
def cli() -> None:
    """Speak phonemes by a graph of compiled stages.

    `kokoro-run GRAPH --input ipa.txt` is short for `kokoro-run run GRAPH --input ipa.txt`. GRAPH is a YAML file, or the
    name of one that comes with the package: `default`.
    """


def _graph_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every command takes that reads a graph."""
    options = (
        click.argument("graph"),
        click.option("-c", "--config", "overlays", multiple=True, metavar="FILE", help="Lay FILE over it; repeatable."),
        click.option("--set", "sets", multiple=True, metavar="A.B=VALUE", help="Set one value; repeatable."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_build_dir = click.option(
    "--build-dir", type=click.Path(path_type=Path), help="Folder of compiled stages.  [default: build or a cache]"
)
_quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")


def _load(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...]) -> Graph:
    from runner.graph import load_graph

    return load_graph(graph, overlays, sets)


def _no_nan(_ctx: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """A range lets nan pass: it is neither below nor above."""
    if value is not None and math.isnan(value):
        raise click.BadParameter(f"nan is no {option.name}; give a number")
    return value


@cli.command(cls=_Verb)
@_graph_options
@click.option("--input", "source", metavar="FILE", help="Phonemes, an utterance a line; '-' is standard input.")
@click.option("--phonemes", metavar="TEXT", help="Phonemes of one utterance, in place of --input.")
@click.option(
    "-o", "--output", metavar="PATH", help="Audio file, or a folder for a file a line.  [default: as FILE, .wav]"
)
@click.option("--voice", metavar="VOICE", help="Name, file or mix: af_heart*0.6+am_adam*0.4.")
@click.option("--vocab", type=click.Path(path_type=Path), help="vocab.json or config.json to look symbols up in.")
@click.option("--speed", type=click.FloatRange(0.25, 4), callback=_no_nan, help="1 is the voice's own pace.")
@click.option("--seed", type=int, help="Of the noise in the voice's source.")
@click.option("--skip-unknown", is_flag=True, help="Drop symbols that the model does not know, with a warning.")
@click.option(
    "--pause", type=click.FloatRange(0, 60), callback=_no_nan, default=0.3, show_default=True, help="Between lines [s]."
)
@click.option(
    "--subtype", metavar="NAME", help="How a sample is stored: PCM_16, FLOAT, ...  [default: PCM_16 in a .wav]"
)
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads of the kernels.  [default: one a core]")
@click.option("--timings", is_flag=True, help="Say how long each stage took.")
@_build_dir
@_quiet
def run(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], **options: Any) -> None:
    """Speak, after building what is missing or stale."""
    from runner import lines, speak
    from runner.engine import Pipeline

    if (options["source"] is None) == (options["phonemes"] is None):
        raise click.UsageError("give one of --input FILE and --phonemes TEXT")
    checked = _load(graph, overlays, sets)
    phonemes, source = options["phonemes"], options["source"]
    utterances = lines.from_file(source) if phonemes is None else lines.from_option(phonemes)
    place = speak.Destination(options["output"], source, options["subtype"], options["pause"])
    pipeline = Pipeline(checked, options["build_dir"], options["threads"], _vocabulary(options["vocab"]))
    requests = speak.prepare(pipeline, utterances, options["voice"], _parameters(options))
    _build_stale(checked, options["build_dir"], quiet=options["quiet"])
    pipeline.load()
    seconds, timings = speak.speak(pipeline, utterances, requests, place)
    _report(place.path, seconds, timings, options)


def _parameters(options: dict[str, Any]) -> dict[str, object]:
    given = {name: options[name] for name in ("speed", "seed") if options[name] is not None}
    return {**given, **({"skip_unknown": True} if options["skip_unknown"] else {})}


def _vocabulary(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    from runner.assets import load_vocab

    return {"vocab": load_vocab(path)}


def _build_stale(graph: Graph, build_dir: Path | None, *, quiet: bool) -> None:
    from runner.freshness import stale

    reasons = stale(graph, build_dir)
    if not reasons:
        return
    from runner.progress import display

    if not quiet:
        for stage, reason in reasons:
            click.echo(f"{stage}: {reason}", err=True)
    from runner import runtime

    runtime.ffi()  # before `import tvm` does it, and torch with it
    from runner.build import build as compile_stages

    with display(len(reasons), quiet=quiet) as progress:
        compile_stages(graph, build_dir, progress=progress, only=[stage for stage, _ in reasons])


def _report(path: Path, seconds: float, timings: Mapping[str, float], options: dict[str, Any]) -> None:
    total = time.perf_counter() - _STARTED
    if options["timings"]:
        other = total - sum(timings.values())
        for name, spent in [*timings.items(), ("all else", other)]:
            click.echo(f"{name:>12} {spent:8.3f} s", err=True)
    if not options["quiet"]:
        click.echo(f"{path}: {seconds:.2f} s of audio in {total:.2f} s", err=True)


@cli.command(cls=_Verb)
@_graph_options
def check(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Find every mistake in a graph; nothing is built or loaded."""
    checked = _load(graph, overlays, sets)
    click.echo(f"{checked.path}: {len(checked.stages)} stages, no mistakes")


@cli.command(cls=_Verb)
@_graph_options
@_build_dir
@_quiet
def build(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], build_dir: Path | None, quiet: bool) -> None:
    """Compile the stages that are missing or stale."""
    checked = _load(graph, overlays, sets)
    _build_stale(checked, build_dir, quiet=quiet)
    if not quiet:
        click.echo(f"{checked.path}: every stage is built", err=True)


@cli.command(cls=_Verb)
@_graph_options
def show(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Print the graph as a mermaid diagram."""
    from runner.show import mermaid

    click.echo(mermaid(_load(graph, overlays, sets)), nl=False)


@cli.command(cls=_Verb)
@_graph_options
@click.option("--origins", "with_origins", is_flag=True, help="Say where each value was written.")
def config(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], with_origins: bool) -> None:
    """Print every value of a graph, after overlays and --set."""
    from runner.show import origins

    for path, value, origin in origins(_load(graph, overlays, sets)):
        click.echo(f"{path}: {value}" + (f"  # {origin}" if with_origins else ""))


@cli.command(cls=_Verb)
def schema() -> None:
    """Print the JSON Schema of graph files, for editors."""
    from runner.forms import graph_schema

    click.echo(graph_schema(), nl=False)


@cli.command(cls=_Verb)
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("voices", type=click.Path(path_type=Path), nargs=-1)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
def assets(config: Path, voices: tuple[Path, ...], output: Path) -> None:
    """Convert VOICES (files, or folders of .pt files) to .npy, and write vocab.json of the model's CONFIG."""
    from runner.assets import write_assets

    for path in write_assets(config, voices, output):
        click.echo(path)


def main() -> None:
    """The console script: exits with 2 for a mistake of the user's, 130 for an interrupt."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
