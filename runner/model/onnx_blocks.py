"""Describes weights that are quantised in blocks of a row, in 4 or 8 bits.

    MatMulNBits            values [out, blocks, bytes of a block], scales [out, blocks] --> [out, in]
    GatherBlockQuantized   values [rows, columns], scales [rows, blocks of a row]       --> [rows, columns]

Zero points are packed as the values are, or are floats. Without them, unsigned values have 8 of 4 bits, 128 of 8 bits;
GatherBlockQuantized's 4-bit types have 0.

Source: ONNX Runtime 1.31, docs/ContribOperators.md (MatMulNBits, GatherBlockQuantized).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from runner.model.onnx_constants import Constants
from runner.model.onnx_graph import Node
from runner.model.onnx_quantised import Scaling, dequantise
from runner.model.onnx_tensor import FLOATS, ExportedTensor, FormError, OnnxTensor, unpack_nibbles

Array = NDArray[Any]
_BITS = (4, 8)
_ORDER = 4  # MatMulNBits: the input with another order of the rows' columns


def matmul_blocks(constants: Constants, node: Node) -> ExportedTensor:
    """Describe the weight, [out, in], of a MatMulNBits.

    Raises:
        FormError: its bits are others than 4 and 8, or its tensors do not fit its sizes.
    """
    values, scale = constants.need(node.input(1)), constants.need(node.input(2))
    zero = constants.need(node.input(3)) if node.input(3) else None
    out, columns, bits, block = (node.attribute(name, 0) for name in ("N", "K", "bits", "block_size"))
    if bits not in _BITS or min(out, columns, block) < 1:
        raise FormError(
            f"it has bits={bits}, N={out}, K={columns}, block_size={block}; expected 4 or 8 bits, and sizes"
        )
    if node.input(_ORDER):
        raise FormError("it takes the columns of its weight in another order (g_idx), which is not read")
    blocks = -(-columns // block)
    _expect(values, (out, blocks, block * bits // 8), ("uint8",))
    _expect(scale, (out, blocks), FLOATS)
    if zero is not None:
        packed = (out, -(-blocks * bits // 8)) if zero.dtype == "uint8" else (out, blocks)
        _expect(zero, packed, ("uint8", *FLOATS))

    def read(dtype: DTypeLike) -> Array:
        numbers = (
            _unpack(values.read().reshape(out, -1), bits, blocks * block).astype(dtype).reshape(out, blocks, block)
        )
        numbers -= _read_zero(zero, bits, (out, blocks)).astype(dtype)[:, :, None]
        numbers *= scale.read().astype(dtype).reshape(out, blocks, 1)
        return numbers.reshape(out, -1)[:, :columns]

    return ExportedTensor(f"uint{bits}", (out, columns), values.name, read)


def gather_blocks(constants: Constants, node: Node) -> ExportedTensor:
    """Describe the table, [rows, columns], of a GatherBlockQuantized.

    Raises:
        FormError: it is quantised along another axis than its rows', or its tensors do not fit.
    """
    values, scale = constants.need(node.input(0)), constants.need(node.input(2))
    zero = constants.need(node.input(3)) if node.input(3) else None
    bits, block = node.attribute("bits", 4), node.attribute("block_size", 128)
    axis, rows = node.attribute("quantize_axis", 1), node.attribute("gather_axis", 0)
    if len(values.shape) != 2 or (axis % 2, rows % 2) != (1, 0) or bits not in _BITS or block < 1:
        fact = f"its table '{values.name}' is {values}, gathered along axis {rows}"
        fact += f", in blocks of {block} along axis {axis}, {bits} bits"
        raise FormError(f"{fact}; expected a matrix whose rows are gathered and quantised, in 4 or 8 bits")
    if values.dtype != "uint8":
        return dequantise(values, Scaling(scale, zero, (1,), block))
    count, columns = values.shape[0], values.shape[1] * 8 // bits
    blocks = -(-columns // block)
    _expect(scale, (count, blocks), FLOATS)
    if zero is not None:
        _expect(zero, (count, -(-blocks * bits // 8)), ("uint8",))

    def read(dtype: DTypeLike) -> Array:
        numbers = _unpack(values.read(), bits, columns).astype(dtype)
        numbers -= _repeat(_read_zero(zero, bits, (count, blocks)).astype(dtype), block, columns)
        numbers *= _repeat(scale.read().astype(dtype), block, columns)
        return numbers

    return ExportedTensor(f"uint{bits}", (count, columns), values.name, read)


def _expect(tensor: OnnxTensor, shape: tuple[int, ...], dtypes: tuple[str, ...]) -> None:
    """Check a tensor's type and its number of values: older files have scales and zero points without axes."""
    flat = (int(np.prod(shape, dtype=object)),)
    if tensor.dtype not in dtypes or tensor.shape not in (shape, flat):
        raise FormError(f"'{tensor.name}' is {tensor}, expected {' or '.join(dtypes)}, {list(shape)}")


def _read_zero(zero: OnnxTensor | None, bits: int, shape: tuple[int, int]) -> Array:
    """Read the zero points, [rows, blocks]."""
    if zero is None:
        return np.full(shape, 1 << (bits - 1), np.uint8)
    numbers = zero.read().reshape(shape[0], -1)
    return _unpack(numbers, bits, shape[1]) if zero.dtype == "uint8" else numbers


def _unpack(packed: Array, bits: int, count: int) -> Array:
    """Unpack the first `count` numbers of each row."""
    return (unpack_nibbles(packed) if bits == min(_BITS) else packed)[:, :count]


def _repeat(numbers: Array, block: int, columns: int) -> Array:
    return np.repeat(numbers, block, axis=1)[:, :columns]
