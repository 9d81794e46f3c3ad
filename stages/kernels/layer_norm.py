"""Layer norm: every row to mean 0 and variance 1 over its channels, then an affine map of each channel.

    z = x + residual
    y[t, c] = leaky( (z[t, c] - mean_c z[t]) / sqrt(var_c z[t] + eps) * gamma[c] + beta[c] )

`layer_norm` has gamma and beta of its own; `ada_layer_norm` takes them from a style's projection, with 1 + gamma.
The mean comes first and the variance is of the deviations from it (biased, as PyTorch's): no cancellation.

Source: Ba et al. 2016; AdaLayerNorm of kokoro 0.9.4, modules.py (StyleTTS2, Li et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.simd import Expr, Simd, arg, blocks, call, kernel, let, load, padded, registers, size, splat, store
from stages.kernels.vector_math import leaky_relu

BLOCK = 8  # rows of a task
CHAINS = 4  # independent partial sums: an addition takes four cycles

Place = Callable[[Expr, int], Expr]
"""(first channel, lanes) -> a vector of that many channels."""


def layer_norm_kernel(
    channels: int,
    eps: float,
    simd: Simd,
    *,
    adaptive: bool = False,
    residual: bool = False,
    leaky: float | None = None,
) -> tirx.PrimFunc:
    """Arguments: x, [residual], gamma and beta (if `adaptive` one buffer, [1, padded(2*channels)]), length, y."""
    width = padded(channels)
    with kernel("layer_norm") as builder:
        rows = size("rows")
        x = arg("x", (rows, width))
        added = arg("residual", (rows, width)) if residual else None
        affine = _adaptive(channels) if adaptive else _own(width)
        length = arg("length", (1,), "int64")
        y = arg("y", (rows, width))
        valid = let(length[0])
        with T.parallel(blocks(valid, BLOCK)) as block, T.serial(T.min(BLOCK, valid - block * BLOCK)) as r:
            row = let(block * BLOCK + r)
            if added is not None:
                _each(
                    width,
                    simd.lanes,
                    lambda c, n: store(y, load(x, row, c, lanes=n) + load(added, row, c, lanes=n), row, c, lanes=n),
                )
            z = y if residual else x
            mean, scale = _moments(lambda c, n: load(z, row, c, lanes=n), channels, eps, simd.lanes)

            def normalise(c: Expr, lanes: int) -> None:
                gain, shift = affine(c, lanes)
                value = let((load(z, row, c, lanes=lanes) - splat(mean, lanes)) * splat(scale, lanes) * gain + shift)
                store(y, value if leaky is None else leaky_relu(value, leaky, lanes), row, c, lanes=lanes)

            _each(channels, simd.lanes, normalise)
            for c in range(channels, width):
                store(y, tirx.const(0.0, "float32"), row, c, lanes=1)
    return builder.get()


def _own(width: int) -> Callable[[Expr, int], tuple[Expr, Expr]]:
    gamma, beta = arg("gamma", (width,)), arg("beta", (width,))
    return lambda c, lanes: (load(gamma, c, lanes=lanes), load(beta, c, lanes=lanes))


def _adaptive(channels: int) -> Callable[[Expr, int], tuple[Expr, Expr]]:
    style = arg("gamma_beta", (1, padded(2 * channels)))
    return lambda c, lanes: (
        load(style, 0, c, lanes=lanes) + splat(1.0, lanes),
        load(style, 0, channels + c, lanes=lanes),
    )


def _moments(row: Place, channels: int, eps: float, lanes: int) -> tuple[Expr, Expr]:
    """Mean of a row over its channels, and 1 / sqrt(variance + eps)."""
    mean = let(_sum(row, channels, lanes) / tirx.const(float(channels), "float32"))

    def square(c: Expr, lanes: int) -> Expr:
        deviation = let(row(c, lanes) - splat(mean, lanes))
        return deviation * deviation

    variance = _sum(square, channels, lanes) / tirx.const(float(channels), "float32")
    return mean, let(tirx.const(1.0, "float32") / T.sqrt(variance + tirx.const(eps, "float32")))


def _each(channels: int, lanes: int, body: Callable[[Expr, int], None]) -> None:
    """`body` on every channel, once: whole vectors first, then the narrower ones that are left."""
    whole = channels // lanes * lanes
    with T.serial(channels // lanes) as i:
        body(let(i * lanes), lanes)
    _tail(whole, channels, lanes, body)


def _tail(first: int, channels: int, lanes: int, body: Callable[[Expr, int], None]) -> None:
    while first < channels:
        lanes //= 2
        if first + lanes <= channels:
            body(tirx.const(first, "int64"), lanes)
            first += lanes


def _sum(term: Place, channels: int, lanes: int) -> Expr:
    """Sum over channels, in an order that depends on the lanes alone."""
    vectors = channels // lanes
    chains = next(n for n in (CHAINS, 2, 1) if vectors % n == 0)
    sums = registers((chains * lanes,))
    for j in range(chains):
        store(sums, splat(0.0, lanes), j * lanes, lanes=lanes)
    with T.serial(vectors // chains) as i:
        for j in range(chains):
            value = load(sums, j * lanes, lanes=lanes) + term(let((i * chains + j) * lanes), lanes)
            store(sums, value, j * lanes, lanes=lanes)
    parts = [let(load(sums, j * lanes, lanes=lanes)) for j in range(chains)]
    while len(parts) > 1:
        parts = [let(a + b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    totals = [_across(parts[0], lanes)]
    _tail(vectors * lanes, channels, lanes, lambda c, n: totals.append(_across(let(term(c, n)), n)))
    return let(sum(totals[1:], start=totals[0]))


def _across(value: Expr, lanes: int) -> Expr:
    """Sum of the lanes, by halves."""
    while lanes > 1:
        lanes //= 2
        low, high = (tirx.Shuffle([value], [tirx.const(s + i, "int32") for i in range(lanes)]) for s in (0, lanes))
        value = let(low + high)
    return value


def layer_norm(
    *,
    x: nn.Tensor,
    gamma: nn.Tensor,
    beta: nn.Tensor,
    length: nn.Tensor,
    channels: int,
    eps: float,
    residual: nn.Tensor | None = None,
    leaky: float | None = None,
) -> nn.Tensor:
    """y float32 [rows, padded(channels)], zero in the padding channels.

    x and residual: float32 [rows, padded(channels)]. gamma, beta: float32 [padded(channels)]. length: int64 [1], valid
    rows. leaky: slope of the leaky ReLU at the end. Sums are float32 and depend on the target's lanes in the last bits.
    """
    function = layer_norm_kernel(channels, eps, Simd.of(), residual=residual is not None, leaky=leaky)
    args = [x, *([] if residual is None else [residual]), gamma, beta, length]
    return call(function, "layer_norm", args, out=nn.Tensor.placeholder(x.shape, "float32"))


def ada_layer_norm(*, x: nn.Tensor, gamma_beta: nn.Tensor, length: nn.Tensor, channels: int, eps: float) -> nn.Tensor:
    """y float32 [rows, padded(channels)] with gain 1 + gamma, zero in the padding channels.

    gamma_beta: float32 [1, padded(2*channels)], the style's projection: gamma in its first `channels` columns, beta in
    the next. The rest as in `layer_norm`.
    """
    function = layer_norm_kernel(channels, eps, Simd.of(), adaptive=True)
    out = nn.Tensor.placeholder(x.shape, "float32")
    return call(function, "ada_layer_norm", [x, gamma_beta, length], out=out)
