"""Instance norm over the valid rows: a thread a block of rows and channel, then a thread a channel.

Blocks have a fixed number of rows, and are combined in order: sums depend on the valid length alone.
"""

from __future__ import annotations

from collections.abc import Callable

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.rows import Partials, Rows
from stages.kernels.simd import Expr, Index, arg, blocks, kernel, let, size, when
from stages.operators.call import f32, loop_nest, placeholder
from stages.operators.threads import threads

BLOCK = 128  # rows of a block


def moments_kernel(channels: int, rows: Rows) -> tirx.PrimFunc:
    """Build the loop nest of `moments`.

    Arguments: length int64[1], x [n, channels], partials [2, b, channels].
    """
    with kernel("moments") as function:
        n, b = size("n"), size("b")
        length = arg("length", (1,), "int64")
        x = arg("x", (n, channels))
        partials = arg("partials", (2, b, channels))
        with threads(b * channels) as i:
            block, c = let(tirx.truncdiv(i, channels)), let(tirx.truncmod(i, channels))
            first = let(block * BLOCK)
            here = let(T.min(rows.of(length[0]) - first, BLOCK))
            with when(here > 0):
                count = let(T.Cast("float32", here))
                mean = let(_sum(here, lambda r: x[first + r, c]) / count)

                def square(r: Expr) -> Expr:
                    deviation = let(x[first + r, c] - mean)
                    return deviation * deviation

                T.buffer_store(partials, mean, [0, block, c])
                T.buffer_store(partials, _sum(here, square), [1, block, c])
    return function.get()


def adain_kernel(channels: int, rows: Rows, eps: float) -> tirx.PrimFunc:
    """Build the loop nest of `adain`.

    Arguments: length int64[1], partials [2, b, channels], style [1, 2*channels] (gamma, then beta), norm [3, channels].
    """
    with kernel("adain") as function:
        b = size("b")
        length = arg("length", (1,), "int64")
        partials = arg("partials", (2, b, channels))
        style = arg("style", (1, 2 * channels))
        norm = arg("norm", (3, channels))
        with threads(channels) as c:
            valid = let(rows.of(length[0]))
            count = let(blocks(valid, BLOCK))
            total = let(T.Cast("float32", valid))

            def rows_of(block: Expr) -> Expr:
                return T.Cast("float32", T.min(valid - block * BLOCK, BLOCK))

            mean = let(_sum(count, lambda block: partials[0, block, c] * rows_of(block)) / total)

            def spread(block: Expr) -> Expr:
                shift = let(partials[0, block, c] - mean)
                return partials[1, block, c] + rows_of(block) * shift * shift

            variance = let(_sum(count, spread) / total)
            T.buffer_store(norm, mean, [0, c])
            T.buffer_store(norm, (f32(1) + style[0, c]) / T.sqrt(variance + f32(eps)), [1, c])
            T.buffer_store(norm, style[0, channels + c], [2, c])
    return function.get()


def _sum(count: Expr, term: Callable[[Expr], Expr]) -> Expr:
    """Sum the terms 0..count-1, in order."""
    total = T.alloc_buffer((1,), scope="local")
    T.buffer_store(total, f32(0), [0])
    with T.serial(count) as i:
        T.buffer_store(total, total[0] + term(i), [0])
    return let(total[0])


def moments(*, x: nn.Tensor, length: nn.Tensor, channels: int, rows: Rows, capacity: Index) -> Partials:
    """Compute partial statistics as `kernels.instance_norm.moments`: [2, blocks, channels], of 128 rows a block."""
    out = placeholder((2, blocks(rows.of(capacity), BLOCK), channels))
    return Partials(loop_nest(moments_kernel(channels, rows), "moments", [length, x], out), BLOCK)


def adain(
    *, partials: Partials, style: nn.Tensor, length: nn.Tensor, channels: int, rows: Rows, eps: float = 1e-5
) -> nn.Tensor:
    """Compute the norm [3, channels] as `kernels.instance_norm.adain`; style is [1, 2*channels]."""
    function = adain_kernel(channels, rows, eps)
    return loop_nest(function, "adain", [length, partials.data, style], placeholder((3, channels)))
