"""Measures the convolutions that may run by minimal filtering: the fastest algorithm on this CPU for each shape.

`bench --only filters` writes what it finds into `stages/kernels/filter_table.py`, in the place of this CPU's rows.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import tirx
from tvm.target import Target

from benchmarks.process import ROOT
from benchmarks.timing import interleave
from runner.build.targets import resolve_target
from runner.graph.validate import load_device
from runner.runtime.tensors import put
from runner.runtime.threads import use_threads
from stages.dims import HALF_FRAMES, GeneratorDims, ModelDims
from stages.generator import AdaINResBlock1, Generator
from stages.kernels import filter_table
from stages.kernels.candidates import CANDIDATES, Filtering
from stages.kernels.conv1d import conv1d_kernel
from stages.kernels.convolution import Conv
from stages.kernels.filters import choose, cpu_name
from stages.kernels.register_tile import Float32
from stages.kernels.rows import Rows
from stages.kernels.simd import Simd, blocks
from stages.kernels.winograd import Winograd, winograd_kernel, winograd_numbers
from stages.layers.conv import WinogradConv1d

if TYPE_CHECKING:
    from benchmarks.session import Session

TABLE = Path(filter_table.__file__)
CONFIGS = ("kokoro-82m", "mini")
FRAMES, QUICK_FRAMES = 200, 20
WORTH_IT = 0.97  # another algorithm replaces the current one below this share of its time
DIRECT = "direct"


class Shape(NamedTuple):
    """A convolution as `filters.choose` takes it, and the rows that it has in a frame."""

    inputs: int
    outputs: int
    taps: int
    dilation: int
    rows: int


def measure(session: Session) -> dict[str, Any]:
    """For each shape: milliseconds of each algorithm, the current one, and the one to be used."""
    target = resolve_target(load_device("cpu").target)
    use_threads(session.threads)
    frames = QUICK_FRAMES if session.quick else FRAMES
    rows = [_row(shape, target, frames, session.rounds) for shape in shapes(target)]
    return {"cpu": cpu_name(target), "frames": frames, "direct": DIRECT, "rows": rows}


def shapes(target: Target) -> list[Shape]:
    """Those of the generators of the two models that the project describes; the larger first."""
    found = set()
    for name in CONFIGS:
        config = json.loads((ROOT / "configs" / "models" / name / "config.json").read_text("utf-8"))
        dims = ModelDims.from_config(config)
        with target:
            found |= set(_shapes(dims.generator, Generator(dims.generator, dims.style)))
    return sorted(found, reverse=True)


def _shapes(dims: GeneratorDims, generator: Generator) -> Iterator[Shape]:
    branches = len(dims.resblock_kernels)
    for i, first in enumerate(generator.noise_res):
        rows = HALF_FRAMES * math.prod(dims.rates[: i + 1])
        for block in (first, *generator.resblocks[i * branches : (i + 1) * branches]):
            assert isinstance(block, AdaINResBlock1)
            for layer in (*block.convs1, *block.convs2):
                assert isinstance(layer, WinogradConv1d)
                yield Shape(layer.inputs, layer.outputs, layer.taps, layer.dilation, rows)


def _row(shape: Shape, target: Target, frames: int, rounds: int) -> dict[str, Any]:
    inputs, outputs, taps, dilation, rows = shape
    click.echo(f"{inputs} to {outputs}, {taps} taps, dilation {dilation} ...", err=True)
    form = choose(inputs, outputs, taps, dilation, target)
    now = None if form is None else form.filtering
    calls = {_name(filtering): _call(shape, filtering, target, frames) for filtering in (None, *CANDIDATES[taps])}
    seconds = {name: timing.median for name, timing in interleave(calls, rounds).items()}
    best = min(seconds, key=lambda name: seconds[name])
    if seconds[best] > WORTH_IT * seconds[_name(now)]:
        best = _name(now)
    return {
        "inputs": inputs,
        "outputs": outputs,
        "taps": taps,
        "dilation": dilation,
        "rows": rows * frames,
        "ms": {name: 1e3 * value for name, value in seconds.items()},
        "now": _name(now),
        "best": best,
    }


def _name(filtering: Filtering | None) -> str:
    return DIRECT if filtering is None else f"F({filtering[0]}, {filtering[1]})"


def _call(shape: Shape, filtering: Filtering | None, target: Target, frames: int) -> Callable[[], object]:
    """One convolution behind AdaIN and Snake with the statistics of its output, as most in the generator are."""
    inputs, outputs, taps, dilation, scale = shape
    simd, rows, n = Simd.of(target), Rows(scale), frames * scale
    padding = dilation * (taps - 1) // 2
    conv = Conv(inputs, outputs, taps, dilation, padding=padding, norm=True, snake=True, statistics=True, shared=True)
    if filtering is None:
        kernel, block = conv1d_kernel(conv, rows, rows, simd), simd.block
        weight, _ = Float32(simd).weights(conv, simd.panel)
        numbers = conv.numbers
    else:
        winograd = Winograd.of(filtering, taps, dilation, simd)
        kernel, block = winograd_kernel(conv, winograd, rows, simd), winograd.block
        weight = winograd.weights(conv.columns, inputs, simd.panel)
        numbers = winograd_numbers(conv, winograd)
    width = conv.columns
    random = np.random.default_rng(0)
    inside: list[NDArray[Any]] = [
        np.array([frames], np.int64),
        random.standard_normal((n, width), np.float32),
        random.standard_normal(weight, np.float32),
        np.zeros(width, np.float32),
        *(random.standard_normal((vectors, width), np.float32) for vectors in (3, 2)),  # norm, alpha
        *(np.zeros((n, width), np.float32) for _ in range(conv.share().residuals)),  # which the call does not use
    ]
    outside = [np.empty((n, width), np.float32), np.empty((2, blocks(n, block), width), np.float32)]
    return functools.partial(_compiled(kernel, target), *map(put, inside), *numbers.values(), *map(put, outside))


def _compiled(kernel: tirx.PrimFunc, target: Target) -> Callable[..., object]:
    name = str(kernel.attrs["global_symbol"])
    function: Callable[..., object] = tvm.compile(tvm.IRModule({name: kernel}), target=target)[name]
    return function


def write_table(found: Mapping[str, Any], path: Path = TABLE) -> None:
    """Put what `measure` found into the table, in the place of that CPU's rows."""
    rows = {
        (row["inputs"], row["outputs"], row["taps"], row["dilation"]): _filtering(row["best"], row["taps"])
        for row in found["rows"]
    }
    path.write_text(_source({**filter_table.CHOSEN, found["cpu"]: rows}), "utf-8")


def _filtering(name: str, taps: int) -> Filtering | None:
    return {_name(filtering): filtering for filtering in (None, *CANDIDATES[taps])}[name]


def _source(table: Mapping[str, Mapping[tuple[int, int, int, int], Filtering | None]]) -> str:
    """The module that holds `table`: all that is above the table in it stays."""
    head, sign, _ = TABLE.read_text("utf-8").partition("] | None]] = ")
    return head + sign + "{\n" + "".join(_lines(table)) + "}\n"


def _lines(table: Mapping[str, Mapping[tuple[int, int, int, int], Filtering | None]]) -> Iterable[str]:
    for cpu, rows in sorted(table.items()):
        yield f'    "{cpu}": {{\n'
        yield from (f"        {shape}: {filtering},\n" for shape, filtering in rows.items())
        yield "    },\n"
