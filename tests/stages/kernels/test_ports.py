"""Cases that can break a change of layout: one row, rows or channels that are not whole vectors or blocks, one channel,
capacity above the valid rows with garbage there (it may neither be copied nor, in a port, remain), several rates, parts
of one row, and neighbours: a vector that overruns its part would fall into the next row, which another task writes.
"""

from __future__ import annotations

import numpy as np
import pytest

from stages.kernels.ports import concatenate_kernel, store_port_kernel, to_channel_major_kernel, to_time_major_kernel
from stages.kernels.rows import Rows
from stages.kernels.simd import padded
from tests.stages.kernels.conftest import Array, CompileKernel

CHANNELS = [1, 31, 64, 514]
LENGTHS = [1, 16, 67]


def values(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def garbage(*shape: int) -> Array:
    return np.full(shape, np.nan, np.float32)


def as_rows(x: Array, capacity: int) -> Array:
    """Put [rows, channels] into a buffer of `capacity` rows, with garbage wherever a kernel must not look."""
    buffer = garbage(capacity, padded(x.shape[1]))
    buffer[: x.shape[0], : x.shape[1]] = x
    return buffer


def length_of(length: int) -> Array:
    return np.array([length], np.int64)


@pytest.mark.parametrize("channels", CHANNELS)
def test_to_time_major_transposes_the_valid_rows(compile_kernel: CompileKernel, channels: int) -> None:
    run = compile_kernel(lambda simd: to_time_major_kernel(channels, Rows(2), simd))
    for length in LENGTHS:
        for threads, extra in [(1, 0), (2, 5)]:
            x = garbage(1, channels, 2 * length + extra)
            x[0, :, : 2 * length] = values(channels, 2 * length)
            [y] = run(length_of(length), x, outputs=[garbage(x.shape[2], padded(channels))], threads=threads)
            np.testing.assert_array_equal(y[: 2 * length, :channels], x[0, :, : 2 * length].T)
            assert not y[: 2 * length, channels:].any()


@pytest.mark.parametrize("channels", CHANNELS)
def test_to_channel_major_transposes_and_writes_zeros_past_the_end(
    compile_kernel: CompileKernel, channels: int
) -> None:
    run = compile_kernel(lambda simd: to_channel_major_kernel(channels, Rows(3, 1), simd))
    for length in LENGTHS:
        for threads, extra in [(1, 0), (2, 5)]:
            rows = values(3 * length + 1, channels)
            capacity = rows.shape[0] + extra
            [y] = run(
                length_of(length),
                as_rows(rows, capacity),
                outputs=[garbage(1, channels, capacity)],
                threads=threads,
            )
            np.testing.assert_array_equal(y[0, :, : rows.shape[0]], rows.T)
            assert not y[0, :, rows.shape[0] :].any()


@pytest.mark.parametrize("channels", CHANNELS)
def test_store_port_crops_channels_and_writes_zeros_past_the_end(compile_kernel: CompileKernel, channels: int) -> None:
    run = compile_kernel(lambda simd: store_port_kernel(channels, Rows(), simd))
    for length in LENGTHS:
        for threads, extra in [(1, 0), (2, 5)]:
            rows = values(length, channels)
            capacity = length + extra
            outputs = [garbage(1, capacity, channels)]
            [y] = run(length_of(length), as_rows(rows, capacity), outputs=outputs, threads=threads)
            np.testing.assert_array_equal(y[0, :length], rows)
            assert not y[0, length:].any()


CONCATENATIONS = {
    "asr, f0, n": ((512, 1, 1), (False, False, False)),
    "the row's last channel": ((31, 1), (False, False)),
    "with a style": ((40, 24), (False, True)),
    "broadcast": ((20,), (True,)),
}


@pytest.mark.parametrize("case", CONCATENATIONS)
def test_concatenate_puts_real_channels_side_by_side(compile_kernel: CompileKernel, case: str) -> None:
    channels, single = CONCATENATIONS[case]
    widths = [count if one else padded(count) for count, one in zip(channels, single, strict=True)]
    run = compile_kernel(lambda simd: concatenate_kernel(channels, widths, single, Rows(), simd))
    total = sum(channels)
    for length in LENGTHS:
        parts = [values(1 if one else length, count) for count, one in zip(channels, single, strict=True)]
        wanted = np.concatenate([np.broadcast_to(part, (length, part.shape[1])) for part in parts], axis=1)
        for threads, capacity in [(1, length), (2, length + 5)]:
            buffers = [part if one else as_rows(part, capacity) for part, one in zip(parts, single, strict=True)]
            outputs = [garbage(capacity, padded(total))]
            [y] = run(length_of(length), *buffers, outputs=outputs, threads=threads)
            np.testing.assert_array_equal(y[:length, :total], wanted)
            assert not y[:length, total:].any()
            assert np.isnan(y[length:]).all()
