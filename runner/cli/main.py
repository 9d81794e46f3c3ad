"""The command line. A command imports what it needs when it runs: `kokoro-run --help` loads only click."""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.completion import VARIABLE

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from runner.graph.types import Graph

_DEFAULT_COMMAND = "run"
_MODULES = {  # commands that have their own modules
    "bundle": "runner.cli.bundle",
    "cache": "runner.cli.cache",
    "compare": "runner.cli.compare",
    "completion": "runner.cli.completion",
    "corpus": "runner.cli.corpus",
    "phonemize": "runner.cli.phonemize",
    "plan": "runner.cli.plan",
    "profile": "runner.cli.profile",
    "replay": "runner.cli.replay",
    "runs": "runner.cli.replay",
    "serve": "runner.cli.serve",
    "stages": "runner.cli.stages",
    "tune": "runner.cli.tune",
    "voices": "runner.cli.voices",
}


class _Commands(click.Group):
    """The group of all commands; `kokoro-run GRAPH ...` is short for `kokoro-run run GRAPH ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        commands = self.list_commands(ctx)
        if args and args[0] not in commands and args[0] not in ("-h", "--help", "--version"):
            if not ctx.resilient_parsing:  # of a line that is being completed
                _refuse_misspelled_command(args[0], commands)
            args = [_DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        from runner.cli.completers import list_graphs

        return [*super().shell_complete(ctx, incomplete), *list_graphs(incomplete)]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_MODULES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _MODULES:
            group: click.Command = getattr(importlib.import_module(_MODULES[cmd_name]), cmd_name)
            return group
        return super().get_command(ctx, cmd_name)


def _refuse_misspelled_command(word: str, commands: list[str]) -> None:
    """Refuse a first argument that is no graph, and is more like a command than like a graph of the package.

    Raises:
        UsageError: names the command.
    """
    if not word.replace("-", "").isalpha() or word.startswith("-"):
        return
    import difflib

    from runner.errors import SpecError
    from runner.files.locate import data_root, find_file, list_yaml_files

    try:
        find_file(word, "graphs")
    except SpecError:
        graphs = [path.stem for path in list_yaml_files(data_root() / "graphs")]
        close = difflib.get_close_matches(word, [*graphs, *commands], n=1)
        if close and close[0] in commands:
            raise click.UsageError(
                f"{word}: no such command, and no such graph; did you mean the command `{close[0]}`?"
            ) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kokoro-run")
def cli() -> None:
    """Run graphs of stages, such as `text`, which speaks: kokoro-run text --text "Hello world."

    `kokoro-run GRAPH ...` is short for `kokoro-run run GRAPH ...`. GRAPH is a YAML file, or the name of one that comes
    with the package: `text` speaks English text, `default` phonemes.
    """


@cli.command(cls=Command)
@options.graph_options
@options.output_option("as FILE, .wav")
@click.option(
    "--sweep",
    multiple=True,
    metavar="A.B=V,V,...",
    help="Run the graph for each value, as in params.speed=0.8,1,1.2, into the folder of -o. Repeatable.",
)
@options.run_options
def run(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], **given: Any) -> None:
    """Run the graph. Missing and stale libraries are built first; results in the cache are not computed again."""
    from runner.runtime import process

    process.limit_blas_threads()
    from runner.cli.settings import Settings

    settings = Settings(**given, overlays=overlays)
    settings.check_source()
    if settings.stream:
        from runner.cli.stream import check_settings

        check_settings(settings)
    cache = settings.open_cache()
    if settings.sweep:
        from runner.cli.sweep import sweep

        sweep(graph, overlays, sets, settings, cache)
        return
    from runner.cli.run import execute, execute_stream

    checked = options.load(graph, overlays, sets, cache)
    with settings.open_rows(checked, once=settings.stream) as lines:
        if settings.stream:
            execute_stream(checked, settings, lines, cache)
        else:
            execute(checked, settings, lines, cache).finish(settings)


@cli.command(cls=Command)
@options.graph_options
@options.lexicon
@options.as_json
def check(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], lexicon: Path | None, *, as_json: bool) -> None:
    """List every mistake in a graph, or the first one in the file of --lexicon; nothing is built or loaded."""
    checked = options.load(graph, overlays, sets)
    if lexicon is not None:
        _check_lexicon(checked, lexicon)
    count = len(checked.stages)
    if as_json:
        console.echo(json.dumps({"format": 1, "status": "ok", "graph": str(checked.path), "stages": count}))
        return
    console.echo(f"{checked.path}: {count} {'stage' if count == 1 else 'stages'}, no mistakes")


def _check_lexicon(graph: Graph, lexicon: Path) -> None:
    from runner.cli.settings import Settings
    from runner.cli.user_lexicon import check_lexicon
    from runner.errors import RunError
    from runner.graph.model_config import read_model

    check_lexicon(graph, read_model(graph.model, RunError, None).keys, Settings(lexicon=lexicon))


@cli.command(cls=Command)
@options.graph_options
@options.build_dir
@options.quiet
def build(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], build_dir: Path | None, quiet: bool) -> None:
    """Compile the stages whose libraries are missing or stale."""
    checked = options.load(graph, overlays, sets)
    from runner.build.staleness import stale
    from runner.cli.building import build_stale

    build_stale(checked, build_dir, stale(checked, build_dir), quiet=quiet)
    if not quiet:
        click.echo(f"{checked.path}: every stage is built", err=True)


@cli.command(cls=Command)
@options.graph_options
def show(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Print the graph as a mermaid diagram."""
    from runner.inspect.mermaid import draw_mermaid

    console.echo(draw_mermaid(options.load(graph, overlays, sets)), nl=False)


@cli.command(cls=Command)
@options.graph_options
@click.option("--origins", "with_origins", is_flag=True, help="Print the origin of each value.")
def config(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], with_origins: bool) -> None:
    """Print every value of a graph, after overlays and --set."""
    from runner.cli.spelling import spell_options
    from runner.inspect.mermaid import list_values

    for path, value, origin in list_values(options.load(graph, overlays, sets)):
        console.echo(f"{path}: {value}" + (f"  # {spell_options(str(origin))}" if with_origins else ""))


@cli.command(cls=Command)
def schema() -> None:
    """Print the JSON Schema of graph files, for editors."""
    from runner.graph.schema import graph_schema

    console.echo(graph_schema(), nl=False)


@cli.command(cls=Command)
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("voices", type=click.Path(path_type=Path), nargs=-1, metavar="[FILE|FILE:NAME|FOLDER]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
def assets(config: Path, voices: tuple[Path, ...], output: Path) -> None:
    """Convert voices to files NAME.npy, and write the vocab.json of the model's CONFIG.

    Of a FILE of many voices all are converted, or the one called NAME; of a FOLDER all its files of voices.
    """
    from runner.speech.assets import write_assets

    for path in write_assets(config, voices, output):
        console.echo(path)


def main() -> None:
    """Run the command line; exits with 2 for a mistake of the user, 130 for an interrupt."""
    console.prepare()
    # At its end Python collects garbage in all live objects, which takes 15 ms and is of no use then.
    atexit.register(gc.freeze)
    try:
        sys.exit(cli.main(standalone_mode=False, complete_var=VARIABLE))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename != console.OUTPUT:
            raise
        sys.exit(console.report_error(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
