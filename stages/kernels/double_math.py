"""Elementary functions on float64 vectors, for the harmonic source.

The source's spectrum is read as magnitude and angle, and an angle near pi jumps to -pi with the last bit of a sample.
Samples rounded to float32 give one such jump in two minutes of audio; these functions are within 1e-15 of the true
value, and give none in a lifetime.

As in vector_math they are polynomials after a range reduction, and bind temporaries in the enclosing block.
"""

from __future__ import annotations

import math

from tvm.tirx.script import builder as T

from stages.kernels.simd import Expr, let, splat
from stages.kernels.vector_math import exponent_and_mantissa, fit, power_of_two, with_limit

# of sin(pi r) / r and cos(pi r) in r^2, |r| <= 1/2
_SIN = fit(with_limit(lambda z: math.sin(math.pi * math.sqrt(z)) / math.sqrt(z), 1e-12, math.pi), 0.0, 0.25, 8)
_COS = fit(lambda z: math.cos(math.pi * math.sqrt(z)), 0.0, 0.25, 9)
_LOG_RANGE = ((math.sqrt(2) - 1) / (math.sqrt(2) + 1)) ** 2
_LOG = fit(with_limit(lambda z: 2 * math.atanh(math.sqrt(z)) / math.sqrt(z), 1e-12, 2.0), 0.0, _LOG_RANGE, 8)
_EXP = fit(math.exp, -math.log(2) / 2, math.log(2) / 2, 11)
_LN2_HIGH = math.floor(math.log(2) * 2**20) / 2**20  # its product with a power is exact
_LN2_LOW = math.log(2) - _LN2_HIGH


def _splat(x: float, lanes: int) -> Expr:
    return splat(x, lanes, "float64")


def _horner(coefficients: list[float], x: Expr, lanes: int) -> Expr:
    value = _splat(coefficients[-1], lanes)
    for c in coefficients[-2::-1]:
        value = value * x + _splat(c, lanes)
    return let(value)


def _reduce_turns(turns: Expr, lanes: int) -> tuple[Expr, Expr]:
    """Reduce turns to a remainder of at most half a half-turn.

    The second result is the sign that the whole half-turns give to sine and cosine.
    """
    halves = let(turns + turns)
    whole = let(T.nearbyint(halves))
    odd = let(whole - _splat(2.0, lanes) * T.nearbyint(whole * _splat(0.5, lanes)))  # 0, or 1 or -1
    return let(halves - whole), let(_splat(1.0, lanes) - _splat(2.0, lanes) * odd * odd)


def sin_turns(turns: Expr, lanes: int) -> Expr:
    """Compute sin(2 pi turns), |turns| < 2^50."""
    rest, sign = _reduce_turns(let(turns), lanes)
    return let(sign * rest * _horner(_SIN, let(rest * rest), lanes))


def cos_turns(turns: Expr, lanes: int) -> Expr:
    """Compute cos(2 pi turns), |turns| < 2^50."""
    rest, sign = _reduce_turns(let(turns), lanes)
    return let(sign * _horner(_COS, let(rest * rest), lanes))


def log(x: Expr, lanes: int) -> Expr:
    """Compute ln(x) as float64 of a float32 x, normal and positive."""
    power, mantissa = (let(T.Cast(f"float64x{lanes}", part)) for part in exponent_and_mantissa(x, lanes))
    ratio = let((mantissa - _splat(1.0, lanes)) / (mantissa + _splat(1.0, lanes)))
    return let(power * _splat(math.log(2), lanes) + ratio * _horner(_LOG, let(ratio * ratio), lanes))


def tanh(x: Expr, lanes: int) -> Expr:
    """Compute tanh(x); it is 1 to the last bit beyond 20, and NaN of NaN."""
    x = let(x)
    size = let(T.max(x, _splat(0.0, lanes) - x))
    # the bound stands first, so that NaN passes (see vector_math.exp)
    decay = let(_exp(T.max(_splat(-40.0, lanes), size * _splat(-2.0, lanes)), lanes))
    ratio = let((_splat(1.0, lanes) - decay) / (_splat(1.0, lanes) + decay))
    return let(T.Select(x < _splat(0.0, lanes), _splat(0.0, lanes) - ratio, ratio))


def _exp(x: Expr, lanes: int) -> Expr:
    """Compute e^x, -80 < x < 80."""
    x = let(x)
    power = let(T.nearbyint(x * _splat(1 / math.log(2), lanes)))
    rest = let(x - power * _splat(_LN2_HIGH, lanes) - power * _splat(_LN2_LOW, lanes))
    scale = power_of_two(let(T.Cast(f"int32x{lanes}", power)), lanes)
    return let(_horner(_EXP, rest, lanes) * T.Cast(f"float64x{lanes}", scale))
