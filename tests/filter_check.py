"""Is minimal filtering exact on a model's own weights: every convolution of the generator that it serves, alone.

    python -m tests.filter_check [--model kokoro-82m-int8] [--symbols 30]

    words --reference, float64--> input of each convolution --float32--> direct sum, minimal filtering --> error

Prints for each shape the root mean square of the error over that of the exact output, of the direct sum and of the
algorithm that `filters` chooses on this CPU, the worst of the layers; beside it the same for normal random numbers in
the place of inputs and weights, with which the algorithms were chosen (docs/decisions/0007-minimal-filtering.md).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
import torch
import tvm
from numpy.typing import NDArray
from torch import nn
from tvm.target import Target

from runner.api import Pipeline
from runner.build.targets import resolve_target
from runner.graph.load import load_graph
from runner.graph.validate import load_device
from runner.runtime.tensors import put
from stages.kernels.candidates import Filtering
from stages.kernels.conv1d import conv1d_kernel
from stages.kernels.convolution import Conv
from stages.kernels.filters import choose
from stages.kernels.rows import Rows
from stages.kernels.simd import Simd, blocks
from stages.kernels.winograd import Winograd, transformed_weight, winograd_kernel, winograd_numbers
from stages.layers.packing import pack_columns
from tests.real_model import MODEL, passage
from tests.reference import Reference, read_weights

Array = NDArray[Any]
Shape = tuple[int, int, int, int]  # inputs, outputs, taps, dilation
Kernel = Callable[[Array, Array, Array], Array]  # x [rows, inputs], weight, bias -> [rows, outputs]


@dataclass(frozen=True)
class Layer:
    """One convolution with what the reference gives it: x [rows, inputs], weight [outputs, inputs, taps], bias."""

    name: str
    dilation: int
    x: Array
    weight: Array
    bias: Array

    @property
    def shape(self) -> Shape:
        outputs, inputs, taps = self.weight.shape
        return inputs, outputs, taps, self.dilation

    def random(self) -> Layer:
        """The same with normal random numbers."""
        numbers = np.random.default_rng(0).standard_normal
        x, weight, bias = (numbers(array.shape).astype(np.float32) for array in (self.x, self.weight, self.bias))
        return Layer(self.name, self.dilation, x, weight, bias)

    def exact(self) -> Array:
        """float64 [rows, outputs], of the float32 numbers."""
        x, weight, bias = (torch.from_numpy(array).double() for array in (self.x, self.weight, self.bias))
        padding = self.dilation * (weight.shape[2] - 1) // 2
        y = nn.functional.conv1d(x.T[None], weight, bias, padding=padding, dilation=self.dilation)
        return y[0].T.numpy()


@dataclass(frozen=True)
class Error:
    """Of one convolution: RMS of the error over RMS of the exact output."""

    layer: Layer
    filtering: Filtering
    direct: float
    filtered: float
    random_direct: float
    random_filtered: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table for the model that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.filter_check", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--symbols", type=int, default=30)
    options = parser.parse_args(arguments)
    sys.stdout.write("\n".join(table(list(errors(options.model, options.symbols)))) + "\n")


def errors(model: str, symbols: int) -> Iterator[Error]:
    """Every convolution of the generator that is filtered on this CPU."""
    target = resolve_target(load_device("cpu").target)
    for layer in sorted(layers(model, symbols), key=lambda layer: layer.shape, reverse=True):
        form = choose(*layer.shape, target)
        if form is None:
            continue
        filtering = form.filtering
        kernels = [compiled(layer.shape, way, target) for way in (None, filtering)]
        found = [_error(kernel, each) for each in (layer, layer.random()) for kernel in kernels]
        yield Error(layer, filtering, *found)


def layers(model: str, symbols: int) -> list[Layer]:
    """The convolutions of the generator's res-blocks, with what an utterance brings them."""
    graph = load_graph("default", [model])
    reference = Reference(*read_weights(graph))
    generator = reference.model.decoder.generator
    found: list[Layer] = []

    def keep(name: str, conv: nn.Conv1d, given: tuple[torch.Tensor]) -> None:
        assert conv.bias is not None
        x, weight, bias = (tensor.detach().numpy() for tensor in (given[0][0].T, conv.weight, conv.bias))
        arrays = (np.ascontiguousarray(array, np.float32) for array in (x, weight, bias))
        found.append(Layer(name, conv.dilation[0], *arrays))

    for name, module in generator.named_modules():
        if name.startswith(("resblocks.", "noise_res.")) and isinstance(module, nn.Conv1d):
            module.register_forward_pre_hook(lambda conv, given, name=name: keep(name, conv, given))
    reference.run(reference.input_ids(passage(symbols)), Pipeline(graph).resolve("voice", None))
    return found


@cache
def compiled(shape: Shape, filtering: Filtering | None, target: Target) -> Kernel:
    """The convolution of a shape, by minimal filtering or, for None, as a direct sum."""
    inputs, outputs, taps, dilation = shape
    simd = Simd.of(target)
    conv = Conv(inputs, outputs, taps, dilation, padding=dilation * (taps - 1) // 2, shared=True)
    winograd = filtering and Winograd.of(filtering, taps, dilation, simd)
    if winograd:
        function, numbers = winograd_kernel(conv, winograd, Rows(1), simd), winograd_numbers(conv, winograd)
    else:
        function, numbers = conv1d_kernel(conv, Rows(1), Rows(1), simd), conv.numbers
    block = winograd.block if winograd else simd.block
    name = str(function.attrs["global_symbol"])
    library = tvm.compile(tvm.IRModule({name: function}), target=target)

    def run(x: Array, weight: Array, bias: Array) -> Array:
        packed = transformed_weight(weight, winograd, simd.panel) if winograd else pack_columns(weight, simd.panel)
        y, n = put(np.empty((len(x), outputs), np.float32)), len(x)
        partials = put(np.empty((2, blocks(n, block), outputs), np.float32))
        unused = [y] * conv.share().residuals
        library[name](
            put(np.array([n], np.int64)), put(x), put(packed), put(bias), *unused, *numbers.values(), y, partials
        )
        return y.numpy()

    return run


def _error(kernel: Kernel, layer: Layer) -> float:
    exact = layer.exact()
    return float(np.sqrt(np.mean(np.square(kernel(layer.x, layer.weight, layer.bias) - exact)) / np.mean(exact**2)))


def table(found: Sequence[Error]) -> list[str]:
    """A line for each shape and algorithm, the worst of its layers."""
    lines = [f"{'convolution':<33} {'':<8} {'direct':>8} {'filtered':>9}   random: {'direct':>8} {'filtered':>9}"]
    for (shape, filtering), group in groupby(found, lambda error: (error.layer.shape, error.filtering)):
        inputs, outputs, taps, dilation = shape
        same = list(group)
        what = f"{inputs} to {outputs}, {taps} taps, dilation {dilation}"
        worst = [
            max(getattr(error, of) for error in same)
            for of in ("direct", "filtered", "random_direct", "random_filtered")
        ]
        lines.append(
            f"{what:<33} F{filtering!s:<7} {worst[0]:8.1e} {worst[1]:9.1e}   {'':8}{worst[2]:8.1e} {worst[3]:9.1e}"
        )
    return lines


if __name__ == "__main__":
    main()
