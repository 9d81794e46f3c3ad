"""The layout of a spectrum and the tables of the transform, which the STFT and its inverse share.

A row of a spectrum is [magnitude of bins 0..n_fft/2 | phase of bins 0..n_fft/2 | zeros], `padded(n_fft + 2)` values.
"""

from __future__ import annotations

import math

from tvm import tirx
from tvm.tirx.script import builder as T

COSINE, SINE, WINDOW = range(3)


def bins(n_fft: int) -> int:
    """Return the number of bins of a real signal's spectrum."""
    return n_fft // 2 + 1


def whole_vectors(values: int, lanes: int) -> int:
    """Round `values` up to a multiple of `lanes`."""
    return -(-values // lanes) * lanes


def fourier_table(n_fft: int) -> tirx.Buffer:
    """Fill a table float64 [3, n_fft]: cos(2 pi j / n_fft), sin(2 pi j / n_fft), and the periodic Hann window."""
    table = T.alloc_buffer((3, n_fft), "float64")
    for j in range(n_fft):
        for row, value in ((COSINE, cosine(j, n_fft)), (SINE, sine(j, n_fft)), (WINDOW, hann(j, n_fft))):
            T.buffer_store(table, tirx.const(value, "float64"), [row, j])
    return table


def cosine(j: int, n_fft: int) -> float:
    return sine(j + n_fft // 4, n_fft) if n_fft % 4 == 0 else math.cos(2 * math.pi * j / n_fft)


def sine(j: int, n_fft: int) -> float:
    # exact where it is 0 or 1: the imaginary part of DC and Nyquist has to be 0, not 1e-16
    quarters, rest = divmod(4 * j, n_fft)
    return [0.0, 1.0, 0.0, -1.0][quarters % 4] if rest == 0 else math.sin(2 * math.pi * j / n_fft)


def hann(j: int, n_fft: int) -> float:
    return math.sin(math.pi * min(j, n_fft - j) / n_fft) ** 2  # symmetric to the last bit
