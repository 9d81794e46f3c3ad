"""Times every kernel call inside one compiled stage, and counts the arithmetic that the call stands for.

The Relax virtual machine tells an `instrument` of each call before and after it. The tensors that a kernel gets say
what it is: a weight lies where the weights file was mapped, its name is that of a layer, and the layer of the same name
in the PyTorch model says how many taps it has. So a convolution is counted as the direct one, two operations a tap,
whatever the kernel does instead: what minimal filtering saves shows as a speed above the processor's peak.
"""

from __future__ import annotations

import math
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import nn

from runner.runtime import manifest as manifests
from runner.runtime import tvm_runtime
from runner.runtime.process import load_ffi
from runner.runtime.tensors import map_weights, put

Array = NDArray[Any]

_PROCEED = 0  # VMInstrumentReturnKind::kNoOp: run the call
_NUMBER = re.compile(r"_?\d+$")  # TVM tells kernels of one name apart by it


@dataclass(frozen=True)
class Call:
    """One call of a kernel: its name, what it works on, the operations that takes, and its seconds in each round."""

    kernel: str
    shape: str
    flop: float | None
    seconds: tuple[float, ...]


class Instrumented:
    """A built stage whose kernel calls are timed. `layers` finds a layer of the PyTorch model by the stage's name."""

    def __init__(self, library: Path, layers: Callable[[str], nn.Module | None]) -> None:
        manifest = manifests.Manifest.read(manifests.manifest_path(library))
        weights = map_weights(manifests.weights_path(library), manifest.tensors)
        self._weights = weights
        self._named = {int(t.data_ptr()): known.name for t, known in zip(weights, manifest.tensors, strict=True)}
        self._layers = layers
        self._seen: list[tuple[str, str, float | None]] = []
        self._times: list[float] = []
        self._began = 0.0
        ffi = load_ffi()
        machine = ffi.load_module(str(library))["vm_load_executable"]()
        machine["vm_initialization"](tvm_runtime.DLPACK_TYPES["cpu"], 0, 2)
        machine["set_instrument"](ffi.convert(self._instrument))
        self._entry = machine[manifest.entry]

    def run(self, inputs: Sequence[Array], rounds: int) -> list[Call]:
        """Every call of a kernel, in order; one round comes first that is not kept."""
        tensors = [put(array) for array in inputs]
        times = []
        for _ in range(rounds + 1):
            self._seen, self._times = [], []
            self._entry(*tensors, self._weights)
            times.append(self._times)
        calls = zip(self._seen, zip(*times[1:], strict=True), strict=True)
        return [Call(*seen, seconds) for seen, seconds in calls if not seen[0].startswith("vm.")]

    def _instrument(self, _function: Any, name: str, before: bool, _result: Any, *arguments: Any) -> int:
        now = time.perf_counter()
        if before:
            self._seen.append((_NUMBER.sub("", name), *self._work(name, arguments)))
            self._began = time.perf_counter()
        else:
            self._times.append(now - self._began)
        return _PROCEED

    def _work(self, name: str, arguments: Sequence[Any]) -> tuple[str, float | None]:
        """What a call works on, in words, and the operations of its products; None where it has none to speak of."""
        tensors = [argument for argument in arguments if hasattr(argument, "data_ptr")]
        shapes = [tuple(int(n) for n in tensor.shape) for tensor in tensors]
        if name.startswith("vm.") or not shapes:
            return "", None
        if name.startswith("attention"):
            rows, width = shapes[0]
            return f"{rows} rows, {width // 3} channels", 4.0 * rows * rows * (width // 3)
        if name.startswith("lstm_scan"):
            directions, _, hidden, _ = shapes[1]
            return f"{shapes[0][0]} steps, {hidden} units", 8.0 * directions * shapes[0][0] * hidden * hidden
        named = [self._named[int(t.data_ptr())] for t in tensors if int(t.data_ptr()) in self._named]
        weight = next((n for n in named if n.rpartition(".")[2] == "weight"), None)
        layer = None if weight is None else self._layers(weight.rpartition(".")[0])
        matrices = [shape for shape in shapes if len(shape) == 2]
        if layer is not None:
            return layer_work(layer, rows_in=shapes[1][0], rows_out=matrices[-1][0])
        packed = next((shape for shape in shapes if len(shape) == 4), None)
        if packed is not None:  # a product that the package has in pieces, such as query, key and value
            columns, inputs = packed[0] * packed[3], packed[2]
            return _described(inputs, columns, 1, shapes[1][0]), 2.0 * shapes[1][0] * columns * inputs * packed[1]
        return " x ".join(map(str, max(shapes, key=math.prod))), None


def layer_work(layer: nn.Module, rows_in: int, rows_out: int) -> tuple[str, float | None]:
    if isinstance(layer, nn.Linear):
        work = 2.0 * rows_in * layer.in_features * layer.out_features
        return _described(layer.in_features, layer.out_features, 1, rows_in), work
    assert isinstance(layer, nn.Conv1d | nn.ConvTranspose1d), layer
    taps, rows = layer.kernel_size[0], rows_in if isinstance(layer, nn.ConvTranspose1d) else rows_out
    pairs = layer.in_channels * layer.out_channels // layer.groups
    return _described(layer.in_channels, layer.out_channels, taps, rows_out), 2.0 * rows * taps * pairs


def _described(inputs: int, outputs: int, taps: int, rows: int) -> str:
    return f"{inputs} to {outputs}, {taps} {'tap' if taps == 1 else 'taps'}, {rows} rows"


def totals(calls: Sequence[Call], peak_gflops: float) -> list[dict[str, Any]]:
    """A row a kernel and shape, the slowest first: calls, milliseconds in sum, GFLOP/s, share of the peak."""
    groups: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        groups.setdefault((call.kernel, call.shape), []).append(call)
    rows = [_total(kernel, shape, group, peak_gflops) for (kernel, shape), group in groups.items()]
    return sorted(rows, key=lambda row: -float(row["ms"]))


def _total(kernel: str, shape: str, group: Sequence[Call], peak_gflops: float) -> dict[str, Any]:
    seconds = sum(statistics.median(call.seconds) for call in group)
    flop = [call.flop for call in group if call.flop is not None]
    row: dict[str, Any] = {"kernel": kernel, "shape": shape, "calls": len(group), "ms": 1e3 * seconds}
    if not flop:
        return row | {"gflops": None, "of_peak": None}
    gflops = sum(flop) / seconds * 1e-9
    return row | {"gflops": gflops, "of_peak": gflops / peak_gflops}


def layers_of(model: nn.Module, prefix: str) -> Callable[[str], nn.Module | None]:
    """The layers of the package's model that can be multiplied with, by their names in a stage."""
    known: Mapping[str, nn.Module] = {
        name.removeprefix(prefix): layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.ConvTranspose1d)
    }
    return known.get
