"""Cases that can break attention: one token; tokens that are no multiple of a key tile or a query block, so that the
last of each is partial; keys past the length (NaN there must not reach the maximum, the sum or the mix); scores so
large that the softmax overflows without its shift, or so negative that zero keys in the last tile would win; other head
widths.
"""

from __future__ import annotations

import numpy as np
import pytest

from stages.kernels.attention import Tile, attention_kernel
from stages.kernels.simd import Simd, padded
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel

SIZES = [(2, 64), (4, 32), (3, 12), (1, 2)]  # heads, channels of a head
TOKENS = [1, 7, 32, 71]


class Case:
    """Random queries, keys and values, [3, tokens, heads, head_dim]."""

    def __init__(self, size: tuple[int, int], tokens: int, key: float = 1.0, shift: float = 0.0) -> None:
        self.heads, self.head_dim = size
        self.parts = np.random.default_rng(tokens).standard_normal((3, tokens, *size)).astype(np.float32)
        self.parts[1] = key * self.parts[1] + np.float32(shift)
        self.parts[0] += np.float32(shift != 0.0)

    def expected(self) -> Array:
        query, key, value = self.parts.astype(np.float64)
        scores = np.einsum("qhd,khd->hqk", query, key) / np.sqrt(self.head_dim)
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
        mixed: Array = np.einsum("hqk,khd->qhd", weights / weights.sum(axis=2, keepdims=True), value)
        return mixed.reshape(len(query), -1)

    def run(self, attend: CompiledKernel, capacity: int = 0, threads: int = 1) -> Array:
        tokens, channels = self.parts.shape[1], self.heads * self.head_dim
        rows = max(tokens, capacity)
        qkv = np.full((rows, padded(3 * channels)), np.nan, np.float32)
        qkv[:tokens, : 3 * channels] = self.parts.transpose(1, 0, 2, 3).reshape(tokens, -1)
        y = np.full((rows, padded(channels)), 7.0, np.float32)
        y = attend(qkv, np.array([tokens], np.int64), outputs=[y], threads=threads)[0]
        assert (y[tokens:] == 7.0).all()
        return y[:tokens, :channels]


@pytest.fixture(scope="module", params=SIZES)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    heads, head_dim = request.param
    return heads, head_dim


@pytest.fixture(scope="module")
def attend(compile_kernel: CompileKernel, size: tuple[int, int]) -> CompiledKernel:
    return compile_kernel(lambda simd: attention_kernel(*size, simd))


@pytest.mark.parametrize("tokens", TOKENS)
def test_attention_equals_the_formula(attend: CompiledKernel, size: tuple[int, int], tokens: int) -> None:
    case = Case(size, tokens)
    np.testing.assert_allclose(case.run(attend), case.expected(), rtol=0, atol=2e-6)


def test_attention_shifts_scores_before_the_exponential(attend: CompiledKernel, size: tuple[int, int]) -> None:
    case = Case(size, 33, key=100.0)
    np.testing.assert_allclose(case.run(attend), case.expected(), rtol=0, atol=5e-4)


def test_attention_of_very_negative_scores(attend: CompiledKernel, size: tuple[int, int]) -> None:
    case = Case(size, 33, key=0.1, shift=-200.0)
    np.testing.assert_allclose(case.run(attend), case.expected(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("tokens", TOKENS)
def test_attention_does_not_see_rows_past_the_length(
    attend: CompiledKernel, size: tuple[int, int], tokens: int
) -> None:
    case = Case(size, tokens)
    np.testing.assert_array_equal(case.run(attend, capacity=100), case.run(attend))


def test_attention_gives_the_same_bits_on_two_threads(attend: CompiledKernel, size: tuple[int, int]) -> None:
    case = Case(size, 71)
    np.testing.assert_array_equal(case.run(attend, threads=2), case.run(attend))


def test_attention_shows_a_nan_among_its_inputs(attend: CompiledKernel, size: tuple[int, int]) -> None:
    case = Case(size, 33)
    case.parts[1, 20] = np.nan
    assert np.isnan(case.run(attend)).all()


@pytest.mark.parametrize("lanes", [16, 8, 4])
@pytest.mark.parametrize("head_dim", [2, 12, 32, 64, 80])
def test_tile_divides_the_head(head_dim: int, lanes: int) -> None:
    tile = Tile.of(head_dim, Simd(lanes, 6))
    assert head_dim % tile.width == 0
    assert tile.width % tile.rows == 0


def test_head_dim_must_be_even() -> None:
    with pytest.raises(ValueError, match="attention takes an even head_dim, got 9"):
        Tile.of(9, Simd(8, 6))
