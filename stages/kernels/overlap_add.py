"""Waveform from log-magnitudes and phases: exponential, sine, inverse real Fourier transform, overlap-add.

A task makes one frame of samples in scratch from all rows that reach into it, those of its neighbours included: no task
writes into another's samples.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.simd import Expr, Index, Simd, arg, call, kernel, let, load, padded, registers, size, splat, store
from stages.kernels.spectrum import COSINE, SINE, WINDOW, bins, fourier_table, whole_vectors


def overlap_add_kernel(samples_per_frame: int, n_fft: int, hop: int, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `overlap_add`.

    Arguments: length int64[1], x [rows, padded(n_fft + 2)], y [1, samples].
    """
    lanes, hops = simd.lanes, samples_per_frame // hop
    reach = n_fft // 2 // hop
    count = hops + 2 * reach - 1  # rows that reach into a frame
    scratch = whole_vectors((count - 1) * hop + whole_vectors(n_fft, lanes), lanes)
    with kernel("overlap_add") as function:
        rows, samples = size("rows"), size("samples")
        length = arg("length", (1,), "int64")
        x = arg("x", (rows, padded(n_fft + 2)))
        y = arg("y", (1, samples))
        frames = let(length[0])
        basis = _basis(n_fft, whole_vectors(n_fft, lanes))
        with T.parallel(frames) as frame:
            # the scratch begins with the first sample under row `first`, half a window before that row's centre
            first = let(frame * hops - (reach - 1))
            total, weight = T.alloc_buffer((scratch,)), T.alloc_buffer((scratch,))
            with T.serial(scratch // lanes) as v:
                store(total, splat(0.0, lanes), v * lanes, lanes=lanes)
                store(weight, splat(0.0, lanes), v * lanes, lanes=lanes)
            spectrum = T.alloc_buffer((2, whole_vectors(bins(n_fft), lanes)))
            with T.serial(count) as i:
                row = let(first + i)
                with T.If(tirx.all(row >= 0, row <= frames * hops)), T.Then():
                    _to_cartesian(x, row, spectrum, n_fft, lanes)
                    _add_row(spectrum, basis, total, weight, i * hop, n_fft, lanes)
            skip = (reach - 1) * hop + n_fft // 2
            with T.serial(-(-samples_per_frame // lanes)) as v:
                # the last vector overlaps the one before, where the frame is not whole vectors
                at = let(T.min(v * lanes, samples_per_frame - lanes))
                value = load(total, skip + at, lanes=lanes) / load(weight, skip + at, lanes=lanes)
                store(y, value, 0, frame * samples_per_frame + at, lanes=lanes)
        valid = let(frames * samples_per_frame)
        with T.serial(samples - valid) as i:
            T.buffer_store(y, tirx.const(0.0, "float32"), [0, valid + i])
    return function.get()


def _basis(n_fft: int, width: int) -> tirx.Buffer:
    """Fill a table float32 [3, bins, width] that turns a spectrum into samples.

    [0, k, n] and [1, k, n] are what a unit real and a unit imaginary part of bin k add to sample n, the window applied;
    [2, 0, n] is the window's square. Entries are 0 for n past the last sample.
    """
    half, zero, one = n_fft // 2, tirx.const(0.0, "float64"), tirx.const(1.0, "float64")
    table = fourier_table(n_fft)
    basis = T.alloc_buffer((3, bins(n_fft), width))
    with T.serial(2) as part, T.serial(bins(n_fft)) as k, T.serial(width) as n:
        scale = T.if_then_else(tirx.any(k == 0, k == half), one, one * 2) / n_fft
        sign = T.if_then_else(part == SINE, -one, one)
        sample = let(n % n_fft)
        value = scale * sign * table[WINDOW, sample] * table[part, k * sample % n_fft]
        T.buffer_store(basis, T.Cast("float32", T.if_then_else(n < n_fft, value, zero)), [part, k, n])
    with T.serial(width) as n:
        value = T.if_then_else(n < n_fft, table[WINDOW, n % n_fft] * table[WINDOW, n % n_fft], zero)
        T.buffer_store(basis, T.Cast("float32", value), [2, 0, n])
    return basis


def _to_cartesian(x: tirx.Buffer, row: Expr, spectrum: tirx.Buffer, n_fft: int, lanes: int) -> None:
    """Compute the real, then the imaginary parts of a row of log-magnitudes and arcs.

    Lanes past the last bin are not used.
    """
    with T.serial(whole_vectors(bins(n_fft), lanes) // lanes) as v:
        at = let(v * lanes)
        # through memory: TVM's simplifier sees through bindings, and takes seconds for a sine in a sine
        store(spectrum, vector_math.sin(load(x, row, bins(n_fft) + at, lanes=lanes), lanes), SINE, at, lanes=lanes)
        store(spectrum, vector_math.exp(load(x, row, at, lanes=lanes), lanes), COSINE, at, lanes=lanes)
        magnitude, phase = (let(load(spectrum, part, at, lanes=lanes)) for part in (COSINE, SINE))
        store(spectrum, magnitude * vector_math.cos(phase, lanes), COSINE, at, lanes=lanes)
        store(spectrum, magnitude * vector_math.sin(phase, lanes), SINE, at, lanes=lanes)


def _add_row(
    spectrum: tirx.Buffer,
    basis: tirx.Buffer,
    total: tirx.Buffer,
    weight: tirx.Buffer,
    start: Expr,
    n_fft: int,
    lanes: int,
) -> None:
    """Add a row's windowed samples to `total`, and the squared window to `weight`, from `start` on."""
    width = whole_vectors(n_fft, lanes)
    signal = registers((width,))
    for at in range(0, width, lanes):
        store(signal, splat(0.0, lanes), at, lanes=lanes)
    with T.serial(2) as part, T.serial(bins(n_fft)) as k:
        value = let(splat(spectrum[part, k], lanes))
        for at in range(0, width, lanes):
            store(
                signal, load(signal, at, lanes=lanes) + value * load(basis, part, k, at, lanes=lanes), at, lanes=lanes
            )
    for at in range(0, width, lanes):
        place = let(start + at)
        store(total, load(total, place, lanes=lanes) + load(signal, at, lanes=lanes), place, lanes=lanes)
        store(weight, load(weight, place, lanes=lanes) + load(basis, 2, 0, at, lanes=lanes), place, lanes=lanes)


def overlap_add(
    *, length: nn.Tensor, x: nn.Tensor, capacity: Index, samples_per_frame: int, n_fft: int, hop: int
) -> nn.Tensor:
    """Compute the waveform of a spectrum by the inverse short-time Fourier transform.

    Computes:
        X[r, k] = e^a[r, k] e^(i sin b[r, k])                                 sin b is the phase, in radians
        f[r, n] = 1 / n_fft sum_k c[k] (Re X[r, k] cos(2 pi k n / n_fft) - Im X[r, k] sin(2 pi k n / n_fft))
        y[t] = sum_r w[m] f[r, m] / sum_r w[m]^2,  m = t + n_fft / 2 - r * hop in 0..n_fft-1

        with c = 1 for the bins 0 and n_fft/2, whose imaginary parts do not count, and 2 for the others; w is Hann
        (periodic). Half a window is trimmed at both ends, so `length` frames give exactly samples_per_frame * length
        samples.
    Arguments:
        length: int64 [1], valid frames.
        x: float32 [capacity * samples_per_frame / hop + 1, padded(n_fft + 2)], a for bins 0..n_fft/2, then b.
        capacity: frames that the buffers hold.
        samples_per_frame: samples of one frame.
        n_fft: samples of a window.
        hop: samples between two rows.
    Returns:
        y float32 [1, capacity * samples_per_frame], a port: exact zeros past length * samples_per_frame.
    Needs:
        `hop` divides a frame and half a window, and a window is no longer than a frame; else the kernel raises
        ValueError.
    Numerics:
        All in float32. Every sample is summed over ascending rows.
    Variants:
        kernel: a task a frame; vectors of the target's lanes over samples.
        operator: tensor expressions: the transform is a matrix product, and a sample gathers its rows.
    Source:
        torch.istft with center=True.
    """
    if samples_per_frame % hop or n_fft % (2 * hop) or n_fft > samples_per_frame:
        raise ValueError(
            f"overlap_add: hop {hop} must divide a frame of {samples_per_frame} samples and half of n_fft {n_fft}, "
            "and n_fft must not be longer than a frame"
        )
    function = overlap_add_kernel(samples_per_frame, n_fft, hop, Simd.of())
    out = nn.Tensor.placeholder((1, capacity * samples_per_frame), "float32")
    return call(function, "overlap_add", [length, x], out=out)
