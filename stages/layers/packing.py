"""The way from the checkpoint's tensors to the arrays that the kernels read.

A layer that owns parameters is `Packed`: its `pack(take)` asks for tensors by their key below the layer's name and
returns its parameters in the layout of the target's registers. `pack_module` walks a stage and packs all of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm.relax.frontend import nn

from stages.dispatch import padded

Array = NDArray[Any]
Take = Callable[[str, tuple[int, ...]], Array]
"""`take(key, shape)` is the float32 tensor under the layer's name and `key`.

One that is missing or has another shape is noted, and read as nan.
"""


class Packed(nn.Module):
    """A layer with parameters of its own.

    `NAMED` is False where the layer's attribute is not a part of the checkpoint's names.
    """

    NAMED = True

    def pack(self, take: Take) -> dict[str, Array]:
        """Return the layer's parameters, by attribute name."""
        raise NotImplementedError


def pack_module(module: nn.Module, take: Take) -> dict[str, Array]:
    """Pack every parameter of `module`, by its name in the module tree, under which TVM exports it."""
    arrays: dict[str, Array] = {}
    for path, layer in _layers(module, ()):
        named = path if layer.NAMED else path[:-1]
        for attribute, array in layer.pack(partial(_take_below, take, named)).items():
            arrays[".".join((*path, attribute))] = np.ascontiguousarray(array)
    return arrays


def _take_below(take: Take, path: tuple[str, ...], key: str, shape: tuple[int, ...]) -> Array:
    return take(".".join((*path, key) if key else path), shape)


def _layers(module: nn.Module, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Packed]]:
    if isinstance(module, Packed):
        yield path, module
        return
    children = enumerate(module) if isinstance(module, nn.ModuleList) else vars(module).items()
    for name, child in children:
        if isinstance(child, nn.Module):
            yield from _layers(child, (*path, str(name)))


_BLOCK_BYTES = 1 << 18  # of float64 values at a time: fresh memory takes ten times as long as the arithmetic


def fold_weight_norm(take: Take, shape: tuple[int, ...], prefix: str = "") -> Array:
    """Compute g * v / ||v|| in float64, the norm over all axes but the first."""
    v = take(f"{prefix}weight_v", shape)
    g = take(f"{prefix}weight_g", (shape[0],) + (1,) * (len(shape) - 1))
    rows = max(1, _BLOCK_BYTES // (8 * math.prod(shape[1:])))
    folded = np.empty(shape, np.float32)
    for first in range(0, shape[0], rows):
        block = slice(first, first + rows)
        folded[block] = _fold(v[block].astype(np.float64), g[block].astype(np.float64))
    return folded


def _fold(v: Array, g: Array) -> Array:
    norm = np.sqrt((v * v).sum(axis=tuple(range(1, v.ndim)), keepdims=True))
    folded: Array = g * v / np.where(norm == 0.0, 1.0, norm)
    return folded


def pad_channels(array: Array, axis: int = 0) -> Array:
    """Append zeros to `array` along `axis`, up to padded(channels)."""
    missing = padded(array.shape[axis]) - array.shape[axis]
    if not missing:
        return array
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, missing)
    return np.pad(array, widths)


def pack_columns(weight: Array, panel: int) -> Array:
    """Pack [columns, inputs, taps] into [columns / panel, taps, inputs, panel], the layout that conv1d streams."""
    columns, inputs, taps = weight.shape
    return np.ascontiguousarray(weight.reshape(columns // panel, panel, inputs, taps).transpose(0, 3, 2, 1))
