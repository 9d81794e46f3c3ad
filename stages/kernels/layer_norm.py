"""Layer norm: every row to mean 0 and variance 1 over its channels, then an affine map of each channel.

A task computes a few rows, one after the other.
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
"""`place(first_channel, lanes)` is a vector of that many channels."""


def layer_norm_kernel(
    channels: int,
    eps: float,
    simd: Simd,
    *,
    adaptive: bool = False,
    residual: bool = False,
    leaky: float | None = None,
) -> tirx.PrimFunc:
    """Build the loop nest of `layer_norm`, or with `adaptive` of `ada_layer_norm`.

    Arguments: x, [residual], gamma and beta (if `adaptive` one buffer, [1, padded(2*channels)]), length int64[1], y.
    """
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
    """Compute the mean of a row over its channels, and 1 / sqrt(variance + eps)."""
    mean = let(_sum(row, channels, lanes) / tirx.const(float(channels), "float32"))

    def square(c: Expr, lanes: int) -> Expr:
        deviation = let(row(c, lanes) - splat(mean, lanes))
        return deviation * deviation

    variance = _sum(square, channels, lanes) / tirx.const(float(channels), "float32")
    return mean, let(tirx.const(1.0, "float32") / T.sqrt(variance + tirx.const(eps, "float32")))


def _each(channels: int, lanes: int, body: Callable[[Expr, int], None]) -> None:
    """Call `body` for every channel once: for whole vectors first, then for narrower ones."""
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
    """Sum the lanes of a vector, by halves."""
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
    """Normalise every row over its channels, with a gain and a bias of each channel.

    Computes:
        z[t, c] = x[t, c] + residual[t, c]                    the second term where `residual` is given
        y[t, c] = leaky( (z[t, c] - mean_c z[t]) / sqrt(var_c z[t] + eps) * gamma[c] + beta[c] )
    Arguments:
        x: float32 [rows, padded(channels)], the input.
        gamma: float32 [padded(channels)], gain of each channel.
        beta: float32 [padded(channels)], bias of each channel.
        length: int64 [1], valid rows.
        channels: channels of x.
        eps: added to the variance.
        residual: float32 [rows, padded(channels)], added to x first, or None.
        leaky: slope of the leaky ReLU at the end, or None for none.
    Returns:
        y float32 [rows, padded(channels)]; zero in the padding channels, undefined past the length.
    Needs:
        Nothing.
    Numerics:
        Sums are float32 and depend on the target's lanes in the last bits. The mean comes first, and the variance is of
        the deviations from it (biased, as PyTorch's): no digits cancel.
    Variants:
        kernel: vectors of the target's lanes over channels, in up to four chains of sums.
        operator: Relax's layer norm, which takes the variance from the deviations too.
    Source:
        Ba et al. 2016.
    """
    function = layer_norm_kernel(channels, eps, Simd.of(), residual=residual is not None, leaky=leaky)
    args = [x, *([] if residual is None else [residual]), gamma, beta, length]
    return call(function, "layer_norm", args, out=nn.Tensor.placeholder(x.shape, "float32"))


def ada_layer_norm(*, x: nn.Tensor, gamma_beta: nn.Tensor, length: nn.Tensor, channels: int, eps: float) -> nn.Tensor:
    """Normalise every row over its channels, with a gain and a bias that the style gives.

    Computes:
        y[t, c] = (x[t, c] - mean_c x[t]) / sqrt(var_c x[t] + eps) * (1 + gamma[c]) + beta[c]
    Arguments:
        x: float32 [rows, padded(channels)], the input.
        gamma_beta: float32 [1, padded(2*channels)], gamma in its first `channels` columns, beta in the next.
        length: int64 [1], valid rows.
        channels: channels of x.
        eps: added to the variance.
    Returns:
        y float32 [rows, padded(channels)]; zero in the padding channels, undefined past the length.
    Needs:
        Nothing.
    Numerics:
        Those of `layer_norm`.
    Variants:
        kernel: that of `layer_norm`.
        operator: Relax's layer norm, then the affine map.
    Source:
        kokoro 0.9.4, modules.py, AdaLayerNorm (StyleTTS2, Li et al. 2023).
    """
    function = layer_norm_kernel(channels, eps, Simd.of(), adaptive=True)
    out = nn.Tensor.placeholder(x.shape, "float32")
    return call(function, "ada_layer_norm", [x, gamma_beta, length], out=out)
