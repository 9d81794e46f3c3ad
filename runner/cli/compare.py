"""`kokoro-run compare`: two runs, graphs, or one of them and the PyTorch reference."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from runner.cli import options
from runner.cli.command import Verb
from runner.cli.settings import Settings
from runner.errors import RunError, SpecError, suggest

if TYPE_CHECKING:
    from rich.table import Table

    from runner.build.probe import Tap
    from runner.cache.cache import Cache
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph
    from runner.inspect.compare import Case, GraphSide, Side
    from runner.inspect.distance import Distance, Tolerances

_REFERENCE, _LAST = "reference", "last"
_WIDTH = 132  # columns where there is no terminal


@click.command(cls=Verb)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@options.input_options
@click.option("--cross", is_flag=True, help="Give each stage of A what B's stages gave, so that it is judged alone.")
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="[PORT=]X",
    help="Exit with 1 past this share of the largest value (1e-4), or below this signal-to-noise ratio (60dB); of one "
    "stage or port: decoder=60dB. Repeatable.",
)
@click.option(
    "--probe", metavar="STAGE", help="Tell what each layer inside A's STAGE gives for B's inputs; compiles it anew."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@options.cache_options
@options.build_dir
@options.quiet
def compare(a: str, b: str, tolerances: tuple[str, ...], cross: bool, probe: str | None, **given: Any) -> None:
    """Measure how far A is from B, port by port.

    A and B are each GRAPH[+OVERLAY][+NAME=VALUE]..., as in default+configs/static.yaml+params.seed=1; a RUN that
    `kokoro-run runs` lists, or `last`, with the same additions; or `reference`, the PyTorch package. Graphs speak the
    lines of the run they are compared with, unless --input or --phonemes gives others.
    """
    from runner.inspect.compare import compare as measure
    from runner.inspect.distance import Tolerances

    settings, wanted = Settings(**given), Tolerances(tolerances)
    sides = _sides(_Asked.read(a), _Asked.read(b), settings, cross=cross)
    for side in sides:
        wanted.check(side.graph)
    found, inside = {}, {}
    every = _cases(sides, settings)
    _check_runs(sides, every, settings, computes=cross or probe is not None)
    for number, cases in enumerate(every, 1):
        label = f"{number}. {cases[0].label}"
        if probe is not None:
            inside[label] = _probe(sides, cases[1], probe)
            if not settings.as_json and not settings.quiet:
                _print_taps(f"inside {probe} of {sides[0].name}, {cases[0].label}", inside[label])
        distances = found[label] = measure(*sides, cases, wanted, cross=cross)
        if not settings.as_json and not settings.quiet:
            _print(f"{sides[0].name} against {sides[1].name}, {cases[0].label}", distances, wanted)
    within = all(_within(one, wanted) for distances in found.values() for one in distances)
    if settings.as_json:
        names = {"a": sides[0].name, "b": sides[1].name, "cross": cross}
        utterances = [
            {"line": label, "ports": _rows(distances, wanted), "probe": [tap.table() for tap in inside.get(label, [])]}
            for label, distances in found.items()
        ]
        click.echo(json.dumps({"format": 1, **names, "within": within, "utterances": utterances}))
    if not within:
        click.get_current_context().exit(1)


@dataclass(frozen=True)
class _Asked:
    """One side as it was written, and what is laid over it."""

    text: str
    head: str
    overlays: tuple[str, ...]
    sets: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> _Asked:
        head, *rest = text.split("+")
        if not all([head, *rest]):
            raise RunError(f"'{text}': expected GRAPH[+OVERLAY][+NAME=VALUE]..., RUN or reference")
        overlays = tuple(part for part in rest if "=" not in part)
        return cls(text, head, overlays, tuple(part for part in rest if "=" in part))

    @property
    def own(self) -> tuple[str, ...]:
        """The parameters that it sets."""
        names = (part.partition("=")[0].strip() for part in self.sets)
        return tuple(name.removeprefix("params.") for name in names if name.startswith("params."))


def _sides(a: _Asked, b: _Asked, settings: Settings, *, cross: bool) -> tuple[Side, Side]:
    from runner.inspect.compare import ReferenceSide

    plain = [None if asked.head == _REFERENCE else _side(asked, settings) for asked in (a, b)]
    given = [side for side in plain if side is not None]
    if not given:
        raise RunError("the reference takes model and graph from the other side: give a graph or a run as A or B")
    for asked in (a, b):
        if asked.head == _REFERENCE and (asked.overlays or asked.sets):
            raise RunError(f"'{asked.text}': nothing can be laid over the reference; lay it over the other side")
    if len(given) == 1 and cross and plain[0] is None and given[0].graph.padded:
        raise RunError(
            f"--cross: {given[0].name} pads, and the reference knows no padding; compare the other way round"
        )
    first, second = (ReferenceSide(given[0]) if side is None else side for side in plain)
    return first, second


def _side(asked: _Asked, settings: Settings) -> GraphSide:
    """The graph or run that is meant, its libraries built."""
    from runner.files import locate
    from runner.inspect.compare import GraphSide

    cache = settings.cache()
    try:
        locate.find_file(asked.head, "graphs")
    except SpecError as no_graph:
        return _run_side(asked, settings, cache, no_graph)
    graph = options.load(asked.head, asked.overlays, asked.sets, cache)
    return GraphSide(asked.text, _pipeline(graph, settings, cache), asked.own)


def _run_side(asked: _Asked, settings: Settings, cache: Cache | None, no_graph: SpecError) -> GraphSide:
    """A run as it was; with something laid over it, its graph under that."""
    from runner.cli.replay_inputs import check_inputs
    from runner.engine import record
    from runner.engine.replay import graph_of
    from runner.inspect.compare import GraphSide, RunSide

    if cache is None:
        raise RunError(f"'{asked.head}': a run is looked up in the cache, and --no-cache forbids that")
    try:
        found = record.find(cache.root / "runs", None if asked.head == _LAST else asked.head)
    except RunError as no_run:
        raise RunError(f"'{asked.head}' is neither a graph nor a run:\n  {no_graph}\n  {no_run}") from None
    graph, then = graph_of(found, asked.overlays, asked.sets), Settings.of_record(found)
    arrays = {}
    if _speaks_its_own(settings):
        check_inputs(found, graph, ("load",))
        arrays = then.arrays()
    build_dir, vocab = settings.build_dir or then.build_dir, settings.vocab or then.vocab
    pipeline = _pipeline(graph, replace(settings, build_dir=build_dir, vocab=vocab), cache)
    if asked.overlays or asked.sets:
        return GraphSide(asked.text, pipeline, asked.own, found, arrays)
    return RunSide(found, pipeline, arrays, cache)


def _pipeline(graph: Graph, settings: Settings, cache: Cache | None) -> Pipeline:
    from runner.build.staleness import stale
    from runner.cli.building import build_stale
    from runner.engine.pipeline import Pipeline
    from runner.speech.model import make_resolvers

    pipeline = Pipeline(graph, settings.build_dir, None, settings.config(), cache, make_resolvers(graph))
    reasons = stale(graph, settings.build_dir)
    if reasons:
        pipeline.check_devices()
    build_stale(graph, settings.build_dir, reasons, quiet=settings.quiet)
    return pipeline


def _cases(sides: tuple[Side, Side], settings: Settings) -> list[tuple[Case, Case]]:
    """What both sides speak, utterance by utterance."""
    from runner.inspect.compare import GraphSide

    graphs = [side for side in sides if isinstance(side, GraphSide)]
    if settings.source is not None and settings.phonemes is not None:
        raise click.UsageError("give one of --input FILE and --phonemes TEXT")
    if not _speaks_its_own(settings):
        return [(case, case) for case in _spoken(graphs[0], settings)]
    own = [[_changed(case, settings) for case in side.cases] for side in graphs if side.cases is not None]
    if not own:
        raise click.UsageError("neither A nor B is a run, so give --input FILE or --phonemes TEXT")
    if len({len(cases) for cases in own}) > 1:
        raise RunError(f"{sides[0].name} has {len(own[0])} utterances and {sides[1].name} {len(own[1])}; give --input")
    return list(zip(own[0], own[-1], strict=True))


def _speaks_its_own(settings: Settings) -> bool:
    """Whether a run speaks the lines that it spoke then."""
    return settings.source is None and settings.phonemes is None


def _check_runs(
    sides: tuple[Side, Side], cases: list[tuple[Case, Case]], settings: Settings, *, computes: bool
) -> None:
    """Refuse a run with an input that has changed since, unless all that is looked at is what runs have left."""
    from runner.cli.recording import tell_differences
    from runner.cli.replay_inputs import check_inputs
    from runner.inspect.compare import GraphSide, RunSide

    left = all(isinstance(side, RunSide) for side in sides) and all(case.record for pair in cases for case in pair)
    if left and not computes:
        return
    used = ("vocab", "voice") if _speaks_its_own(settings) else ("vocab",)
    for side in sides:
        if isinstance(side, GraphSide) and side.record is not None:
            check_inputs(side.record, side.graph, [name for name in used if getattr(settings, name) is None])
            tell_differences(side.record, side.pipeline)


def _spoken(side: GraphSide, settings: Settings) -> list[Case]:
    """The lines that were given, cut as the model takes them."""
    from runner.batch import rows
    from runner.engine.options import RunOptions
    from runner.inspect.compare import Case
    from runner.speech.line_runner import PHONEMES, OutputRunner

    params = settings.params
    runner = OutputRunner(side.pipeline, settings.voice, RunOptions(params))
    with rows.open_rows(settings.source, settings.phonemes, "--phonemes") as lines:
        return [
            Case(origin, {PHONEMES: run.inputs[PHONEMES]}, settings.voice, params) for origin, run in runner.runs(lines)
        ]


def _changed(case: Case, settings: Settings) -> Case:
    """A case of a run with another voice or parameters, where these are given: then it is none of that run's."""
    params = settings.params
    if not params and settings.voice is None:
        return case
    return replace(case, params={**case.params, **params}, voice=settings.voice or case.voice, record=None)


