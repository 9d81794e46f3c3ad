"""Excitation of the generator: harmonics of F0, phase-locked to it, and noise.

A segment is the S samples between the centres of two half-frames. The reference interpolates the phase P, in turns,
linearly between the centres. This computes the same line as phase at the segment's begin + r * (samples since): the
begin is reduced modulo 1, since all samples of the segment share it, and the product never is.

The phases of all segments are computed first, in order; then a task computes the samples of one half-frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import double_math
from stages.kernels.philox import normals, philox4x32
from stages.kernels.simd import (
    Expr,
    Index,
    Simd,
    arg,
    call,
    kernel,
    let,
    load,
    registers,
    size,
    span,
    splat,
    store,
    when,
)


@dataclass(frozen=True)
class Source:
    """The constants of the source: rates [Hz], samples, and amplitudes (of a waveform in [-1, 1])."""

    harmonics: int = 9
    sample_rate: int = 24000
    half_frame: int = 300
    sine_amp: float = 0.1
    noise_std: float = 0.003
    voiced_above: float = 10.0  # [Hz]


def harmonic_source_kernel(source: Source, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `harmonic_source`.

    Arguments: length int64[1], f0 [1, half_frames], seed int64[], weight [harmonics], bias [1],
    y float64 [half_frames * half_frame].
    """
    lanes, step, half = simd.lanes, source.half_frame, source.half_frame // 2
    with kernel("harmonic_source") as function:
        half_frames = size("half_frames")
        length = arg("length", (1,), "int64")
        f0 = arg("f0", (1, half_frames))
        seed = arg("seed", (), "int64")
        weight = arg("weight", (source.harmonics,))
        bias = arg("bias", (1,))
        y = arg("y", (half_frames * step,), "float64")
        count = let(length[0] * 2)
        lines = _segments(source, f0, half_frames, count)
        key = [let(T.Cast("uint32", seed[()])), let(T.Cast("uint32", T.shift_right(seed[()], tirx.const(32, "int64"))))]
        with T.parallel(count) as i:
            voiced = let(T.Cast("float32", f0[0, i] > tirx.const(source.voiced_above, "float32")))
            tone = let(T.Cast("float64", voiced) * source.sine_amp)
            # the reference has the noise level in float32, whatever the model is in
            level = let(T.Cast("float64", voiced * source.noise_std + (1 - voiced) * (source.sine_amp / 3)))
            noise = T.alloc_buffer((4 * -(-source.harmonics // 4), lanes), "float64")
            with T.serial(2) as side, T.serial(-(-half // lanes)) as v:
                # the last vector overlaps the one before, where a side is not whole vectors
                offset = let(T.min(v * lanes, half - lanes))
                t = let(i * step + side * half + offset)
                _draw(noise, t, key, lanes)
                since = let(
                    T.Cast(f"float64x{lanes}", span((1 - side) * half + offset, lanes)) + splat(0.5, lanes, "float64")
                )
                total = registers((lanes,), "float64")
                store(total, splat(T.Cast("float64", bias[0]), lanes), 0, lanes=lanes)
                with T.serial(source.harmonics) as h:
                    wave = _wave(lines, i + side, h, since, lanes)
                    value = splat(tone, lanes) * wave + splat(level, lanes) * load(noise, h, 0, lanes=lanes)
                    share = splat(T.Cast("float64", weight[h]), lanes)
                    store(total, load(total, 0, lanes=lanes) + share * value, 0, lanes=lanes)
                store(y, double_math.tanh(load(total, 0, lanes=lanes), lanes), t, lanes=lanes)
    return function.get()


def _segments(source: Source, f0: tirx.Buffer, half_frames: Expr, count: Expr) -> tirx.Buffer:
    """Compute the lines of all segments: float64 [half_frames + 1, 2, harmonics].

    lines[k, 0] are the turns at the begin of segment k, modulo 1; lines[k, 1] are the turns a sample in it. Segment k
    ends at the centre of half-frame k. Segment 0, before the first centre, is flat, and so is the last one.
    """
    zero = tirx.const(0.0, "float64")
    lines = T.alloc_buffer((half_frames + 1, 2, source.harmonics), "float64")
    turns = T.alloc_buffer((source.harmonics,), "float64")
    with T.serial(source.harmonics) as h:
        T.buffer_store(turns, zero, [h])
    with T.serial(count + 1) as k, T.serial(source.harmonics) as h:
        cycles = let(T.Cast("float64", f0[0, T.min(k, count - 1)]) * T.Cast("float64", h + 1) / source.sample_rate)
        rate = let(cycles - T.floor(cycles))
        T.buffer_store(lines, T.Select(tirx.any(k == 0, k == count), zero, rate), [k, 1, h])
        with when(k == 0):
            T.buffer_store(turns, rate, [h])
        begin = let(turns[h] * source.half_frame)
        T.buffer_store(lines, begin - T.floor(begin), [k, 0, h])
        with when(k > 0):
            T.buffer_store(turns, turns[h] + rate, [h])
    return lines


def _draw(noise: tirx.Buffer, t: Expr, key: list[Expr], lanes: int) -> None:
    """Draw the deviates of the harmonics of samples t, t + 1, ...: noise[h, :]."""
    place = let(span(t, lanes))
    low = let(T.Cast(f"uint32x{lanes}", place))
    high = let(T.Cast(f"uint32x{lanes}", T.shift_right(place, splat(32, lanes, "int64"))))
    with T.serial(noise.shape[0] // 4) as j:
        counter = [low, high, let(splat(T.Cast("uint32", j), lanes)), splat(0, lanes, "uint32")]
        for i, deviate in enumerate(normals(philox4x32(counter, key, lanes), lanes)):
            store(noise, deviate, 4 * j + i, 0, lanes=lanes)


def _wave(lines: tirx.Buffer, segment: Expr, h: Expr, since: Expr, lanes: int) -> Expr:
    """Compute sin(2 pi phase)."""
    phase = let(splat(lines[segment, 0, h], lanes) + splat(lines[segment, 1, h], lanes) * since)
    return double_math.sin_turns(phase, lanes)


def harmonic_source(
    *,
    length: nn.Tensor,
    f0: nn.Tensor,
    seed: nn.Tensor,
    weight: nn.Tensor,
    bias: nn.Tensor,
    capacity: Index,
    source: Source,
) -> nn.Tensor:
    """Compute the excitation of the generator from F0: sines where voiced, and noise.

    Computes:
        r[i, h] = ((h + 1) f0[i] / sample_rate) mod 1     turns a sample in half-frame i, floored: f0 may be negative
        P[i, h] = S sum_{j <= i} r[j, h]                  turns; S samples a half-frame
        phase[t, h] = P[s, h], s = (t + 1/2) / S - 1/2    linear between half-frames, constant beyond the first and last
        v[t, h] = sine_amp sin(2 pi phase[t, h]) + noise_std z[t, h]   where f0[t // S] > voiced_above
                  sine_amp / 3 z[t, h]                                 elsewhere
        y[t] = tanh(bias + sum_h weight[h] v[t, h])

        z is normal noise addressed by (seed, t, h): Philox4x32-10 with key (seed's low, high word) and counter (t's
        low, high word, j, 0) gives z for h = 4j..4j+3 (`kernels.philox`).
    Arguments:
        length: int64 [1], valid frames.
        f0: float32 [1, 2 * capacity], pitch of each half-frame [Hz].
        seed: int64 [], seed of the noise.
        weight: float32 [harmonics], weights of the merging layer `l_linear`.
        bias: float32 [1], its bias.
        capacity: frames that the buffers hold.
        source: the constants of the source.
    Returns:
        y float64 [capacity * 2 * half_frame], samples in [-1, 1]; undefined past sample length * 2 * half_frame.
    Needs:
        For the kernel an even number of samples a half-frame, at least 32, else ValueError. A target with float64.
    Numerics:
        All is float64, the result too: the spectrum's angles jump with the last bit of a sample
        (`kernels.double_math`). Phases are summed over half-frames in order, harmonics in ascending order.
    Variants:
        kernel: vectors of the target's lanes over samples.
        operator: a thread a harmonic for the phases, then a thread a sample.
    Source:
        SineGen and SourceModuleHnNSF of kokoro 0.9.4, istftnet.py; Wang, Takaki, Yamagishi (2019).
        Differs: the reference draws its noise from torch's generator, and a random initial phase that its own
        down-sampling drops.
    """
    if source.half_frame % 2 or source.half_frame < 32:
        raise ValueError(
            f"harmonic_source takes an even number of samples a half-frame, at least 32; got {source.half_frame}"
        )
    function = harmonic_source_kernel(source, Simd.of())
    out = nn.Tensor.placeholder((capacity * (2 * source.half_frame),), "float64")
    return call(function, "harmonic_source", [length, f0, seed, weight, bias], out=out)
