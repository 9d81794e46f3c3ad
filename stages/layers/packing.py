"""The way from the checkpoint's tensors to the arrays that the kernels read.

A layer that owns parameters is `Packed`: it says which tensors it needs, by their key below the layer's name, and
`pack` gives its parameters in the layout of the target's registers. `list_tensors` and `pack_module` walk a stage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm.relax.frontend import nn

from stages.dispatch import padded

Array = NDArray[Any]
Shapes = dict[str, tuple[int, ...]]
"""Shapes of a checkpoint's tensors, by their keys below a layer's name; the key "" is the name itself."""

Take = Callable[[str, tuple[int, ...]], Array]
"""`take(name, shape)` is the float32 tensor `name` of the checkpoint.

One that is missing or has another shape is noted, and read as nan.
"""


class Packed(nn.Module):
    """A layer with parameters of its own.

    `NAMED` is False where the layer's attribute is not a part of the checkpoint's names.
    """

    NAMED = True

    def tensors(self) -> Shapes:
        """Return the tensors of the checkpoint that the parameters are made of."""
        raise NotImplementedError

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Return the layer's parameters, by attribute name, made of `tensors`, in float32."""
        raise NotImplementedError


def list_tensors(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    """List the tensors of a checkpoint that `module` is packed from: name below the module, and shape."""
    return [
        (_join(path, layer, key), shape)
        for path, layer in find_packed(module)
        for key, shape in layer.tensors().items()
    ]


def list_unpacked(module: nn.Module) -> list[str]:
    """List the parameters of `module` that belong to no `Packed` layer."""
    packed = tuple("".join(f"{name}." for name in path) for path, _ in find_packed(module))
    return [name for name, _ in module.named_parameters() if not name.startswith(packed)]


def pack_module(module: nn.Module, take: Take) -> dict[str, Array]:
    """Pack every parameter of `module`, by its name in the module tree, under which TVM exports it."""
    arrays: dict[str, Array] = {}
    for path, layer in find_packed(module):
        tensors = {key: take(_join(path, layer, key), shape) for key, shape in layer.tensors().items()}
        for attribute, array in layer.pack(tensors).items():
            arrays[".".join((*path, attribute))] = np.ascontiguousarray(array)
    return arrays


def _join(path: tuple[str, ...], layer: Packed, key: str) -> str:
    named = path if layer.NAMED else path[:-1]
    return ".".join((*named, key) if key else named)


def find_packed(module: nn.Module, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Packed]]:
    """Find the `Packed` layers of `module`, each with its path below it."""
    if isinstance(module, Packed):
        yield path, module
        return
    children = enumerate(module) if isinstance(module, nn.ModuleList) else vars(module).items()
    for name, child in children:
        if isinstance(child, nn.Module):
            yield from find_packed(child, (*path, str(name)))


_BLOCK_BYTES = 1 << 18  # of float64 values at a time: fresh memory takes ten times as long as the arithmetic


def weight_norm(*shape: int) -> Shapes:
    """Return the two tensors of a weight norm."""
    return {"weight_v": shape, "weight_g": (shape[0],) + (1,) * (len(shape) - 1)}


def fold_weight_norm(tensors: Mapping[str, Array]) -> Array:
    """Compute g * v / ||v|| in float64, the norm over all axes but the first."""
    v, g = tensors["weight_v"], tensors["weight_g"]
    rows = max(1, _BLOCK_BYTES // (8 * math.prod(v.shape[1:])))
    folded = np.empty(v.shape, np.float32)
    for first in range(0, len(v), rows):
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
