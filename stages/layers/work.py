"""Counts the arithmetic and the memory traffic that a call of a kernel stands for.

A convolution is counted as the direct one, two operations a tap, however its kernel does it: what minimal filtering
saves shows as a speed above the processor's peak. Memory is counted as if each tensor went through it once, and nothing
were in a cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tvm.relax.frontend import nn

from stages.kernels.lstm_scan import GATES
from stages.layers.adain import DepthwiseUpsample
from stages.layers.conv import Conv1d, ConvTranspose1d, Linear

Shape = tuple[int, ...]
_ATTENTION, _LSTM, _EMBEDDING = "attention", "lstm_scan", "embedding"  # kernels whose arguments say what they compute


@dataclass(frozen=True)
class Work:
    """The work of one call.

    Attributes:
        shape: the sizes, in words.
        operations: of its products; None for a call that has none to speak of, or whose layer is not known.
    """

    shape: str
    operations: float | None = None


def count_work(kernel: str, shapes: Sequence[Shape], layer: object = None) -> Work:
    """Count the operations of a call.

    Args:
        kernel: name of the kernel.
        shapes: of its tensors, as the kernel takes them: the first matrix is the input, the last one the output.
        layer: the layer that its weights belong to, as `find_layer` gives it.
    """
    if kernel.startswith(_ATTENTION):
        rows, width = shapes[0]
        return Work(f"{_rows(rows)}, {width // 3} channels", 4.0 * rows * rows * (width // 3))
    if kernel.startswith(_LSTM):
        steps, (directions, _, hidden, _) = shapes[0][0], shapes[1]
        return Work(f"{steps} steps, {hidden} units", 2.0 * GATES * directions * steps * hidden * hidden)
    matrices = [shape for shape in shapes if len(shape) == 2]
    if isinstance(layer, Conv1d | ConvTranspose1d | Linear | DepthwiseUpsample) and matrices:
        return count_layer(layer, rows_in=matrices[0][0], rows_out=matrices[-1][0])
    return Work(" x ".join(map(str, max(shapes, key=math.prod, default=()))))


def count_layer(layer: nn.Module, rows_in: int, rows_out: int) -> Work:
    """Count the operations of a layer: of a transposed convolution those of each input row, else of each output row."""
    match layer:
        case DepthwiseUpsample():
            inputs, outputs, taps, pairs = layer.channels, layer.channels, layer.weight.shape[0], layer.channels
        case Linear():
            inputs, outputs, taps, pairs = layer.inputs, layer.outputs, 1, layer.inputs * layer.outputs
        case _:
            inputs, outputs, taps, pairs = layer.inputs, layer.outputs, layer.taps, layer.inputs * layer.outputs
    rows = rows_in if isinstance(layer, ConvTranspose1d | DepthwiseUpsample) else rows_out
    shape = f"{inputs} to {outputs}, {taps} {'tap' if taps == 1 else 'taps'}, {_rows(rows_out)}"
    return Work(shape, 2.0 * rows * int(taps) * pairs)


def count_bytes(kernel: str, shapes: Sequence[Shape], sizes: Sequence[int]) -> int:
    """Count the bytes that a call has to read and to write.

    Args:
        shapes, sizes: of its tensors, each counted once: shape, and bytes.
    """
    if kernel.startswith(_EMBEDDING):  # reads as many rows of each table as it writes
        return sum(len(shape) == 2 for shape in shapes[1:]) * sizes[-1]
    return sum(sizes)


def find_layer(module: nn.Module, parameter: str) -> object:
    """Find the layer of a stage that the parameter `generator.resblocks.3.convs1.0.weight` belongs to.

    Returns:
        None if the parameter is no weight of a product, or the stage has no such layer.
    """
    path, _, attribute = parameter.rpartition(".")
    if attribute != "weight":
        return None
    found: object = module
    for name in path.split(".") if path else ():
        found = _step(found, name)
    return found


def _step(module: object, name: str) -> object:
    if isinstance(module, nn.ModuleList):
        return module[int(name)] if name.isdecimal() and int(name) < len(module) else None
    return getattr(module, name, None)


def _rows(count: int) -> str:
    return f"{count} {'row' if count == 1 else 'rows'}"
