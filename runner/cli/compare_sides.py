"""Makes the sides and the inputs of `kokoro-run compare` from its arguments and options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from runner.cli import options
from runner.cli.settings import Settings
from runner.errors import RunError, SpecError
from runner.runtime.values import STR
from runner.speech.model import VOICE, VOICE_TYPE
from stages.contract import TensorType, parse_type

if TYPE_CHECKING:
    from collections.abc import Generator

    from runner.cache.cache import Cache
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph
    from runner.inspect.sides import Case, GraphSide, Side

_REFERENCE = "reference"


@dataclass(frozen=True)
class SideSpec:
    """A side, as an argument of the command line.

    Attributes:
        text: the whole argument.
        head: a graph, a run or the reference.
        overlays, sets: overlays and options that are laid over it.
    """

    text: str
    head: str
    overlays: tuple[str, ...]
    sets: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> SideSpec:
        """Read an argument.

        Raises:
            RunError: a part of it is empty.
        """
        head, *rest = text.split("+")
        if not all([head, *rest]):
            raise RunError(f"'{text}': expected GRAPH[+OVERLAY][+NAME=VALUE]..., RUN or reference")
        overlays = tuple(part for part in rest if "=" not in part)
        return cls(text, head, overlays, tuple(part for part in rest if "=" in part))

    @property
    def own(self) -> tuple[str, ...]:
        """The names of the parameters that it sets."""
        names = (part.partition("=")[0].strip() for part in self.sets)
        return tuple(name.removeprefix("params.") for name in names if name.startswith("params."))


def make_sides(a: SideSpec, b: SideSpec, settings: Settings, *, cross: bool) -> tuple[Side, Side]:
    """Make the two sides, and build their libraries.

    Args:
        cross: whether each stage of A will get the outputs of B's stages as its inputs.

    Raises:
        RunError: one of them is neither a graph, a run nor the reference, or the two cannot be compared.
    """
    from runner.speech.reference_side import ReferenceSide

    plain = [None if spec.head == _REFERENCE else _side(spec, settings) for spec in (a, b)]
    given = [side for side in plain if side is not None]
    if not given:
        raise RunError("the reference takes model and graph from the other side: give a graph or a run as A or B")
    for spec in (a, b):
        if spec.head == _REFERENCE and (spec.overlays or spec.sets):
            raise RunError(f"'{spec.text}': nothing can be laid over the reference; lay it over the other side")
    if len(given) == 1 and cross and plain[0] is None and given[0].graph.padded:
        raise RunError(f"--cross: {given[0].name} pads its arrays, and the reference cannot; exchange A and B")
    first, second = (ReferenceSide(given[0]) if side is None else side for side in plain)
    return first, second


def _side(spec: SideSpec, settings: Settings) -> GraphSide:
    """Make the side of a graph or a run."""
    from runner.files import locate
    from runner.inspect.sides import GraphSide

    cache = settings.open_cache()
    try:
        locate.find_file(spec.head, "graphs")
    except SpecError as no_graph:
        return _run_side(spec, settings, cache, no_graph)
    graph = options.load(spec.head, spec.overlays, spec.sets, cache)
    return GraphSide(spec.text, _pipeline(graph, settings, cache), own=spec.own)


def _run_side(spec: SideSpec, settings: Settings, cache: Cache | None, no_graph: SpecError) -> GraphSide:
    """Make the side of a recorded run; if something is laid over it, the side of its graph."""
    from runner.cli.inputs import find_voices, read_tensors
    from runner.cli.replay_inputs import check_inputs
    from runner.engine import record
    from runner.engine.replay import graph_of
    from runner.inspect.sides import GraphSide, RunSide, list_cases

    if cache is None:
        raise RunError(f"'{spec.head}': a run is read from the cache, which --no-cache excludes")
    try:
        found = record.find(cache.root / "runs", spec.head)
    except RunError as no_run:
        raise RunError(f"'{spec.head}' is neither a graph nor a run:\n  {no_graph}\n  {no_run}") from None
    then = Settings.from_record(found)
    types = {name: parse_type(type_) for name, type_ in found.graph["inputs"].items()}
    voices = [name for name, type_ in types.items() if type_ == VOICE_TYPE]
    cases = list_cases(found, find_voices(voices, then), read_tensors(types, then))
    graph = graph_of(found, spec.overlays, spec.sets)
    arrays = {}
    if _has_no_lines(settings):
        check_inputs(found, graph, ("load",))
        arrays = then.read_arrays()
    build_dir, vocab = settings.build_dir or then.build_dir, settings.vocab or then.vocab
    pipeline = _pipeline(graph, replace(settings, build_dir=build_dir, vocab=vocab), cache)
    if spec.overlays or spec.sets:
        return GraphSide(spec.text, pipeline, own=spec.own, record=found, cases=cases, arrays=arrays)
    return RunSide(found, pipeline, cache, cases=cases, arrays=arrays, changes=settings.spell_inputs())


def _pipeline(graph: Graph, settings: Settings, cache: Cache | None) -> Pipeline:
    from runner.cli.building import build_for, make_pipeline

    pipeline = make_pipeline(graph, settings, cache)
    build_for(pipeline, settings)
    return pipeline


def match_cases(sides: tuple[Side, Side], settings: Settings) -> list[tuple[Case, Case]]:
    """List the inputs of A and of B, one pair for each run of the graphs.

    Raises:
        RunError: two runs have different numbers of inputs, or there are none.
        UsageError: more than one option gives inputs, or none does.
    """
    from runner.inspect.sides import GraphSide

    graphs = [side for side in sides if isinstance(side, GraphSide)]
    settings.check_source()
    if not _has_no_lines(settings):
        return [(case, case) for case in read_cases(graphs[0], settings)]
    own = [[_apply_options(case, side, settings) for case in side.cases] for side in graphs if side.cases is not None]
    if not own:
        raise click.UsageError("neither A nor B is a run, so give --input FILE, --phonemes TEXT or --text TEXT")
    if len({len(cases) for cases in own}) > 1:
        raise RunError(f"{sides[0].name} has {len(own[0])} utterances and {sides[1].name} {len(own[1])}; give --input")
    return list(zip(own[0], own[-1], strict=True))


def _has_no_lines(settings: Settings) -> bool:
    """Whether no option gives lines or inputs; a run then uses those of its record."""
    return settings.source is settings.phonemes is settings.text is None and not settings.inputs


def check_runs(sides: tuple[Side, Side], cases: list[tuple[Case, Case]], settings: Settings, *, computes: bool) -> None:
    """Refuse a run whose input files have changed, unless only arrays in the cache are compared.

    Args:
        computes: whether stages are called on other values than those in the cache.

    Raises:
        RunError: an input has changed; the message names it.
    """
    from runner.cli.recording import print_differences
    from runner.cli.replay_inputs import check_inputs, take_rows
    from runner.inspect.sides import GraphSide, RunSide

    cached = all(isinstance(side, RunSide) for side in sides) and all(case.record for pair in cases for case in pair)
    if cached and not computes:
        return
    used = ("vocab", "voice", "inputs") if _has_no_lines(settings) else ("vocab",)
    for side in sides:
        if isinstance(side, GraphSide) and side.record is not None:
            then, _ = take_rows(side.record)
            check_inputs(side.record, side.graph, [name for name in used if not getattr(settings, name)], then)
            print_differences(side.record, side.pipeline)


def read_cases(side: GraphSide, settings: Settings) -> Generator[Case]:
    """Read the lines that the options give, split into chunks for the model, one after the other."""
    from runner.cli.inputs import GivenInputs
    from runner.cli.runners import make_runner
    from runner.engine.options import RunOptions
    from runner.inspect.sides import Case

    params = settings.params
    with settings.open_rows(side.graph) as rows:
        given = GivenInputs(side.graph, settings)
        runner = make_runner(side.pipeline, given, RunOptions(params))
        runs = runner.runs([given.make_row()] if rows is None else rows)
        plain = {name for name, type_ in side.graph.inputs.items() if type_ == STR or isinstance(type_, TensorType)}
        specs = {name: spec for name, spec in given.shared.items() if name not in plain}
        for origin, run in runs:
            yield Case(origin, {name: value for name, value in run.inputs.items() if name in plain}, specs, params)


def _apply_options(case: Case, side: GraphSide, settings: Settings) -> Case:
    """Put the voice and the parameters of the options into a run's case; the result belongs to no recorded run."""
    params = settings.params
    if not params and settings.voice is None:
        return case
    named = [name for name, type_ in side.graph.inputs.items() if type_ == VOICE_TYPE]
    chosen = VOICE if VOICE in named or not named else named[0]
    specs = case.specs if settings.voice is None else {**case.specs, chosen: settings.voice}
    return replace(case, params={**case.params, **params}, specs=specs, record=None)
