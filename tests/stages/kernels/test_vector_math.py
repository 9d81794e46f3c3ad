"""Cases that can break a function: the ends of its range, the seams between its polynomials, arguments near a multiple
of pi, where digits cancel, and zeros, infinities and NaN where its docstring speaks of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tvm
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.simd import Simd, arg, kernel, let, load, size, store
from tests.stages.kernels.conftest import Array, CompileKernel

Function = Callable[..., tvm.tirx.Expr]
Evaluate = Callable[..., Array]


class Case(NamedTuple):
    """A function, its value in float64, the range to try, and the allowed distance.

    The allowed distance is `ulps` units in the last place of the value, plus `absolute`.
    """

    name: str
    truth: Callable[..., Array]
    low: float
    high: float
    ulps: float
    absolute: float = 0.0


def gelu(x: Array) -> Array:
    """Compute gelu_new; 1 + tanh(u) is 2 / (1 + e^-2u), which does not cancel."""
    value: Array = x / (1 + np.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return value


FUNCTIONS: dict[str, Function] = {
    "sin_squared": vector_math.sin_squared,
    "sin": vector_math.sin,
    "cos": vector_math.cos,
    "exp": vector_math.exp,
    "log": vector_math.log,
    "sigmoid": vector_math.sigmoid,
    "tanh": vector_math.tanh,
    "gelu": vector_math.gelu,
    "leaky_relu": lambda x, lanes: vector_math.leaky_relu(x, 0.2, lanes),
}
CASES = [
    Case("sin", np.sin, -3.14, 3.14, 3),
    Case("sin", np.sin, -1e4, 1e4, 3),
    Case("cos", np.cos, -3.15, 3.15, 2, 1.5e-7),
    Case("cos", np.cos, -1e4, 1e4, 2, 1.5e-7),
    Case("sin_squared", lambda x: np.sin(x) ** 2, -50, 50, 5),
    Case("sin_squared", lambda x: np.sin(x) ** 2, -1e4, 1e4, 5),
    Case("exp", np.exp, -87.29, 88.7, 2),
    Case("exp", np.exp, -1, 1, 2),
    Case("log", np.log, 0.5, 2, 3),
    Case("log", np.log, 1e-37, 3e38, 3),
    Case("sigmoid", lambda x: 1 / (1 + np.exp(-x)), -80, 20, 3),
    Case("tanh", np.tanh, -0.7, 0.7, 3),
    Case("tanh", np.tanh, -20, 20, 3),
    Case("gelu", gelu, -3, 6, 4, 4e-7),
    Case("gelu", gelu, -10, 100, 4, 4e-7),
    Case("leaky_relu", lambda x: np.where(x > 0, x, np.float64(np.float32(0.2)) * x), -10, 10, 1),
]
SPECIAL = [
    ("exp", 0.0, 1.0),
    ("exp", -0.0, 1.0),
    ("exp", -87.4, 0.0),
    ("exp", -1e30, 0.0),
    ("exp", -math.inf, 0.0),
    ("exp", 88.8, math.inf),
    ("exp", math.inf, math.inf),
    ("exp", math.nan, math.nan),
    ("sigmoid", 0.0, 0.5),
    ("sigmoid", 100.0, 1.0),
    ("sigmoid", -100.0, 0.0),
    ("sigmoid", math.nan, math.nan),
    ("tanh", 0.0, 0.0),
    ("tanh", math.inf, 1.0),
    ("tanh", -math.inf, -1.0),
    ("tanh", math.nan, math.nan),
    ("gelu", 0.0, 0.0),
    ("gelu", 1e4, 1e4),
    ("gelu", -1e4, 0.0),
    ("gelu", math.nan, math.nan),
    ("leaky_relu", 0.0, 0.0),
    ("leaky_relu", -math.inf, -math.inf),
    ("leaky_relu", math.nan, math.nan),
    ("sin", 0.0, 0.0),
    ("sin", math.nan, math.nan),
    ("sin_squared", 0.0, 0.0),
    ("sin_squared", math.nan, math.nan),
    ("cos", 0.0, 1.0),
    ("cos", math.nan, math.nan),
    ("log", 1.0, 0.0),
    ("log", 2.0**100, math.log(2.0**100)),
]


def every_function(simd: Simd) -> tvm.tirx.PrimFunc:
    """Build x, y [n, lanes] -> out [n, functions + 1, lanes]: each function of x, and last atan2(x, y)."""
    lanes = simd.lanes
    with kernel("every_function") as function:
        n = size("n")
        x, y = arg("x", (n, lanes)), arg("y", (n, lanes))
        out = arg("out", (n, len(FUNCTIONS) + 1, lanes))
        with T.serial(n) as i:
            value = let(load(x, i, 0, lanes=lanes))
            for at, one in enumerate(FUNCTIONS.values()):
                store(out, one(value, lanes), i, at, 0, lanes=lanes)
            angle = vector_math.atan2(value, load(y, i, 0, lanes=lanes), lanes)
            store(out, angle, i, len(FUNCTIONS), 0, lanes=lanes)
    return function.get()


@pytest.fixture(scope="module")
def evaluate(compile_kernel: CompileKernel, target: tvm.target.Target) -> Evaluate:
    """`evaluate("exp", x)`, float32; `evaluate("atan2", y, x)`."""
    run = compile_kernel(every_function)
    lanes = Simd.of(target).lanes

    def evaluate(name: str, x: Array, y: Array | None = None) -> Array:
        x = np.asarray(x, np.float32)
        rows = -(-x.size // lanes)
        first, second = (np.resize(v, (rows, lanes)) for v in (x, x if y is None else np.asarray(y, np.float32)))
        out = np.zeros((rows, len(FUNCTIONS) + 1, lanes), np.float32)
        at = [*FUNCTIONS, "atan2"].index(name)
        return run(first, second, outputs=[out])[0][:, at].reshape(-1)[: x.size]

    return evaluate


def arguments(low: float, high: float) -> Array:
    """Return some thousand values from `low` to `high`, evenly spaced and by magnitude."""
    rng = np.random.default_rng(0)
    even = rng.uniform(low, high, 20_000)
    scaled = rng.choice([low, high], 20_000) * 10.0 ** rng.uniform(-6, 0, 20_000)
    both = np.concatenate([even, scaled, [low, high]]).astype(np.float32)
    return both[(both >= low) & (both <= high)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.low:.3g} to {case.high:.3g}")
def test_function_is_within_some_units_of_the_true_value(evaluate: Evaluate, case: Case) -> None:
    x = arguments(case.low, case.high)
    truth = case.truth(x.astype(np.float64))
    distance = np.abs(evaluate(case.name, x) - truth)
    unit = np.spacing(np.maximum(np.abs(truth), np.finfo(np.float32).tiny).astype(np.float32)).astype(np.float64)
    worst = np.argmax((distance - case.absolute) / unit)
    assert distance[worst] <= case.ulps * unit[worst] + case.absolute, (
        f"{case.name}({x[worst]}) is {distance[worst] / unit[worst]:.1f} ulp, {distance[worst]:.2g} off {truth[worst]}"
    )


@pytest.mark.parametrize(("name", "x", "expected"), SPECIAL)
def test_function_of_a_special_value(evaluate: Evaluate, name: str, x: float, expected: float) -> None:
    np.testing.assert_array_equal(evaluate(name, [x]), np.array([expected], np.float32))


def test_sine_keeps_its_digits_beside_multiples_of_pi(evaluate: Evaluate) -> None:
    x = (np.arange(-3183, 3184) * math.pi).astype(np.float32)
    np.testing.assert_allclose(evaluate("sin", x), np.sin(x.astype(np.float64)), rtol=2e-7, atol=3e-11)


def test_atan2_is_within_some_units_in_every_quadrant(evaluate: Evaluate) -> None:
    rng = np.random.default_rng(1)
    y, x = (rng.standard_normal((2, 40_000)) * 10.0 ** rng.uniform(-5, 5, (2, 40_000))).astype(np.float32)
    truth = np.arctan2(y.astype(np.float64), x.astype(np.float64))
    np.testing.assert_allclose(evaluate("atan2", y, x), truth, rtol=4e-7, atol=0)


@pytest.mark.parametrize(
    ("y", "x", "expected"),
    [
        (0.0, 1.0, 0.0),
        (-0.0, 1.0, 0.0),
        (0.0, -1.0, math.pi),
        (-0.0, -1.0, math.pi),
        (0.0, 0.0, 0.0),
        (1.0, 0.0, math.pi / 2),
        (-1.0, 0.0, -math.pi / 2),
        (1.0, 1.0, math.pi / 4),
        (-1.0, -1.0, -3 * math.pi / 4),
        (1e-30, -1e30, math.pi),
    ],
)
def test_atan2_on_the_axes_and_diagonals(evaluate: Evaluate, y: float, x: float, expected: float) -> None:
    np.testing.assert_array_equal(evaluate("atan2", [y], [x]), np.array([expected], np.float32))
