"""Elementary functions on float32 vectors.

TVM lowers `exp`, `sin`, `log`, ... on vectors to one libm call a lane. These are polynomials after an exact range
reduction, 0.1 to 0.7 ns a value on AVX-512, within 3 ulp of the true value on the ranges named (sin_squared 5; cos near
its zeros within 1.5e-7, gelu of negative x within 4e-7). Rounding goes through `nearbyint`: the usual trick of adding
and subtracting 1.5 * 2^23 is folded away by TVM's simplifier.

Each function takes and returns an expression of `lanes` values, and binds its temporaries in the enclosing block.

Source: coefficients are least-squares (Chebyshev-node) fits of the functions on the reduced ranges, in float64,
rounded to float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tvm.tirx.script import builder as T

from stages.kernels.simd import Expr, let, load, registers, splat, store

_PI_HIGH, _PI_MIDDLE = (
    3.140625,
    9.67502593994140625e-4,
)  # 9 and 12 bits of pi: their products with an integer below 2^12 are exact
_PI_LOW = math.pi - _PI_HIGH - _PI_MIDDLE
_LN2_HIGH = 0.693359375
_LN2_LOW = math.log(2) - _LN2_HIGH


def fit(function: Callable[[float], float], low: float, high: float, degree: int) -> list[float]:
    """Fit a polynomial through `function` at the Chebyshev nodes; its coefficients come lowest power first.

    It is Newton's interpolation polynomial, expanded in float64.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = [middle + half * math.cos(math.pi * (i + 0.5) / (degree + 1)) for i in range(degree + 1)]
    divided = [function(x) for x in nodes]
    for order in range(1, degree + 1):
        for i in range(degree, order - 1, -1):
            divided[i] = (divided[i] - divided[i - 1]) / (nodes[i] - nodes[i - order])
    powers = [0.0] * (degree + 1)
    for i in range(degree, -1, -1):
        for j in range(degree, 0, -1):
            powers[j] = powers[j - 1] - nodes[i] * powers[j]
        powers[0] = divided[i] - nodes[i] * powers[0]
    return powers


def with_limit(function: Callable[[float], float], limit: float, at_zero: float) -> Callable[[float], float]:
    """Return `function` with its limit at 0, which it has within `limit` of 0."""
    return lambda x: function(x) if abs(x) > limit else at_zero


_SIN = fit(with_limit(lambda z: math.sin(math.sqrt(z)) / math.sqrt(z), 1e-12, 1.0), 0.0, (math.pi / 2) ** 2 * 1.01, 5)
_COS = fit(lambda z: math.cos(math.sqrt(z)), 0.0, (math.pi / 2) ** 2 * 1.01, 6)
_EXP = fit(math.exp, -math.log(2) / 2 * 1.01, math.log(2) / 2 * 1.01, 6)
_TANH_SMALL = 0.625
_TANH = fit(with_limit(lambda z: math.tanh(math.sqrt(z)) / math.sqrt(z), 1e-12, 1.0), 0.0, _TANH_SMALL**2 * 1.01, 5)
_ATAN = fit(
    with_limit(lambda z: math.atan(math.sqrt(z)) / math.sqrt(z), 1e-12, 1.0), 0.0, (math.sqrt(2) - 1) ** 2 * 1.01, 5
)
_LOG = fit(
    with_limit(lambda z: 2 * math.atanh(math.sqrt(z)) / math.sqrt(z), 1e-12, 2.0),
    0.0,
    ((math.sqrt(2) - 1) / (math.sqrt(2) + 1)) ** 2 * 1.01,
    4,
)


def _horner(coefficients: Sequence[float], x: Expr, lanes: int) -> Expr:
    value = splat(coefficients[-1], lanes)
    for c in coefficients[-2::-1]:
        value = value * x + splat(c, lanes)
    return let(value)


def _integers(lanes: int) -> str:
    return f"int32x{lanes}" if lanes > 1 else "int32"


def _floats(lanes: int) -> str:
    return f"float32x{lanes}" if lanes > 1 else "float32"


def _reduce_by_pi(x: Expr, multiple: Expr, lanes: int) -> Expr:
    rest = (
        x - multiple * splat(_PI_HIGH, lanes) - multiple * splat(_PI_MIDDLE, lanes) - multiple * splat(_PI_LOW, lanes)
    )
    return let(rest)


def sin_squared(x: Expr, lanes: int) -> Expr:
    """Compute sin(x)^2, |x| < 10^4. Its period is pi, so the sign of the reduced sine does not matter."""
    x = let(x)
    multiple = let(T.nearbyint(x * splat(1 / math.pi, lanes)))
    rest = _reduce_by_pi(x, multiple, lanes)
    square = let(rest * rest)
    ratio = _horner(_SIN, square, lanes)
    return let(square * ratio * ratio)


def sin(x: Expr, lanes: int) -> Expr:
    """Compute sin(x), |x| < 10^4."""
    x = let(x)
    multiple = let(T.nearbyint(x * splat(1 / math.pi, lanes)))
    rest = _reduce_by_pi(x, multiple, lanes)
    odd = T.bitwise_and(T.Cast(_integers(lanes), multiple), splat(1, lanes, "int32"))
    sign = splat(1.0, lanes) - splat(2.0, lanes) * T.Cast(_floats(lanes), odd)
    return let(sign * rest * _horner(_SIN, let(rest * rest), lanes))


def cos(x: Expr, lanes: int) -> Expr:
    """Compute cos(x), |x| < 10^4."""
    x = let(x)
    multiple = let(T.nearbyint(x * splat(1 / math.pi, lanes)))
    rest = _reduce_by_pi(x, multiple, lanes)
    odd = T.bitwise_and(T.Cast(_integers(lanes), multiple), splat(1, lanes, "int32"))
    sign = splat(1.0, lanes) - splat(2.0, lanes) * T.Cast(_floats(lanes), odd)
    return let(sign * _horner(_COS, let(rest * rest), lanes))


