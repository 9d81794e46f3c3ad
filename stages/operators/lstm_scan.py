"""Recurrence of a bidirectional LSTM: one block of threads a direction, one thread a hidden unit.

    column of xw     direction, gate (i f g o), unit
    w_hh             [direction, 1, input unit, gate x unit]        neighbouring threads read neighbouring weights

States lie in shared memory, twice: a step writes one copy and reads the other, so that two barriers a step do. A step
reads all of W_hh from the second-level cache, whose bandwidth for one block bounds the speed.

Source and formula: kernels.lstm_scan.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.lstm_scan import GATES
from stages.kernels.simd import Expr, arg, kernel, let, size
from stages.operators.call import f32, loop_nest, tensor
from stages.operators.threads import members, most_members, shared, teams


def lstm_scan_kernel(hidden: int) -> tirx.PrimFunc:
    """Arguments: length int64[1], xw [rows, 8*hidden], w_hh [2, 1, hidden, 4*hidden], out [rows, 2*hidden]."""
    with kernel("lstm_scan") as builder:
        rows = size("rows")
        length = arg("length", (1,), "int64")
        xw = arg("xw", (rows, 2 * GATES * hidden))
        w_hh = arg("w_hh", (2, 1, hidden, GATES * hidden))
        out = arg("out", (rows, 2 * hidden))
        with teams(2) as direction:
            cell = T.alloc_buffer((hidden,), scope=shared())
            state = T.alloc_buffer((2, hidden), scope=shared())  # h(t-1) and h(t), in turns
            with members(hidden) as unit:
                T.buffer_store(cell, f32(0), [unit])
                T.buffer_store(state, f32(0), [0, unit])
            with T.serial(length[0]) as step:
                row = let(T.if_then_else(direction == 0, step, length[0] - 1 - step))
                turn = let(step % 2)
                with members(hidden) as unit:
                    first = let(direction * (GATES * hidden) + unit)
                    enter, forget, candidate, leave = _gates(xw, w_hh, state, (row, first), (direction, turn), unit)
                    now = let(_sigmoid(forget) * cell[unit] + _sigmoid(enter) * T.tanh(candidate))
                    T.buffer_store(cell, now, [unit])
                    new = let(_sigmoid(leave) * T.tanh(now))
                    T.buffer_store(state, new, [1 - turn, unit])
                    T.buffer_store(out, new, [row, direction * hidden + unit])
    return builder.get()


def _gates(
    xw: tirx.Buffer,
    w_hh: tirx.Buffer,
    state: tirx.Buffer,
    inputs: tuple[Expr, Expr],
    where: tuple[Expr, Expr],
    unit: Expr,
) -> list[Expr]:
    """Pre-activations i f g o of one unit."""
    (row, first), (direction, turn) = inputs, where
    hidden = w_hh.shape[2]
    sums = T.alloc_buffer((GATES,), scope="local")
    for gate in range(GATES):
        T.buffer_store(sums, xw[row, first + gate * hidden], [gate])
    with T.serial(hidden) as k:
        value = let(state[turn, k])
        for gate in range(GATES):
            T.buffer_store(sums, sums[gate] + value * w_hh[direction, 0, k, gate * hidden + unit], [gate])
    return [let(sums[gate]) for gate in range(GATES)]


def _sigmoid(x: Expr) -> Expr:
    return f32(1) / (f32(1) + T.exp(f32(0) - x))


def lstm_scan(*, xw: nn.Tensor, w_hh: nn.Tensor, length: nn.Tensor, hidden: int) -> nn.Tensor:
    """Hidden states of both directions, float32 [rows, 2*hidden], undefined past `length`; see kernels.lstm_scan."""
    if hidden > most_members():
        raise ValueError(f"lstm_scan has a thread a unit: {hidden} units, the target has {most_members()} threads")
    return loop_nest(lstm_scan_kernel(hidden), "lstm_scan", [length, xw, w_hh], tensor((xw.shape[0], 2 * hidden)))