def _probe(sides: tuple[Side, Side], case: Case, stage: str) -> list[Tap]:
    """What the layers of A's stage give for what B's stages gave."""
    from runner.inspect.compare import GraphSide, inputs_of
    from runner.runtime.process import prepare_for_compiler

    a, b = sides
    if stage not in a.graph.stages:
        raise RunError(f"--probe: no stage is called '{stage}'{suggest(stage, a.graph.stages)}")
    if not isinstance(a, GraphSide):
        raise RunError("--probe looks into a stage of A, and the reference has none that is compiled; give it as B")
    prepare_for_compiler()
    from runner.build.probe import probe

    inputs = inputs_of(a.graph.stages[stage], {**b.given(case), **b.ports(case)})
    return probe(a.graph, stage, a.filled(stage, inputs))


def _within(found: Distance, wanted: Tolerances) -> bool:
    tolerance = wanted.of(found.port)
    return tolerance is None or tolerance.holds(found)


def _rows(distances: list[Distance], wanted: Tolerances) -> list[dict[str, Any]]:
    tolerances = [wanted.of(found.port) for found in distances]
    return [
        {**found.table(), "tolerance": None if limit is None else str(limit), "within": _within(found, wanted)}
        for found, limit in zip(distances, tolerances, strict=True)
    ]


