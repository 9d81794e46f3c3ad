"""Computes the decoder's noise in NumPy: Philox4x32-10 and Box-Muller, addressed by (seed, sample, harmonic).

    seed -> key ----------+
                          v
    (sample, block) -> philox4x32_10 -> 4 uint32 -> 4 uniforms in (0, 1] -> 2 Box-Muller pairs -> z[4*block + 0..3]

Blocks 0, 1, 2 give twelve normal deviates a sample, of which harmonics 0..8 take the first nine. Uniforms are float32,
bit for bit those of the compiled kernel; logarithm, square root, sine and cosine are taken in float64 from them, so
the results are what the kernel's float32 values should be.

Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011), and its Random123 test vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HARMONICS = 9
ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)


def philox4x32(counter: NDArray[np.uint32], key: tuple[int, int]) -> NDArray[np.uint32]:
    """Apply ten rounds to `counter` uint32 [n, 4] under `key`; the result has the counter's shape."""
    c0, c1, c2, c3 = (counter[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = key
    for _ in range(ROUNDS):
        left, right = c0 * np.uint64(MULTIPLIERS[0]), c2 * np.uint64(MULTIPLIERS[1])
        c0, c1, c2, c3 = (
            (right >> SHIFT) ^ c1 ^ np.uint64(k0),
            right & LOW,
            (left >> SHIFT) ^ c3 ^ np.uint64(k1),
            left & LOW,
        )
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def uniform(bits: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Compute (bits + 0.5) * 2**-32 with 24 bits of the word, in float32; the greatest word rounds to exactly 1."""
    return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2**-24) + np.float32(2**-25)


def harmonic_noise(seed: int, samples: int) -> NDArray[np.float64]:
    """Compute the standard normal deviates [samples, HARMONICS] of one utterance."""
    index = np.arange(samples, dtype=np.uint64)
    key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
    blocks = [_normal_block(index, block, key) for block in range(3)]
    return np.concatenate(blocks, axis=1)[:, :HARMONICS]


def _normal_block(index: NDArray[np.uint64], block: int, key: tuple[int, int]) -> NDArray[np.float64]:
    counter = np.zeros((index.size, 4), np.uint32)
    counter[:, 0], counter[:, 1], counter[:, 2] = index & LOW, index >> SHIFT, block
    u = uniform(philox4x32(counter, key)).astype(np.float64)
    radius, angle = np.sqrt(-2.0 * np.log(u[:, 0::2])), 2.0 * np.pi * u[:, 1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2).reshape(index.size, 4)
