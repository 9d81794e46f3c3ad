"""Operators: the twins of `stages.kernels` for every target without hand-written kernels, mostly GPUs.

Each file has the functions of the kernels' file of its name, with the same parameters; their docstrings say what
differs from the kernel. A file computes by one of these:

    expressions   a tensor expression, scheduled by TVM's dlight (call.expression)
    loop nests    one iteration a GPU thread, where the order of a sum or a recurrence is fixed (threads.threads)
    operators     Relax's own, such as softmax

Activations are time-major, x[row, channel], as in `stages.kernels`, but without padding channels. A GPU's grid is set
up before the valid length is known, so work runs over all rows that a buffer has; rows past the valid ones are read as
zeros wherever a sum could meet them, and ports hold exact zeros there. No sum's order depends on how many rows there
are: a padded graph gives bit for bit what the unpadded one gives.
"""
