"""Layer norm over the channels of each row, by Relax's operator.

It takes the mean first, and the variance of the deviations from it.
"""

from __future__ import annotations

import numpy as np
from tvm import relax
from tvm.relax.frontend import nn

from stages.operators.call import constant


def layer_norm(
    *,
    x: nn.Tensor,
    gamma: nn.Tensor,
    beta: nn.Tensor,
    length: nn.Tensor,
    channels: int,
    eps: float,
    residual: nn.Tensor | None = None,
    leaky: float | None = None,
) -> nn.Tensor:
    """Normalise as `kernels.layer_norm`; y is [rows, channels].

    Rows do not depend on each other, so `length` is not read.
    """
    z = x if residual is None else nn.op.add(x, residual)
    y = _normalise(z, gamma, beta, eps)
    return y if leaky is None else _operator(relax.op.nn.leakyrelu(y._expr, leaky), "leaky_relu")


def ada_layer_norm(*, x: nn.Tensor, gamma_beta: nn.Tensor, length: nn.Tensor, channels: int, eps: float) -> nn.Tensor:
    """Normalise as `kernels.layer_norm.ada_layer_norm`; gamma_beta is [1, 2*channels]."""
    ones, zeros = (constant(np.full(channels, value, np.float32)) for value in (1.0, 0.0))
    gamma, beta = nn.op.split(gamma_beta, 2, axis=1)
    gain = nn.op.add(gamma, nn.Tensor.from_scalar(1.0, "float32"))
    return nn.op.add(nn.op.multiply(_normalise(x, ones, zeros, eps), gain), beta)


def _normalise(x: nn.Tensor, gamma: nn.Tensor, beta: nn.Tensor, eps: float) -> nn.Tensor:
    return _operator(relax.op.nn.layer_norm(x._expr, gamma._expr, beta._expr, axes=-1, epsilon=eps), "layer_norm")


def _operator(call: relax.Expr, name: str) -> nn.Tensor:
    return nn.op.wrap_nested(call, name)
