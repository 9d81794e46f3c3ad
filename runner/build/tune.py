"""Measures the forms of the convolutions of a graph on this CPU, and chooses the fastest of each.

    graph --> stages for this CPU --> layers that may be filtered --> shapes
    shape --> direct sum, each F(m, r) with each number of tiles --compile, time in turns--> form

All threads compute, as they do in a stage, and the least wall time of several rounds counts. This module imports TVM's
compiler.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import tirx
from tvm.target import Target

from runner.build.export import find_class
from runner.build.targets import resolve_target
from runner.errors import BuildError
from runner.graph.model_config import read_model
from runner.runtime.tensors import put
from runner.runtime.threads import available_threads, use_threads
from stages.dispatch import filtering_pays
from stages.kernels.candidates import CANDIDATES
from stages.kernels.conv1d import conv1d_kernel
from stages.kernels.convolution import Conv
from stages.kernels.filters import Form, Shape, choose
from stages.kernels.register_tile import Float32
from stages.kernels.rows import Rows
from stages.kernels.simd import Simd, padded
from stages.kernels.winograd import Winograd, winograd_kernel, winograd_numbers
from stages.layers.conv import WinogradConv1d
from stages.layers.packing import find_packed

if TYPE_CHECKING:
    from runner.graph.types import Graph

TILES = (14, 28, 56)  # half as many, as many and twice as many as usual
FRAMES, SCALE = 200, 24  # of a signal, and its rows in a frame: it is longer than a second-level cache
WORTH_IT = 0.92  # another form replaces the usual one below this share of its time: alone it gains more than in a stage

Call = Callable[[], object]


@dataclass(frozen=True)
class Measurement:
    """The seconds of the forms of one shape; the usual form, and the chosen one. None is the direct sum."""

    shape: Shape
    seconds: dict[Form | None, float]
    usual: Form | None
    chosen: Form | None


def find_shapes(graph: Graph) -> list[tuple[Shape, Target]]:
    """Find the convolutions that may be filtered, in the stages that are compiled for this CPU; the larger first.

    Raises:
        BuildError: config.json cannot be read, or a stage cannot be imported.
    """
    found: dict[Shape, Target] = {}
    dims = read_model(graph.model, BuildError).dims
    for spec in graph.stages.values():
        kind = spec.kind.target
        if spec.source is None or kind.get("kind") != "llvm" or kind.get("mcpu") != "native":
            continue
        target = resolve_target(kind)
        with target:
            for _, layer in find_packed(find_class(spec.source)(dims)):
                if isinstance(layer, WinogradConv1d) and filtering_pays():
                    found[layer.inputs, layer.outputs, layer.taps, layer.dilation] = target
    return sorted(found.items(), key=lambda item: item[0], reverse=True)


def measure(shape: Shape, target: Target, rounds: int) -> Measurement:
    """Measure the forms of a convolution, in turns, and choose one."""
    usual = _round(choose(*shape, target), shape, Simd.of(target))
    forms = dict.fromkeys([usual, *_list_forms(shape, Simd.of(target))])
    calls = {form: make_call(shape, form, target, FRAMES, SCALE) for form in forms}
    seconds = time_calls(calls, rounds)
    best = min(seconds, key=lambda form: seconds[form])
    chosen = best if seconds[best] < WORTH_IT * seconds[usual] else usual
    return Measurement(shape, seconds, usual, chosen)


def _list_forms(shape: Shape, simd: Simd) -> Iterator[Form | None]:
    """List the forms of a shape; several numbers of tiles may be rounded to the same one."""
    yield None
    for m, r in CANDIDATES.get(shape[2], ()):
        for tiles in TILES:
            yield _round(Form(m, r, tiles), shape, simd)


def _round(form: Form | None, shape: Shape, simd: Simd) -> Form | None:
    """Round the tiles of a form to those that its blocks have."""
    if form is None:
        return None
    _, _, taps, dilation = shape
    return Form(form.m, form.r, Winograd.of(form.filtering, taps, dilation, simd, form.tiles).tiles)


def time_calls(calls: Mapping[Form | None, Call], rounds: int) -> dict[Form | None, float]:
    """Time each call `rounds` times, one after the other in each round; gives the least seconds of each."""
    use_threads(available_threads())
    for call in calls.values():
        call()  # page faults of the arrays
    seconds = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for form, call in calls.items():
            began = time.perf_counter()
            call()
            seconds[form] = min(seconds[form], time.perf_counter() - began)
    return seconds


def make_call(shape: Shape, form: Form | None, target: Target, frames: int, scale: int) -> Call:
    """Compile a convolution behind AdaIN and Snake with the statistics of its output, and give it random arrays."""
    inputs, outputs, taps, dilation = shape
    simd, rows = Simd.of(target), Rows(scale)
    padding = dilation * (taps - 1) // 2
    conv = Conv(inputs, outputs, taps, dilation, padding=padding, norm=True, snake=True, statistics=True, shared=True)
    if form is None:
        kernel, block = conv1d_kernel(conv, rows, rows, simd), simd.block
        weight, numbers = Float32(simd).weights(conv, simd.panel)[0], conv.numbers
    else:
        winograd = Winograd.of(form.filtering, taps, dilation, simd, form.tiles)
        kernel, block = winograd_kernel(conv, winograd, rows, simd), winograd.block
        weight, numbers = winograd.weights(conv.columns, inputs, simd.panel), winograd_numbers(conv, winograd)
    count, wide = frames * scale, padded(outputs)
    arrays = _make_arrays(conv, frames, count, weight)
    results = [np.empty(shape, np.float32) for shape in ((count, wide), (2, -(-count // block), wide))]
    return functools.partial(_compile(kernel, target), *map(put, arrays), *numbers.values(), *map(put, results))


def _make_arrays(conv: Conv, frames: int, rows: int, weight: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Make what a convolution takes, in its kernel's order; no call uses the residuals."""
    random, wide = np.random.default_rng(0), padded(conv.inputs)
    yield np.array([frames], np.int64)
    yield random.standard_normal((rows, wide), np.float32)
    yield random.standard_normal(weight, np.float32)
    yield np.zeros(conv.columns, np.float32)
    yield random.standard_normal((3, wide), np.float32)  # norm
    yield random.uniform(0.5, 2.0, (2, wide)).astype(np.float32)  # alpha
    for _ in range(conv.share().residuals):
        yield np.zeros((rows, padded(conv.outputs)), np.float32)


@functools.cache
def _compile(kernel: tirx.PrimFunc, target: Target) -> Callable[..., object]:
    """Compile a kernel; those of several dilations may be the same."""
    name = str(kernel.attrs["global_symbol"])
    function: Callable[..., object] = tvm.compile(tvm.IRModule({name: kernel}), target=target)[name]
    return function
