"""Magnitude and phase of the harmonic source's spectrum: a thread a row and bin.

Sums run over pairs of samples in float64, in one fixed order, as in `kernels.stft`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.simd import Expr, Index, arg, kernel, let, registers, size, when
from stages.kernels.spectrum import bins, cosine, hann, sine
from stages.operators.call import constant, loop_nest, placeholder
from stages.operators.threads import threads


def stft_kernel(samples_per_frame: int, n_fft: int, hop: int) -> tirx.PrimFunc:
    """Build the loop nest of `stft`.

    Arguments: length int64[1], x float64 [samples], basis float64 [2, n_fft/2, bins], y [rows, n_fft + 2].
    """
    half, width = n_fft // 2, bins(n_fft)
    with kernel("stft") as function:
        samples, rows = size("samples"), size("rows")
        length = arg("length", (1,), "int64")
        x = arg("x", (samples,), "float64")
        basis = arg("basis", (2, half, width), "float64")
        y = arg("y", (rows, n_fft + 2))
        with threads(rows * width) as i:
            row, k = let(tirx.truncdiv(i, width)), let(tirx.truncmod(i, width))
            valid = let(length[0] * samples_per_frame)
            with when(row <= tirx.truncdiv(valid, hop)):
                parts = registers((2,), "float64")
                for part in range(2):
                    T.buffer_store(parts, tirx.const(0.0, "float64"), [part])
                with T.serial(half) as j:
                    left = let(x[_reflected(row * hop + j + 1 - half, valid)])
                    right = let(x[_reflected(row * hop + (n_fft - 1) - j - half, valid)])
                    T.buffer_store(parts, parts[0] + (left + right) * basis[0, j, k], [0])
                    T.buffer_store(parts, parts[1] + (right - left) * basis[1, j, k], [1])
                real, imaginary = (let(T.Cast("float32", parts[part])) for part in range(2))
                T.buffer_store(y, T.sqrt(real * real + imaginary * imaginary), [row, k])
                T.buffer_store(y, vector_math.atan2(imaginary, real, 1), [row, width + k])
    return function.get()


def _reflected(place: Expr, valid: Expr) -> Expr:
    distance = let(T.max(place, -place))
    return T.min(distance, 2 * (valid - 1) - distance)


def analysis_basis(n_fft: int) -> NDArray[np.float64]:
    """Return a table of w[n] cos, then w[n] sin, of 2 pi k n / n_fft at [:, n - 1, k] for n = 1..n_fft/2.

    The middle sample is its own partner and the sum counts it twice, hence half of it.
    """
    half = n_fft // 2
    return np.array(
        [
            [
                [hann(n, n_fft) * (0.5 if n == half else 1.0) * wave(k * n % n_fft, n_fft) for k in range(half + 1)]
                for n in range(1, half + 1)
            ]
            for wave in (cosine, sine)
        ]
    )


def stft(
    *, length: nn.Tensor, x: nn.Tensor, capacity: Index, samples_per_frame: int, n_fft: int, hop: int
) -> nn.Tensor:
    """Transform as `kernels.stft`; rows are [capacity * samples_per_frame / hop + 1, n_fft + 2]."""
    out = placeholder((capacity * (samples_per_frame // hop) + 1, n_fft + 2))
    args = [length, x, constant(analysis_basis(n_fft))]
    return loop_nest(stft_kernel(samples_per_frame, n_fft, hop), "stft", args, out)