def _print(title: str, distances: list[Distance], wanted: Tolerances) -> None:
    """A table on standard output; what is past its tolerance is red."""
    from rich.text import Text

    columns = ["port", "A", "max abs", "relative", "RMS", "SNR [dB]", "from", "LSD [dB]"]
    columns += ["tolerance"] if wanted else []
    table = _table(title, columns, left=("port", "A", "from", "tolerance"))
    for found in distances:
        style = "" if _within(found, wanted) else "red"
        cells = _cells(found)
        if wanted:
            cells.append(f"{wanted.of(found.port) or ''}{'' if _within(found, wanted) else ' exceeded'}")
        table.add_row(*(Text(cell, style) for cell in cells))
    _show(table)
    for found in distances:
        if found.fault is not None:
            click.echo(f"{found.port}: {found.fault}")
    click.echo()


def _print_taps(title: str, taps: list[Tap]) -> None:
    """A table of the layers; those with a value that is not finite are red."""
    from rich.text import Text

    columns = ["layer", "shape", "mean", "std", "max abs", "finite"]
    table = _table(title, columns, left=("layer", "shape"))
    for tap in taps:
        shape = " x ".join(map(str, tap.shape))
        cells = [tap.name, shape, f"{tap.mean:.3g}", f"{tap.std:.3g}", f"{tap.largest:.3g}", f"{tap.finite:.4%}"]
        table.add_row(*(Text(cell, "red" if tap.finite < 1 else "") for cell in cells))
    _show(table)
    born = next((tap for tap in taps if tap.finite < 1), None)
    click.echo("every value is finite" if born is None else f"the first that is not finite: {born.name}")
    click.echo()


def _table(title: str, columns: list[str], left: tuple[str, ...]) -> Table:
    """A table without rows, its title printed."""
    from rich.table import Table
    from rich.text import Text

    click.echo(title)  # not as the table's, which would be cut to its width
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(Text(column), justify="left" if column in left else "right")
    return table


def _show(table: Table) -> None:
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH)).print(table)


def _cells(found: Distance) -> list[str]:
    shape = found.shapes[0] or found.shapes[1] or ""
    if found.fault is None and found.max_abs == 0:
        return [found.port, shape, "equal", "", "", "", "", ""]
    numbers = [f"{value:.2g}" if value == value else "" for value in (found.max_abs, found.relative, found.rms)]
    snr = f"{found.snr_db:.1f}" if found.snr_db == found.snr_db else ""
    first = "" if found.first is None else f"{found.first[0]} {found.first[1]}"
    return [found.port, shape, *numbers, snr, first, "" if found.lsd_db is None else f"{found.lsd_db:.2f}"]
