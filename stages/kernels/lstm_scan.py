"""Recurrence of a bidirectional LSTM over the valid rows.

A step cannot begin before the one before it has ended, so each direction is one task. A step reads all of W_hh, 1 MiB a
direction at 256 units: its time is the time to stream that out of the second-level cache, and the weights lie in the
order in which they are read.

The hidden units are taken in groups of G (`unit_tile`), whose four gates fill the accumulators of one register tile:

    column of xw     direction, group, gate (i f g o), unit in the group      (`gate_order`)
    w_hh             [direction, group, input unit, gate x unit in the group]
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.simd import Expr, Simd, arg, call, kernel, let, load, padded, registers, size, splat, store

GATES = 4


def unit_tile(hidden: int, simd: Simd) -> tuple[int, int]:
    """Return the lanes of a vector and the vectors of a gate in one register tile.

    A group is their product, and divides `hidden`. Vectors are narrower than the target's where its lanes do not divide
    `hidden`.
    """
    lanes = next(n for n in (16, 8, 4, 2, 1) if n <= simd.lanes and hidden % n == 0)
    most = 4 if simd.lanes == 16 else 2  # 16 accumulators of 32 registers, 8 of 16
    return lanes, next(v for v in (4, 2, 1) if v <= most and hidden % (v * lanes) == 0)


def gate_order(hidden: int, group: int) -> list[int]:
    """Return the order of the columns of one direction.

    It is the row of PyTorch's weights [4*hidden, ...] (gates i f g o) that belongs in each column.
    """
    return [
        gate * hidden + first + unit
        for first in range(0, hidden, group)
        for gate in range(GATES)
        for unit in range(group)
    ]


def lstm_scan_kernel(hidden: int, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `lstm_scan`.

    Arguments: xw, w_hh, length int64[1], out [rows, padded(2*hidden)].
    """
    lanes, vectors = unit_tile(hidden, simd)
    group = lanes * vectors
    groups = hidden // group
    with kernel("lstm_scan") as builder:
        rows = size("rows")
        xw = arg("xw", (rows, padded(2 * GATES * hidden)))
        w_hh = arg("w_hh", (2, groups, hidden, GATES * group))
        length = arg("length", (1,), "int64")
        out = arg("out", (rows, padded(2 * hidden)))
        steps = let(length[0])
        with T.parallel(2) as direction:
            cell = T.alloc_buffer((hidden,), "float32")
            state = T.alloc_buffer((2, hidden), "float32")  # h(t-1) and h(t), in turns
            with T.serial(hidden // lanes) as i:
                store(cell, splat(0.0, lanes), i * lanes, lanes=lanes)
                store(state, splat(0.0, lanes), 0, i * lanes, lanes=lanes)
            with T.serial(steps) as step:
                row = let(T.if_then_else(direction == 0, step, steps - 1 - step))
                turn = let(step % 2)
                with T.serial(groups) as i:
                    # to and fro: the groups that the step before left in the cache come first
                    g = let(T.if_then_else(turn == 0, i, groups - 1 - i))
                    column = let((direction * groups + g) * (GATES * group))
                    gates = _gates(xw, w_hh, state, (row, column), (direction, g, turn), (hidden, vectors, lanes))
                    for v in range(vectors):
                        unit = let(g * group + v * lanes)
                        new = _unit(gates[v::vectors], cell, unit, lanes)
                        store(state, new, 1 - turn, unit, lanes=lanes)
                        store(out, new, row, direction * hidden + unit, lanes=lanes)
    return builder.get()


def _gates(
    xw: tirx.Buffer,
    w_hh: tirx.Buffer,
    state: tirx.Buffer,
    inputs: tuple[Expr, Expr],
    where: tuple[Expr, Expr, Expr],
    sizes: tuple[int, int, int],
) -> list[Expr]:
    """Compute the pre-activations of one group: i f g o, `vectors` each."""
    (row, column), (direction, g, turn), (hidden, vectors, lanes) = inputs, where, sizes
    count = GATES * vectors
    sums = registers((count * lanes,))
    for j in range(count):
        store(sums, load(xw, row, column + j * lanes, lanes=lanes), j * lanes, lanes=lanes)
    with T.serial(hidden) as k:
        value = let(splat(state[turn, k], lanes))
        for j in range(count):
            weight = load(w_hh, direction, g, k, j * lanes, lanes=lanes)
            store(sums, load(sums, j * lanes, lanes=lanes) + value * weight, j * lanes, lanes=lanes)
    return [let(load(sums, j * lanes, lanes=lanes)) for j in range(count)]


def _unit(gates: list[Expr], cell: tirx.Buffer, unit: Expr, lanes: int) -> Expr:
    """Compute h of one vector of units, and update their cell."""
    enter, forget, candidate, leave = gates
    kept = vector_math.sigmoid(forget, lanes) * load(cell, unit, lanes=lanes)
    now = let(kept + vector_math.sigmoid(enter, lanes) * vector_math.tanh(candidate, lanes))
    store(cell, now, unit, lanes=lanes)
    return let(vector_math.sigmoid(leave, lanes) * vector_math.tanh(now, lanes))


def lstm_scan(*, xw: nn.Tensor, w_hh: nn.Tensor, length: nn.Tensor, hidden: int) -> nn.Tensor:
    """Compute the hidden states of both directions of an LSTM, from the products of its inputs.

    Computes:
        [i f g o](t) = xw(t) + W_hh h(t-1)
        c(t) = sigmoid(f) c(t-1) + sigmoid(i) tanh(g)
        h(t) = sigmoid(o) tanh(c(t))

        The forward direction runs t = 0..length-1, the backward one t = length-1..0, both from h = c = 0: the semantics
        of a packed sequence.
    Arguments:
        xw: float32 [rows, padded(8*hidden)], W_ih x + b_ih + b_hh in the column order of `gate_order`.
        w_hh: float32 [2, hidden/G, hidden, 4*G], the recurrent weights, packed; the operator has one group.
        length: int64 [1], valid rows.
        hidden: hidden units of one direction.
    Returns:
        h float32 [rows, padded(2*hidden)], the forward direction in channels 0..hidden-1, the backward one in the next;
        padding channels and rows past the length are not written.
    Needs:
        A `hidden` that is a multiple of 8 is fastest. The operator raises ValueError for more units than a block has
        threads.
    Numerics:
        Sums are float32, over input units in ascending order on every target; with fused multiply-adds where it has
        them.
    Variants:
        kernel: a task a direction; vectors of the target's lanes, narrower where these do not divide `hidden`.
        operator: a block of threads a direction, a thread a hidden unit.
    Source:
        torch.nn.LSTM (gate order i f g o).
    """
    out = nn.Tensor.placeholder((xw.shape[0], padded(2 * hidden)), "float32")
    return call(lstm_scan_kernel(hidden, Simd.of()), "lstm_scan", [xw, w_hh, length], out=out)
