"""Counter-based random numbers: Philox4x32-10 and, from its words, normal deviates.

    (key, counter) -> 10 rounds -> x0 x1 x2 x3 -> u = (x >> 8) 2^-24 + 2^-25 -> (u0, u1) -> z0 z1, (u2, u3) -> z2 z3
    Box-Muller: r = sqrt(-2 ln u0), theta = 2 pi u1, z0 = r cos theta, z1 = r sin theta

Words and uniforms are exact, the same on every target. Deviates are float64, within 1e-14 of the true ones for the same
uniforms.

The functions work on vectors of `lanes` counters: they return expressions and bind temporaries in the enclosing block.

Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm.tirx.script import builder as T

from stages.kernels import double_math
from stages.kernels.simd import Expr, let, load, registers, splat, store

_ROUNDS = 10
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85


def philox4x32(counter: Sequence[Expr], key: Sequence[Expr], lanes: int) -> list[Expr]:
    """Compute four uint32 vectors from a counter of four uint32 vectors and a key of two uint32 scalars.

    The words live in registers: TVM's interval analysis sees through bindings, and fails on sums that wrap.
    """
    words, keys = registers((4 * lanes,), "uint32"), registers((2,), "uint32")
    for i in range(4):
        store(words, counter[i], i * lanes, lanes=lanes)
    for i in range(2):
        T.buffer_store(keys, key[i], [i])
    with T.serial(_ROUNDS):
        c0, c1, c2, c3 = (let(load(words, i * lanes, lanes=lanes)) for i in range(4))
        high0, low0 = _product(c0, _MULTIPLIERS[0], lanes)
        high1, low1 = _product(c2, _MULTIPLIERS[1], lanes)
        mixed = [high1 ^ c1 ^ splat(keys[0], lanes), low1, high0 ^ c3 ^ splat(keys[1], lanes), low0]
        for i, word in enumerate(mixed):
            store(words, word, i * lanes, lanes=lanes)
        for i in range(2):
            T.buffer_store(keys, keys[i] + T.uint32(_WEYL[i]), [i])
    return [let(load(words, i * lanes, lanes=lanes)) for i in range(4)]


def _product(word: Expr, factor: int, lanes: int) -> tuple[Expr, Expr]:
    """Compute the high and low words of a 64-bit product."""
    wide = let(T.Cast(f"uint64x{lanes}", word) * splat(T.uint64(factor), lanes))
    high = T.Cast(f"uint32x{lanes}", T.shift_right(wide, splat(T.uint64(32), lanes)))
    return let(high), let(T.Cast(f"uint32x{lanes}", wide))


def uniform(word: Expr, lanes: int) -> Expr:
    """Compute a float32 in (0, 1] from the high 24 bits of a word; the greatest word rounds to exactly 1."""
    bits = T.Cast(f"int32x{lanes}", T.shift_right(word, splat(T.uint32(8), lanes)))
    return let(T.Cast(f"float32x{lanes}", bits) * splat(2.0**-24, lanes) + splat(2.0**-25, lanes))


def normals(words: Sequence[Expr], lanes: int) -> list[Expr]:
    """Compute as many standard normal deviates, float64, as there are words (an even number)."""
    deviates = []
    for word0, word1 in zip(words[::2], words[1::2], strict=True):
        logarithm = double_math.log(uniform(word0, lanes), lanes)
        radius = let(T.sqrt(splat(-2.0, lanes, "float64") * logarithm))
        turns = let(T.Cast(f"float64x{lanes}", uniform(word1, lanes)))
        deviates += [
            let(radius * double_math.cos_turns(turns, lanes)),
            let(radius * double_math.sin_turns(turns, lanes)),
        ]
    return deviates
