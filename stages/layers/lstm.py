"""Bidirectional LSTM over the valid rows: one matrix product for both directions' inputs, then the recurrence.

    x [rows, C] -> product -> xw [rows, 8*H] -> lstm_scan -> [rows, 2*H]

Source: torch.nn.LSTM with one layer; parameters `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, and the
same with `_reverse`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tvm.relax.frontend import nn

from stages import ops
from stages.dispatch import uses_kernels
from stages.kernels.lstm_scan import GATES, gate_order, unit_tile
from stages.kernels.simd import Simd
from stages.layers.conv import Linear
from stages.layers.packing import Array, Packed, Shapes
from stages.layers.signal import Signal

_DIRECTIONS = ("", "_reverse")


class LSTM(Packed):
    """A bidirectional LSTM: packed-sequence semantics, zero initial states, the forward direction's channels first."""

    def __init__(self, inputs: int, hidden: int) -> None:
        self.inputs, self.hidden = inputs, hidden
        self.product = Linear(inputs, 2 * GATES * hidden)
        group = _group(hidden)
        self.w_hh = nn.Parameter((2, hidden // group, hidden, GATES * group), "float32")

    def forward(self, x: Signal) -> Signal:
        xw = self.product(x)  # [rows, 8*hidden]
        states = ops.lstm_scan(xw=xw.data, w_hh=self.w_hh, length=x.axis.length, hidden=self.hidden)  # [rows, 2*hidden]
        return Signal(states, 2 * self.hidden, x.axis)

    def tensors(self) -> Shapes:
        rows = GATES * self.hidden
        matrices = {"weight_ih_l0": (rows, self.inputs), "weight_hh_l0": (rows, self.hidden)}
        shapes: Shapes = {**matrices, "bias_ih_l0": (rows,), "bias_hh_l0": (rows,)}
        return {name + d: shape for d in _DIRECTIONS for name, shape in shapes.items()}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        group = _group(self.hidden)
        order = gate_order(self.hidden, group)
        weight = [tensors[f"weight_ih_l0{d}"][order] for d in _DIRECTIONS]
        bias = [(tensors[f"bias_ih_l0{d}"] + tensors[f"bias_hh_l0{d}"])[order] for d in _DIRECTIONS]
        product = self.product.packed(np.concatenate(weight), np.concatenate(bias))
        recurrent = [tensors[f"weight_hh_l0{d}"] for d in _DIRECTIONS]
        return {
            **{f"product.{name}": array for name, array in product.items()},
            "w_hh": pack_recurrent(recurrent, group),
        }


def _group(hidden: int) -> int:
    """Return how many units have their gates side by side: those of a register tile, or all of them."""
    if not uses_kernels():
        return hidden
    lanes, vectors = unit_tile(hidden, Simd.of())
    return lanes * vectors


def pack_recurrent(weights: list[Array], group: int) -> Array:
    """Pack both directions' `weight_hh_l0`, [4*H, H], into `w_hh` of `lstm_scan`, [2, H/G, H, 4*G]."""
    hidden = weights[0].shape[1]
    order = gate_order(hidden, group)
    grouped = [direction[order].reshape(hidden // group, GATES * group, hidden) for direction in weights]
    return np.ascontiguousarray(np.stack(grouped).transpose(0, 1, 3, 2))
