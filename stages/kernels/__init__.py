"""CPU kernels in TIR, one computation a file.

Each file has `name_kernel(...) -> PrimFunc`, the loop nest, and `name(...)`, its call on `nn.Tensor`.

Activations are time-major and channels-last: `x[row, channel]`, one row a time step, the channel count padded to a
multiple of `simd.CHANNELS` so that every row starts on a vector boundary. Kernels take the utterance's valid length
(`int64[1]`: tokens or frames) and loop over valid rows only. What lies past them in a buffer is undefined; a kernel
never reads it, and the last kernel of a stage writes zeros there (`store_port`). The order of every sum depends on the
valid length alone.
"""
