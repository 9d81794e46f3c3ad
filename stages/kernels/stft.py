"""Magnitude and phase of the short-time Fourier transform of the harmonic source.

The window is symmetric, so the sum runs over pairs: for the samples x[0..n_fft-1] of a window, with
e[n] = w[n] (x[n] + x[n_fft - n]) and o[n] = w[n] (x[n] - x[n_fft - n]),

    Re X[k] = w[n_fft/2] x[n_fft/2] cos(pi k) + sum_{0 < n < n_fft/2} e[n] cos(2 pi k n / n_fft)
    Im X[k] =                                 - sum_{0 < n < n_fft/2} o[n] sin(2 pi k n / n_fft)

Row 0 is mirror-symmetric, since the reflection is about its centre: there o[n] is exactly 0, and so is Im X, as it is
for the bins 0 and n_fft/2 of every row. The phase is then defined: 0 or +pi. No other row is symmetric: the reflection
at the end is about the last sample, one before the last row's centre.

A task computes a block of rows.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.simd import (
    Expr,
    Index,
    Simd,
    arg,
    blocks,
    call,
    kernel,
    let,
    load,
    padded,
    registers,
    size,
    splat,
    store,
)
from stages.kernels.spectrum import WINDOW, bins, fourier_table, whole_vectors

_BLOCK = 60  # rows of a task


def stft_kernel(samples_per_frame: int, n_fft: int, hop: int, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `stft`.

    Arguments: length int64[1], x float64 [samples], y [rows, padded(n_fft + 2)].
    """
    half = n_fft // 2
    with kernel("stft") as function:
        samples, rows = size("samples"), size("rows")
        length = arg("length", (1,), "int64")
        x = arg("x", (samples,), "float64")
        y = arg("y", (rows, padded(n_fft + 2)))
        valid = let(length[0] * samples_per_frame)
        count = let(valid // hop + 1)
        basis = _basis(n_fft, whole_vectors(bins(n_fft), simd.lanes))
        with T.parallel(blocks(count, _BLOCK)) as task:
            first = let(task * _BLOCK)
            here = let(T.min(count - first, _BLOCK))
            around = T.alloc_buffer(((_BLOCK - 1) * hop + n_fft,), "float64")
            with T.serial((here - 1) * hop + n_fft) as i:
                place = let(first * hop + i - half)
                distance = let(T.max(place, -place))
                reflected = T.min(distance, 2 * (valid - 1) - distance)
                T.buffer_store(around, x[reflected], [i])
            with T.serial(here) as i:
                real, imaginary = _transform(around, i * hop, basis, n_fft, simd.lanes)
                _store_polar(real, imaginary, y, first + i, n_fft, simd.lanes)
    return function.get()


def _basis(n_fft: int, width: int) -> tirx.Buffer:
    """Fill a table float64 [2, n_fft/2 + 1, width] with w[n] cos, then w[n] sin, of 2 pi k n / n_fft at [:, n, k].

    Entries are 0 for k past the last bin: those become the zeros of the padded channels.
    """
    half = n_fft // 2
    table = fourier_table(n_fft)
    basis = T.alloc_buffer((2, half + 1, width), "float64")
    with T.serial(2) as part, T.serial(half) as i, T.serial(width) as k:
        n = let(i + 1)
        # the middle sample is its own partner, and the sum counts it twice
        weight = table[WINDOW, n] * T.if_then_else(n == half, tirx.const(0.5, "float64"), tirx.const(1.0, "float64"))
        value = T.if_then_else(k <= half, weight * table[part, k * n % n_fft], tirx.const(0.0, "float64"))
        T.buffer_store(basis, value, [part, n, k])
    return basis


def _transform(
    around: tirx.Buffer, start: Expr, basis: tirx.Buffer, n_fft: int, lanes: int
) -> tuple[tirx.Buffer, tirx.Buffer]:
    """Compute real and imaginary parts, float64 [bins, rounded up], from `n_fft` samples of `around`."""
    width = whole_vectors(bins(n_fft), lanes)
    parts = registers((width,), "float64"), registers((width,), "float64")
    for at in range(0, width, lanes):
        for part in parts:
            store(part, splat(0.0, lanes, "float64"), at, lanes=lanes)
    with T.serial(n_fft // 2) as i:
        left, right = let(around[start + 1 + i]), let(around[start + (n_fft - 1) - i])
        for row, (part, value) in enumerate(zip(parts, (let(left + right), let(right - left)), strict=True)):
            for at in range(0, width, lanes):
                product = splat(value, lanes) * load(basis, row, 1 + i, at, lanes=lanes)
                store(part, load(part, at, lanes=lanes) + product, at, lanes=lanes)
    return parts


def _store_polar(real: tirx.Buffer, imaginary: tirx.Buffer, y: tirx.Buffer, row: Expr, n_fft: int, lanes: int) -> None:
    """Store magnitudes, then phases, in ascending order.

    Vectors overlap, and the zeros of one are replaced by the next.
    """
    for at in range(0, padded(n_fft + 2), lanes):
        store(y, splat(0.0, lanes), row, at, lanes=lanes)
    phases = []
    for at in range(0, whole_vectors(bins(n_fft), lanes), lanes):
        re, im = (let(T.Cast(f"float32x{lanes}", load(part, at, lanes=lanes))) for part in (real, imaginary))
        store(y, T.sqrt(re * re + im * im), row, at, lanes=lanes)
        phases.append(vector_math.atan2(im, re, lanes))
    for i, phase in enumerate(phases):
        store(y, phase, row, bins(n_fft) + i * lanes, lanes=lanes)


def stft(
    *, length: nn.Tensor, x: nn.Tensor, capacity: Index, samples_per_frame: int, n_fft: int, hop: int
) -> nn.Tensor:
    """Compute magnitude and phase of the short-time Fourier transform of a signal.

    Computes:
        X[r, k] = sum_n w[n] x[r * hop + n - n_fft / 2] e^(-2 pi i k n / n_fft)
        y[r] = [ |X[r, 0..n_fft/2]| , angle X[r, 0..n_fft/2] , 0 ... ]

        x is reflected at its valid ends; w is Hann (periodic).
    Arguments:
        length: int64 [1], valid frames.
        x: float64 [capacity * samples_per_frame], the signal; length * samples_per_frame samples are valid.
        capacity: frames that the buffers hold.
        samples_per_frame: samples of one frame.
        n_fft: samples of a window.
        hop: samples between two rows.
    Returns:
        y float32 [capacity * samples_per_frame / hop + 1, padded(n_fft + 2)]: magnitudes, then phases [radians], then
        zeros; undefined past row length * samples_per_frame / hop.
    Needs:
        An even n_fft, a hop that divides a frame, and a frame longer than half a window; else the kernel raises
        ValueError.
    Numerics:
        Sums are float64, over pairs of samples from the window's ends to its middle: the phase of a bin whose imaginary
        part is nearly 0 jumps between -pi and +pi with the rounding. Sums are then rounded to float32, in which
        magnitude and angle are taken.
    Variants:
        kernel: vectors of the target's lanes over bins.
        operator: a thread a row and bin.
    Source:
        torch.stft with center=True, pad_mode="reflect", onesided; torch.abs, torch.angle.
        Differs: where torch.stft gives +pi or -pi by chance (row 0), this gives +pi.
    """
    if n_fft % 2 or samples_per_frame % hop or samples_per_frame <= n_fft // 2:
        raise ValueError(
            f"stft: n_fft {n_fft} must be even and less than two frames, hop {hop} must divide a frame of "
            f"{samples_per_frame} samples"
        )
    function = stft_kernel(samples_per_frame, n_fft, hop, Simd.of())
    rows = capacity * (samples_per_frame // hop) + 1
    out = nn.Tensor.placeholder((rows, padded(n_fft + 2)), "float32")
    return call(function, "stft", [length, x], out=out)
