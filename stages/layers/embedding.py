"""Symbols to rows of a table.

Source: torch.nn.Embedding.
"""

from __future__ import annotations

from collections.abc import Mapping

from tvm.relax.frontend import nn

from stages import ops
from stages.dispatch import padded
from stages.layers.packing import Array, Packed, Shapes, pad_channels
from stages.layers.signal import Axis, Signal


class Embedding(Packed):
    """The table weight [vocabulary, channels], one row a symbol."""

    def __init__(self, vocabulary: int, channels: int) -> None:
        self.vocabulary, self.channels = vocabulary, channels
        self.weight = nn.Parameter((vocabulary, padded(channels)), "float32")

    def forward(self, ids: nn.Tensor, axis: Axis) -> Signal:
        data = ops.embedding(ids=ids, table=self.weight, length=axis.length)
        return Signal(data, self.channels, axis)

    def tensors(self) -> Shapes:
        return {"weight": (self.vocabulary, self.channels)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return {"weight": pad_channels(tensors["weight"], axis=1)}
