"""How close the compiled stages come to the PyTorch reference in float64, measured the same way for every model.

    utterance --> reference, float64 --ports--> rounded to float32 --> stage --> our ports      one stage alone
                                                       |
                                                       +-------------> stage of the reference in float64, and in float32
    utterance --> whole graph --> durations, audio                                              end to end

A stage's two sides are given the same float32 numbers, so that only its own arithmetic is measured. PyTorch in float32
goes the same way; its distance stands beside ours in the table that the tests print.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from runner.engine.options import RunOptions
from tests import real_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from runner.api import Pipeline
    from runner.graph.load import Graph
    from tests.reference import Ports, Reference

SYMBOLS = (1, 5, 30, 120, 510)
SEEDS = (0, 1, 2)
SHORT = 30  # symbols up to which the whole graph is compared with F0 of its own


@dataclass(frozen=True)
class Bar:
    """What a figure has to reach: at most a share of the output's maximum, or at least a signal-to-noise ratio [dB]."""

    limit: float
    in_decibels: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.in_decibels else value <= self.limit

    def worst(self, values: Iterable[float]) -> float:
        return (min if self.in_decibels else max)(values)

    def show(self, value: float) -> str:
        return f"{value:.1f} dB" if self.in_decibels else f"{value:.1e}"

    def __str__(self) -> str:
        return f"{'>=' if self.in_decibels else '<='} {self.limit:g}{' dB' if self.in_decibels else ''}"


STAGES: dict[str, Bar] = {
    "bert": Bar(1e-4),
    "duration": Bar(1e-4),
    "text_encoder": Bar(1e-4),
    "f0n": Bar(1e-5),
    "decoder": Bar(60, in_decibels=True),
}
WHOLE = Bar(40, in_decibels=True)
WHOLE_WITH_F0 = Bar(60, in_decibels=True)


@dataclass(frozen=True)
class Figure:
    """One distance from the reference in float64; `torch` is that of PyTorch in float32, where it was measured."""

    model: str
    quantity: str
    symbols: int
    seed: int
    bar: Bar
    ours: float
    torch: float | None

    @property
    def holds(self) -> bool:
        return self.bar.holds(self.ours)


_PROPERTY = "figure"


def hold_figures(request: pytest.FixtureRequest, figures: list[Figure]) -> None:
    """Put figures of a test into the table printed at the end of the session, then hold them to their bars."""
    request.node.user_properties += [(_PROPERTY, json.dumps(asdict(figure))) for figure in figures]
    assert_within_bars(figures)


def read_figures(reports: Iterable[pytest.TestReport]) -> list[Figure]:
    """The figures of all tests, also of those that another process of pytest-xdist ran."""
    told = [json.loads(str(value)) for report in reports for name, value in report.user_properties if name == _PROPERTY]
    return [Figure(**{**fields, "bar": Bar(**fields["bar"])}) for fields in told]


