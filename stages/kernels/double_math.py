"""Elementary functions on float64 vectors, for the harmonic source.

The source's spectrum is read as magnitude and angle, and an angle near pi jumps to -pi with the last bit of a sample.
Samples rounded to float32 give one jump in two minutes of audio; these, within 1e-15 of the true value, none in a life.

As in vector_math: polynomials after range reduction, temporaries bound in the enclosing block.
"""

from __future__ import annotations

import math

from tvm.tirx.script import builder as T

from stages.kernels.simd import Expr, let, splat
from stages.kernels.vector_math import exponent_and_mantissa, fit, power_of_two, series

# of sin(pi r) / r and cos(pi r) in r^2, |r| <= 1/2
_SIN = fit(series(lambda z: math.sin(math.pi * math.sqrt(z)) / math.sqrt(z), 1e-12, math.pi), 0.0, 0.25, 8)
_COS = fit(lambda z: math.cos(math.pi * math.sqrt(z)), 0.0, 0.25, 9)
_LOG_RANGE = ((math.sqrt(2) - 1) / (math.sqrt(2) + 1)) ** 2
_LOG = fit(series(lambda z: 2 * math.atanh(math.sqrt(z)) / math.sqrt(z), 1e-12, 2.0), 0.0, _LOG_RANGE, 8)
_EXP = fit(math.exp, -math.log(2) / 2, math.log(2) / 2, 11)
_LN2_HIGH = math.floor(math.log(2) * 2**20) / 2**20  # its product with a power is exact
_LN2_LOW = math.log(2) - _LN2_HIGH


def _value(x: float, lanes: int) -> Expr:
    return splat(x, lanes, "float64")


def _horner(coefficients: list[float], x: Expr, lanes: int) -> Expr:
    value = _value(coefficients[-1], lanes)
    for c in coefficients[-2::-1]:
        value = value * x + _value(c, lanes)
    return let(value)


def _half_turn(turns: Expr, lanes: int) -> tuple[Expr, Expr]:
    """The rest, at most half of a half-turn, and the sign that the whole half-turns give to sine and cosine."""
    halves = let(turns + turns)
    whole = let(T.nearbyint(halves))
    odd = let(whole - _value(2.0, lanes) * T.nearbyint(whole * _value(0.5, lanes)))  # 0, or 1 or -1
    return let(halves - whole), let(_value(1.0, lanes) - _value(2.0, lanes) * odd * odd)


def sin_turns(turns: Expr, lanes: int) -> Expr:
    """sin(2 pi turns), |turns| < 2^50."""
    rest, sign = _half_turn(let(turns), lanes)
    return let(sign * rest * _horner(_SIN, let(rest * rest), lanes))


def cos_turns(turns: Expr, lanes: int) -> Expr:
    """cos(2 pi turns), |turns| < 2^50."""
    rest, sign = _half_turn(let(turns), lanes)
    return let(sign * _horner(_COS, let(rest * rest), lanes))


def log(x: Expr, lanes: int) -> Expr:
    """ln(x) as float64 of a float32 x, normal and positive."""
    power, mantissa = (let(T.Cast(f"float64x{lanes}", part)) for part in exponent_and_mantissa(x, lanes))
    ratio = let((mantissa - _value(1.0, lanes)) / (mantissa + _value(1.0, lanes)))
    return let(power * _value(math.log(2), lanes) + ratio * _horner(_LOG, let(ratio * ratio), lanes))


def tanh(x: Expr, lanes: int) -> Expr:
    """tanh(x); beyond 20 it is 1 to the last bit, NaN of NaN."""
    x = let(x)
    size = let(T.max(x, _value(0.0, lanes) - x))
    # the bound stands first, so that NaN passes (see vector_math.exp)
    decay = let(_exp(T.max(_value(-40.0, lanes), size * _value(-2.0, lanes)), lanes))
    ratio = let((_value(1.0, lanes) - decay) / (_value(1.0, lanes) + decay))
    return let(T.Select(x < _value(0.0, lanes), _value(0.0, lanes) - ratio, ratio))


def _exp(x: Expr, lanes: int) -> Expr:
    """e^x, -80 < x < 80."""
    x = let(x)
    power = let(T.nearbyint(x * _value(1 / math.log(2), lanes)))
    rest = let(x - power * _value(_LN2_HIGH, lanes) - power * _value(_LN2_LOW, lanes))
    scale = power_of_two(let(T.Cast(f"int32x{lanes}", power)), lanes)
    return let(_horner(_EXP, rest, lanes) * T.Cast(f"float64x{lanes}", scale))
