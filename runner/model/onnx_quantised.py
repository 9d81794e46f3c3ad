"""Describes quantised tensors of an export as the floats that they stand for.

    (values - zero point) * scale      one scale for the tensor, one a channel, or one a block of a row

The product of an integer of 16 bits and a float32 has one nearest float32. So float32 is computed in float32, which
gives the bits that float64 would after rounding, and takes half of its memory. Wider integers are computed in float64.

Source: ONNX's operator DequantizeLinear, version 25.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from runner.model.onnx_tensor import FLOATS, ExportedTensor, FormError, OnnxTensor

Array = NDArray[Any]


class Scaling(NamedTuple):
    """What quantised values are scaled with.

    Attributes:
        scale: its tensor.
        zero: the tensor of zero points; None if they are `default`.
        axes: the axes of the values along which scales differ, one for each axis of the scales.
        block: as many values along the one axis share a scale, and scales differ along all others; 0 for no blocks.
        default: the zero point if there is no tensor of them.
    """

    scale: OnnxTensor
    zero: OnnxTensor | None
    axes: tuple[int, ...]
    block: int = 0
    default: int = 0


def dequantise(values: OnnxTensor, scaling: Scaling) -> ExportedTensor:
    """Describe the floats of quantised values.

    Raises:
        FormError: scales or zero points do not fit the values.
    """
    scale, zero = scaling.scale, scaling.zero
    if values.dtype in FLOATS or scale.dtype not in FLOATS:
        raise FormError(f"'{values.name}' is {values} with scales {scale}, expected integers with scales of floats")
    for tensor in (scale, zero):
        if tensor is not None and not _fits(tensor.shape, values.shape, scaling):
            of = f"along {list(scaling.axes)}" + (f" in blocks of {scaling.block}" if scaling.block else "")
            raise FormError(f"'{tensor.name}' is {tensor}, which does not fit '{values.name}', {values}, {of}")

    def read(dtype: DTypeLike) -> Array:
        wide = np.dtype(np.float64) if values.dtype == "int32" else np.dtype(dtype)
        numbers = values.read().astype(wide)
        if zero is not None:
            numbers -= _spread(zero.read().astype(wide), values.shape, scaling)
        elif scaling.default:
            numbers -= scaling.default
        numbers *= _spread(scale.read().astype(wide), values.shape, scaling)
        return numbers.astype(dtype, copy=False)

    return ExportedTensor(values.dtype, values.shape, values.name, read)


def _fits(shape: tuple[int, ...], values: tuple[int, ...], scaling: Scaling) -> bool:
    if scaling.block < 0 or any(not -len(values) <= axis < len(values) for axis in scaling.axes):
        return math.prod(shape) == 1 and not scaling.block
    if not scaling.block:
        return math.prod(shape) == 1 or shape == tuple(values[axis] for axis in scaling.axes)
    blocks, axis = list(values), scaling.axes[0]
    blocks[axis] = -(-values[axis] // scaling.block)
    return list(shape) == blocks


def _spread(numbers: Array, shape: tuple[int, ...], scaling: Scaling) -> Array:
    """Lay scales or zero points so that they broadcast over values of `shape`."""
    if scaling.block:
        axis = scaling.axes[0]
        return np.repeat(numbers, scaling.block, axis).take(range(shape[axis]), axis)
    if numbers.size == 1:
        return numbers.reshape(())
    differing = [axis % len(shape) for axis in scaling.axes]
    return numbers.reshape([size if axis in differing else 1 for axis, size in enumerate(shape)])
