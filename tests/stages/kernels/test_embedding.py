"""Cases that can break an embedding: ids past the length that lie outside the table (they must not be read), a single
token, more tokens than one task takes, tokens equal to the number of positions.
"""

from __future__ import annotations

import numpy as np
import pytest

from stages.kernels.embedding import embedding_kernel
from stages.kernels.simd import padded
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel

SYMBOLS, PLACES, CHANNELS = 19, 70, 40
OUTSIDE = 1 << 40


@pytest.fixture(scope="module")
def embed(compile_kernel: CompileKernel) -> CompiledKernel:
    return compile_kernel(lambda simd: embedding_kernel(CHANNELS, simd))


def table(rows: int) -> Array:
    values = np.full((rows, padded(CHANNELS)), np.nan, np.float32)
    values[:, :CHANNELS] = np.random.default_rng(rows).standard_normal((rows, CHANNELS))
    return values


def symbols(tokens: int, capacity: int) -> Array:
    ids = np.full((1, capacity), OUTSIDE, np.int64)
    ids[0, :tokens] = np.random.default_rng(tokens).integers(0, SYMBOLS, tokens)
    return ids


def run(embed: CompiledKernel, ids: Array, tables: list[Array], tokens: int, threads: int = 1) -> Array:
    y = np.full((ids.shape[1], padded(CHANNELS)), 7.0, np.float32)
    return embed(ids, *tables, np.array([tokens], np.int64), outputs=[y], threads=threads)[0]


@pytest.mark.parametrize("tokens", [1, 33, PLACES])
def test_embedding_gathers_rows(embed: CompiledKernel, tokens: int) -> None:
    words, ids = table(SYMBOLS), symbols(tokens, tokens)
    y = run(embed, ids, [words], tokens)
    np.testing.assert_array_equal(y[:, :CHANNELS], words[ids[0]][:, :CHANNELS])


@pytest.mark.parametrize("tokens", [1, 33, PLACES])
def test_embedding_adds_positions(compile_kernel: CompileKernel, tokens: int) -> None:
    embed = compile_kernel(lambda simd: embedding_kernel(CHANNELS, simd, positions=True))
    words, places, ids = table(SYMBOLS), table(PLACES), symbols(tokens, tokens)
    y = run(embed, ids, [words, places], tokens)
    np.testing.assert_array_equal(y[:, :CHANNELS], (words[ids[0]] + places[:tokens])[:, :CHANNELS])


@pytest.mark.parametrize("threads", [1, 2])
def test_embedding_stops_at_the_length(embed: CompiledKernel, threads: int) -> None:
    words, ids = table(SYMBOLS), symbols(33, 80)
    y = run(embed, ids, [words], 33, threads)
    np.testing.assert_array_equal(y[:33, :CHANNELS], words[ids[0, :33]][:, :CHANNELS])
    assert (y[33:] == 7.0).all()
