"""Excitation of the generator: a thread a harmonic for the phases, then a thread a sample.

Formulae, noise and float64 arithmetic are those of `kernels.harmonic_source`, one value at a time.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import double_math
from stages.kernels.harmonic_source import Source
from stages.kernels.philox import normals, philox4x32
from stages.kernels.simd import Expr, Index, arg, kernel, let, registers, size, when
from stages.operators.call import loop_nest, placeholder
from stages.operators.threads import threads


def segments_kernel(source: Source) -> tirx.PrimFunc:
    """Build the loop nest that computes the lines of all segments.

    Arguments: length int64[1], f0 [1, half_frames], lines float64 [half_frames + 1, 2, harmonics]: turns at the begin
    of each segment, modulo 1, and turns a sample in it. Segment k ends at the centre of half-frame k; the first and the
    last are flat.
    """
    zero = tirx.const(0.0, "float64")
    with kernel("source_segments") as function:
        half_frames, segments = size("half_frames"), size("segments")
        length = arg("length", (1,), "int64")
        f0 = arg("f0", (1, half_frames))
        lines = arg("lines", (segments, 2, source.harmonics), "float64")
        with threads(source.harmonics) as h:
            count = let(length[0] * 2)
            turns = registers((1,), "float64")
            T.buffer_store(turns, zero, [0])
            with T.serial(count + 1) as k:
                f0_hz = T.Cast("float64", f0[0, T.min(k, count - 1)])
                cycles = let(f0_hz * T.Cast("float64", h + 1) / source.sample_rate)
                rate = let(cycles - T.floor(cycles))
                T.buffer_store(lines, T.Select(tirx.any(k == 0, k == count), zero, rate), [k, 1, h])
                with when(k == 0):
                    T.buffer_store(turns, rate, [0])
                begin = let(turns[0] * source.half_frame)
                T.buffer_store(lines, begin - T.floor(begin), [k, 0, h])
                with when(k > 0):
                    T.buffer_store(turns, turns[0] + rate, [0])
    return function.get()


def samples_kernel(source: Source) -> tirx.PrimFunc:
    """Build the loop nest that computes the samples.

    Arguments: length int64[1], f0, lines, seed int64[], weight [harmonics], bias [1], y float64 [samples].
    """
    step, half = source.half_frame, source.half_frame // 2
    with kernel("source_samples") as function:
        half_frames, segments, samples = size("half_frames"), size("segments"), size("samples")
        length = arg("length", (1,), "int64")
        f0 = arg("f0", (1, half_frames))
        lines = arg("lines", (segments, 2, source.harmonics), "float64")
        seed = arg("seed", (), "int64")
        weight = arg("weight", (source.harmonics,))
        bias = arg("bias", (1,))
        y = arg("y", (samples,), "float64")
        with threads(samples) as t:
            i, place = let(tirx.truncdiv(t, step)), let(tirx.truncmod(t, step))
            with when(i < length[0] * 2):
                side = let(T.Cast("int64", place >= half))
                since = let(T.Cast("float64", place + half - side * step) + tirx.const(0.5, "float64"))
                tone, level = _amplitudes(source, f0[0, i])
                noise = _draw(source, t, seed[()])
                total = registers((1,), "float64")
                T.buffer_store(total, T.Cast("float64", bias[0]), [0])
                with T.serial(source.harmonics) as h:
                    phase = let(lines[i + side, 0, h] + lines[i + side, 1, h] * since)
                    value = tone * double_math.sin_turns(phase, 1) + level * noise[h]
                    T.buffer_store(total, total[0] + T.Cast("float64", weight[h]) * value, [0])
                T.buffer_store(y, double_math.tanh(total[0], 1), [t])
    return function.get()


def _amplitudes(source: Source, f0_hz: Expr) -> tuple[Expr, Expr]:
    """Return the amplitudes of the sine waves and of the noise, voiced or not."""
    voiced = let(T.Cast("float32", f0_hz > tirx.const(source.voiced_above, "float32")))
    tone = let(T.Cast("float64", voiced) * source.sine_amp)
    # the reference has the noise level in float32, whatever the model is in
    return tone, let(T.Cast("float64", voiced * source.noise_std + (1 - voiced) * (source.sine_amp / 3)))


def _draw(source: Source, t: Expr, seed: Expr) -> tirx.Buffer:
    """Draw the deviates of the harmonics of sample t."""
    drawn = -(-source.harmonics // 4)
    noise = registers((4 * drawn,), "float64")
    halves = tirx.const(32, "int64")
    key = [let(T.Cast("uint32", seed)), let(T.Cast("uint32", T.shift_right(seed, halves)))]
    low, high = let(T.Cast("uint32", t)), let(T.Cast("uint32", T.shift_right(t, halves)))
    for j in range(drawn):
        counter = [low, high, tirx.const(j, "uint32"), tirx.const(0, "uint32")]
        for i, deviate in enumerate(normals(philox4x32(counter, key, 1), 1)):
            T.buffer_store(noise, deviate, [4 * j + i])
    return noise


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
    """Compute the excitation as `kernels.harmonic_source`; the target needs float64, which Metal lacks."""
    segments = placeholder((capacity * 2 + 1, 2, source.harmonics), "float64")
    lines = loop_nest(segments_kernel(source), "source_segments", [length, f0], segments)
    samples = placeholder((capacity * (2 * source.half_frame),), "float64")
    args = [length, f0, lines, seed, weight, bias]
    return loop_nest(samples_kernel(source), "source_samples", args, samples)
