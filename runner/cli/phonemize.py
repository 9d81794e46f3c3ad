"""`kokoro-run phonemize`: prints the phonemes of texts, so that a person can see and correct them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.completers import complete_graph
from runner.cli.settings import Settings
from runner.errors import LineError, RunError

if TYPE_CHECKING:
    from runner.cache.cache import Cache
    from runner.graph.types import Graph
    from runner.speech.phonemizer import Phonemizer, SpokenRow

_HEAD = ("COLUMN", "WORD", "PHONEMES", "SOURCE")


@click.command(cls=Command)
@click.argument("graph", default="text", shell_complete=complete_graph)
@options.overlay_options
@click.option("--text", metavar="TEXT", help="The text, in place of --input.")
@click.option("--input", "source", metavar="FILE", help="Paragraphs of text; '-' is standard input.")
@click.option("--ids", is_flag=True, help="Each line of --input is ID, a tab and a text; so is what is printed.")
@click.option("--lines", is_flag=True, help="Each line of --input is a text of its own, not a part of a paragraph.")
@options.lexicon
@click.option("--words", "as_table", is_flag=True, help="Print a table of each row's words, and where each is from.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a row: text, phonemes and words.")
@options.cache_options
@options.build_dir
@options.quiet
def phonemize(
    graph: str,
    overlays: tuple[str, ...],
    sets: tuple[str, ...],
    *,
    text: str | None,
    source: str | None,
    as_table: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Print the phonemes of a text, one line for each paragraph, as `kokoro-run default --input` takes them.

    GRAPH makes phonemes of text; the stages of its voice do not run.  [default: text]

    With --words, each word has a line: its column in the paragraph, the word, its phonemes, and where they are from:
    lexicon, rule (an ending, a compound, letters by name), model (the letters of an unknown word), espeak, or override
    (markup, --lexicon). With --json, each paragraph is a line, an object with line, id, text, phonemes and words: a
    list of text, column, phonemes and source. Each is printed when it is done, so that a pipe may still be written to;
    those that cannot be spoken are listed at the end, and the command exits with 2.
    """
    if (text is None) == (source is None):
        raise click.UsageError("give one of --text TEXT and --input FILE")
    if as_table and as_json:
        raise click.UsageError("give one of --words and --json; the objects of --json have the words")
    settings = Settings(**given, source=source, text=text, overlays=overlays, as_json=as_json)
    settings.check_source()
    cache = settings.open_cache()
    checked = options.load(graph, overlays, sets, cache)
    phonemizer = _make_phonemizer(checked, settings, cache)
    spell = _spell_json if as_json else _spell_table if as_table else _spell_line
    with settings.open_rows(checked, once=True) as rows:
        count, failed = 0, list[LineError]()
        for row in rows or ():
            count += 1
            try:
                console.echo(spell(phonemizer.read(row)))
            except LineError as error:
                failed.append(error.copy())
    if failed:
        raise RunError("\n".join(map(str, failed)))
    if not count:
        raise RunError(f"{source}: has no text but blank lines")


def _make_phonemizer(graph: Graph, settings: Settings, cache: Cache | None) -> Phonemizer:
    """Make what reads rows, once the stages that it needs are built."""
    import dataclasses

    from runner.build.staleness import stale
    from runner.cli.building import build_stale, find_covered, make_pipeline
    from runner.cli.inputs import GivenInputs
    from runner.speech.phonemizer import Phonemizer, find_phonemes

    settings = dataclasses.replace(settings, until=find_phonemes(graph).stage)
    pipeline = make_pipeline(graph, settings, cache)
    inputs = GivenInputs(graph, settings)
    reasons = stale(graph, settings.build_dir, find_covered(graph, settings))
    build_stale(graph, settings.build_dir, reasons, quiet=settings.quiet)
    return Phonemizer(pipeline, inputs.shared, inputs.lines, settings.make_run_options())


def _spell_line(spoken: SpokenRow) -> str:
    return spoken.phonemes if spoken.row.id is None else f"{spoken.row.id}\t{spoken.phonemes}"


def _spell_json(spoken: SpokenRow) -> str:
    row = spoken.row
    words = None if spoken.words is None else [vars(word) for word in spoken.words]
    fields = {"line": row.origin, "id": row.id, "text": row.text, "phonemes": spoken.phonemes, "words": words}
    return json.dumps(fields, ensure_ascii=False)


def _spell_table(spoken: SpokenRow) -> str:
    """Spell a row as its origin and a table of its words."""
    words = spoken.words or []
    cells = [
        _HEAD,
        *((str(word.column), " ".join(word.text.split()), word.phonemes, word.source or "-") for word in words),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join([f"{spoken.row.label}: {spoken.phonemes}", *(f"  {line.rstrip()}" for line in lines)])