def exp(x: Expr, lanes: int) -> Expr:
    """Compute e^x; it is 0 below -87.3 (no subnormals), infinity above 88.7, and NaN of NaN."""
    x = let(x)
    # the bound stands first: of two numbers, one of them NaN, LLVM's comparison then takes the second
    clamped = let(T.max(splat(-88.0, lanes), T.min(splat(89.0, lanes), x)))
    power = let(T.nearbyint(clamped * splat(1 / math.log(2), lanes)))
    rest = let(clamped - power * splat(_LN2_HIGH, lanes) - power * splat(_LN2_LOW, lanes))
    mantissa = _horner(_EXP, rest, lanes)
    # two halves, since 2^128 has no float32 of its own
    whole = let(T.Cast(_integers(lanes), power))
    half = let(T.shift_right(whole, splat(1, lanes, "int32")))
    value = mantissa * power_of_two(half, lanes) * power_of_two(whole - half, lanes)
    return let(T.Select(x < splat(-87.3, lanes), splat(0.0, lanes), value))


def power_of_two(exponent: Expr, lanes: int) -> Expr:
    return T.reinterpret(_floats(lanes), T.shift_left(exponent + splat(127, lanes, "int32"), splat(23, lanes, "int32")))


def log(x: Expr, lanes: int) -> Expr:
    """Compute ln(x) of a normal positive x."""
    power, mantissa = exponent_and_mantissa(x, lanes)
    ratio = let((mantissa - splat(1.0, lanes)) / (mantissa + splat(1.0, lanes)))
    logarithm = ratio * _horner(_LOG, let(ratio * ratio), lanes)
    exponent = let(T.Cast(_floats(lanes), power))
    return let(exponent * splat(_LN2_HIGH, lanes) + (exponent * splat(_LN2_LOW, lanes) + logarithm))


def exponent_and_mantissa(x: Expr, lanes: int) -> tuple[Expr, Expr]:
    """Return int32 e and m in [sqrt(1/2), sqrt(2)) with x = m * 2^e, of a normal positive x."""
    bits = let(T.reinterpret(_integers(lanes), let(x)))
    # 0x3f3504f3 is the bit pattern of sqrt(1/2)
    power = let(T.shift_right(bits - splat(0x3F3504F3, lanes, "int32"), splat(23, lanes, "int32")))
    return power, let(T.reinterpret(_floats(lanes), bits - T.shift_left(power, splat(23, lanes, "int32"))))


def sigmoid(x: Expr, lanes: int) -> Expr:
    """Compute 1 / (1 + e^-x)."""
    return let(splat(1.0, lanes) / (splat(1.0, lanes) + exp(splat(0.0, lanes) - x, lanes)))


def tanh(x: Expr, lanes: int) -> Expr:
    """Compute tanh(x); a polynomial serves near 0, where 1 - 2 / (e^2x + 1) cancels."""
    x = let(x)
    small = x * _horner(_TANH, let(x * x), lanes)
    large = splat(1.0, lanes) - splat(2.0, lanes) / (exp(x + x, lanes) + splat(1.0, lanes))
    near = T.max(x, splat(0.0, lanes) - x) < splat(_TANH_SMALL, lanes)
    return let(T.Select(near, small, large))


def gelu(x: Expr, lanes: int) -> Expr:
    """Compute GELU by its tanh approximation (`gelu_new`)."""
    x = let(x)
    inner = splat(math.sqrt(2 / math.pi), lanes) * (x + splat(0.044715, lanes) * x * x * x)
    return let(splat(0.5, lanes) * x * (splat(1.0, lanes) + tanh(inner, lanes)))


def leaky_relu(x: Expr, slope: float, lanes: int) -> Expr:
    """Return x where positive, slope * x elsewhere (0 <= slope <= 1)."""
    x = let(x)
    return let(T.max(x, x * splat(slope, lanes)))


def atan2(y: Expr, x: Expr, lanes: int) -> Expr:
    """Compute the angle of x + iy in (-pi, pi]; atan2(+0, x) is 0 or +pi, as is atan2(-0, x); atan2(0, 0) is 0."""
    x, y = let(x), let(y)
    zero = splat(0.0, lanes)
    across, up = let(T.max(x, zero - x)), let(T.max(y, zero - y))
    large, small = let(T.max(across, up)), let(T.min(across, up))
    ratio = _through_register(
        T.Select(large > zero, small / T.Select(large > zero, large, splat(1.0, lanes)), zero), lanes
    )
    # atan(r) = pi/4 + atan((r - 1) / (r + 1)) beyond tan(pi/8), so that the polynomial's argument stays below it
    far = ratio > splat(math.sqrt(2) - 1, lanes)
    reduced = let(T.Select(far, (ratio - splat(1.0, lanes)) / (ratio + splat(1.0, lanes)), ratio))
    angle = reduced * _horner(_ATAN, let(reduced * reduced), lanes) + T.Select(far, splat(math.pi / 4, lanes), zero)
    angle = _through_register(angle, lanes)
    steep = _through_register(T.Select(up > across, splat(math.pi / 2, lanes) - angle, angle), lanes)
    left = _through_register(T.Select(x < zero, splat(math.pi, lanes) - steep, steep), lanes)
    return let(T.Select(y < zero, zero - left, left))


def _through_register(value: Expr, lanes: int) -> Expr:
    """Pass `value` through a register.

    TVM's simplifier sees through a binding, and takes seconds for selects of selects.
    """
    register = registers((lanes,))
    store(register, value, 0, lanes=lanes)
    return let(load(register, 0, lanes=lanes))
