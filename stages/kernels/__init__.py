"""CPU kernels in TIR, one computation a file.

Each file has two public functions: `name_kernel(...)` builds the loop nest as a PrimFunc, and `name(...)` calls it on
`nn.Tensor`s. The docstring of `name` describes the computation in fixed sections: Computes, Arguments, Returns, Needs,
Numerics, Variants, Source. `stages.ops` lists all of them.

Activations are time-major and channels-last: `x[row, channel]`, one row a time step, the channel count padded to a
multiple of `simd.CHANNELS` so that every row starts on a vector boundary. Kernels take the utterance's valid length
(`int64[1]`: tokens or frames) and loop over valid rows only. The rows past them are undefined: a kernel never reads
them, and the last kernel of a stage writes zeros there (`store_port`, `to_channel_major`). The order of every sum
depends on the valid length alone.
"""
