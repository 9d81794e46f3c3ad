"""Recurrence of a bidirectional LSTM: one block of threads a direction, one thread a hidden unit.

    column of xw     direction, gate (i f g o), unit
    w_hh             [direction, 1, input unit, gate x unit]        neighbouring threads read neighbouring weights

States lie in shared memory, twice: a step writes one copy and reads the other, so that two barriers a step suffice. A
step reads all of W_hh from the second-level cache, whose bandwidth for one block bounds the speed.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.lstm_scan import GATES
from stages.kernels.simd import Expr, arg, kernel, let, size
from stages.operators.call import f32, loop_nest, placeholder
from stages.operators.threads import block_threads, max_block_threads, shared_scope, thread_blocks


def lstm_scan_kernel(hidden: int) -> tirx.PrimFunc:
    """Build the loop nest of `lstm_scan`.

    Arguments: length int64[1], xw [rows, 8*hidden], w_hh [2, 1, hidden, 4*hidden], out [rows, 2*hidden].
    """
    with kernel("lstm_scan") as builder:
        rows = size("rows")
        length = arg("length", (1,), "int64")
        xw = arg("xw", (rows, 2 * GATES * hidden))
        w_hh = arg("w_hh", (2, 1, hidden, GATES * hidden))
        out = arg("out", (rows, 2 * hidden))
        with thread_blocks(2) as direction:
            cell = T.alloc_buffer((hidden,), scope=shared_scope())
            state = T.alloc_buffer((2, hidden), scope=shared_scope())  # h(t-1) and h(t), in turns
            with block_threads(hidden) as unit:
                T.buffer_store(cell, f32(0), [unit])
                T.buffer_store(state, f32(0), [0, unit])
            with T.serial(length[0]) as step:
                row = let(T.if_then_else(direction == 0, step, length[0] - 1 - step))
                turn = let(step % 2)
                with block_threads(hidden) as unit:
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
    """Compute the pre-activations i f g o of one unit."""
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
    """Compute hidden states as `kernels.lstm_scan`: [rows, 2*hidden], with the layouts above.

    Raises:
        ValueError: there are more hidden units than a block has threads.
    """
    if hidden > max_block_threads():
        raise ValueError(
            f"lstm_scan runs a thread for each unit: {hidden} units, but a block has {max_block_threads()} threads"
        )
    return loop_nest(lstm_scan_kernel(hidden), "lstm_scan", [length, xw, w_hh], placeholder((xw.shape[0], 2 * hidden)))
