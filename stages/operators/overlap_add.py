"""Waveform from log-magnitudes and phases.

The inverse Fourier transform is a matrix product, and overlap-add gathers the rows of each sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tvm import te, tirx
from tvm.relax.frontend import nn

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr, Index
from stages.kernels.spectrum import bins, cosine, hann, sine
from stages.operators.call import choose, constant, expression, f32, i64, is_valid, placeholder


def overlap_add(
    *, length: nn.Tensor, x: nn.Tensor, capacity: Index, samples_per_frame: int, n_fft: int, hop: int
) -> nn.Tensor:
    """Compute the waveform as `kernels.overlap_add`; x is [.., n_fft + 2]."""
    hops = samples_per_frame // hop
    frames = _product(_to_cartesian(length, x, n_fft, Rows(hops, 1)), constant(synthesis_basis(n_fft)))
    squares = constant(np.array([hann(n, n_fft) ** 2 for n in range(n_fft)], np.float32))

    def body(shape: list[Expr], length: te.Tensor, frames: te.Tensor, squares: te.Tensor) -> te.Tensor:
        def sample(_: Expr, t: Expr) -> Expr:
            newest = tirx.truncdiv(t + n_fft // 2, i64(hop))
            total, weight = f32(0), f32(0)
            for age in reversed(range(n_fft // hop)):
                row = newest - age
                here = tirx.all(row >= 0, row <= length[i64(0)] * hops)
                n = t + n_fft // 2 - row * hop
                total = total + choose(here, frames[row, n], f32(0))
                weight = weight + choose(here, squares[n], f32(0))
            return choose(is_valid(t, length, Rows(samples_per_frame)), total / weight, f32(0))

        return te.compute(shape, sample, name="audio")

    return expression("overlap_add", body, [length, frames, squares], placeholder((1, capacity * samples_per_frame)))


def _to_cartesian(length: nn.Tensor, x: nn.Tensor, n_fft: int, rows: Rows) -> nn.Tensor:
    """Compute the real, then the imaginary parts of rows of log-magnitudes and arcs."""
    count = bins(n_fft)

    def body(shape: list[Expr], length: te.Tensor, x: te.Tensor) -> te.Tensor:
        def value(r: Expr, c: Expr) -> Expr:
            k = tirx.truncmod(c, i64(count))
            phase = tirx.sin(x[r, count + k])
            wave = choose(c < count, tirx.cos(phase), tirx.sin(phase))
            return choose(is_valid(r, length, rows), tirx.exp(x[r, k]) * wave, f32(0))

        return te.compute(shape, value, name="spectrum")

    return expression("spectrum", body, [length, x], placeholder((x.shape[0], 2 * count)))


def _product(x: nn.Tensor, matrix: nn.Tensor) -> nn.Tensor:
    def body(shape: list[Expr], x: te.Tensor, matrix: te.Tensor) -> te.Tensor:
        i = te.reduce_axis((i64(0), matrix.shape[0]), "i")
        return te.compute(shape, lambda t, o: te.sum(x[t, i] * matrix[i, o], axis=i), name="product")

    return expression("inverse_fourier", body, [x, matrix], placeholder((x.shape[0], matrix.shape[1])))


def synthesis_basis(n_fft: int) -> NDArray[np.float32]:
    """Return a table [2 * bins, n_fft] that turns a spectrum into samples, the window applied.

    Its rows are what a unit real, then a unit imaginary part of bin k add to each sample.
    """
    half = n_fft // 2
    scale = [(1 if k in (0, half) else 2) / n_fft for k in range(half + 1)]
    table = [
        [sign * scale[k] * hann(n, n_fft) * wave(k * n % n_fft, n_fft) for n in range(n_fft)]
        for sign, wave in ((1, cosine), (-1, sine))
        for k in range(half + 1)
    ]
    return np.array(table, np.float32)