def largest_error(expected: NDArray[Any], got: NDArray[Any]) -> float:
    """max |difference| over max |expected|."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def signal_to_noise(expected: NDArray[Any], got: NDArray[Any]) -> float:
    """10 log10 of the energy of `expected` over that of the difference; infinite where they are equal."""
    noise = np.sum(np.square(got.astype(np.float64) - expected))
    return float("inf") if noise == 0 else float(10 * np.log10(np.sum(np.square(expected)) / noise))


def distance(bar: Bar, expected: NDArray[Any], got: NDArray[Any]) -> float:
    """The figure that `bar` judges."""
    return (signal_to_noise if bar.in_decibels else largest_error)(expected, got)


@dataclass
class Subject:
    """A model on both sides: compiled, and as the reference in float64 and in float32.

    words: so many phonemes, others for another seed; random ones make sense to a random model only.
    """

    name: str
    pipeline: Pipeline
    exact: Reference
    single: Reference
    pack: NDArray[np.float32]
    words: Callable[[int, int], str]


def read_subject(name: str, graph: Graph, pipeline: Pipeline) -> Subject:
    """The model of `graph` on both sides; `pipeline` has its libraries."""
    import torch  # noqa: PLC0415 - may be absent

    from tests.reference import Reference, read_weights  # noqa: PLC0415 - imports torch
    from tests.synthetic import phonemes  # noqa: PLC0415 - likewise

    config, tensors = read_weights(graph)
    exact, single = (Reference(config, tensors, dtype) for dtype in (torch.float64, torch.float32))
    real = graph.model is not None and graph.model.name == real_model.MODEL
    words = real_model.passage if real else partial(phonemes, vocabulary=config["vocab"])
    return Subject(name, pipeline, exact, single, pipeline.resolve("voice", None), words)


class Utterance:
    """The reference's side of one utterance, each part computed when it is first asked for."""

    def __init__(self, subject: Subject, symbols: int, seed: int) -> None:
        self.subject, self.symbols, self.seed = subject, symbols, seed
        self.phonemes = subject.words(symbols, seed)
        self.input_ids = subject.exact.input_ids(self.phonemes)

    @cached_property
    def ports(self) -> Ports:
        """Every port but the audio, in float64."""
        return self.subject.exact.run(self.input_ids, self.subject.pack, seed=self.seed, audio=False)

    @cached_property
    def rounded(self) -> Ports:
        """The same in float32, as the graph's edges carry them."""
        return {port: _single(value) for port, value in self.ports.items()}

    def inputs(self, stage: str) -> Ports:
        """What a stage is given by the reference."""
        from tests.reference import INPUTS  # noqa: PLC0415

        return {port: self.rounded[source] for port, source in INPUTS[stage].items()}

    @cached_property
    def decoded(self) -> Ports:
        """The decoder's float64 output for its float32 inputs."""
        return self.subject.exact.stage("decoder", **self.inputs("decoder"))

    def expected(self, stage: str) -> Ports:
        """A stage's float64 outputs for its float32 inputs."""
        return self.decoded if stage == "decoder" else self.subject.exact.stage(stage, **self.inputs(stage))

    def stage_figures(self, stages: Iterable[str] = tuple(STAGES)) -> list[Figure]:
        """Every port of the compiled stages, each stage alone."""
        return [figure for stage in stages for figure in self._stage(stage, STAGES[stage])]

    def _stage(self, stage: str, bar: Bar) -> list[Figure]:
        expected, inputs = self.expected(stage), self.inputs(stage)
        ours = self.subject.pipeline.call_stage(stage, inputs)
        torch = self.subject.single.stage(stage, **inputs)
        return [
            self._figure(f"{stage}.{port}", bar, value, ours[port], torch[port]) for port, value in expected.items()
        ]

    def speak(self, *, with_f0: bool) -> Mapping[str, Any]:
        """Every port of our whole graph; with the reference's F0 and N in place of our own, if asked."""
        override = {f"f0n.{port}": self.rounded[port] for port in ("f0", "n")} if with_f0 else {}
        return self.subject.pipeline.run(
            {"phonemes": self.phonemes, "voice": self.subject.pack},
            RunOptions(params={"seed": self.seed}, keep=True, override=override),
        )

    def whole_figure(self, ours: Mapping[str, Any], *, with_f0: bool) -> Figure:
        """The audio of `speak` against the reference's, its durations being right."""
        if with_f0:
            return self._figure("whole, F0 given", WHOLE_WITH_F0, self.decoded["audio"], ours["decoder.audio"], None)
        exact, single = (
            model.run(self.input_ids, self.subject.pack, seed=self.seed)
            for model in (self.subject.exact, self.subject.single)
        )
        torch = single["audio"] if np.array_equal(single["durations"], exact["durations"]) else None
        return self._figure("whole", WHOLE, exact["audio"], ours["decoder.audio"], torch)

    def _figure(
        self, quantity: str, bar: Bar, expected: NDArray[Any], ours: NDArray[Any], torch: NDArray[Any] | None
    ) -> Figure:
        theirs = None if torch is None else distance(bar, expected, torch)
        return Figure(self.subject.name, quantity, self.symbols, self.seed, bar, distance(bar, expected, ours), theirs)


def _single(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(np.float32) if value.dtype == np.float64 else value


def assert_within_bars(figures: Iterable[Figure]) -> None:
    """Every figure reaches its bar; those that do not are named with their values."""
    failed = [f"{f.quantity}: {f.bar.show(f.ours)}, bar {f.bar}" for f in figures if not f.holds]
    assert not failed, "; ".join(failed)


def table(figures: Iterable[Figure]) -> list[str]:
    """A line per model and quantity, a column per length: ours and, in brackets, PyTorch's, the worst of the seeds."""
    groups: dict[tuple[str, str, Bar], dict[int, list[Figure]]] = defaultdict(lambda: defaultdict(list))
    for figure in figures:
        groups[figure.model, figure.quantity, figure.bar][figure.symbols].append(figure)
    head = f"{'model':<10} {'port':<20} {'bar':<9} " + "".join(f"{f'{n} symbols':<20}" for n in SYMBOLS)
    return [
        head.rstrip(),
        *(
            (
                f"{model:<10} {quantity:<20} {bar!s:<9} " + "".join(f"{_cell(bar, cells[n]):<20}" for n in SYMBOLS)
            ).rstrip()
            for (model, quantity, bar), cells in groups.items()
        ),
    ]


def _cell(bar: Bar, figures: list[Figure]) -> str:
    if not figures:
        return ""
    ours = bar.show(bar.worst(figure.ours for figure in figures))
    torch = [figure.torch for figure in figures if figure.torch is not None]
    return f"{ours} ({bar.show(bar.worst(torch))})" if torch else ours
