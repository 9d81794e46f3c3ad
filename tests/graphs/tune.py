"""Pitch times a factor that the checkpoint has. The tests offer this file as a stage of another package."""

from collections.abc import Mapping

import numpy as np
from tvm.relax.frontend import nn

from kokoro_run import In, Out, stage
from stages.families import Dims
from stages.layers.packing import Packed, Shapes


class Factor(Packed):
    """A factor."""

    def __init__(self) -> None:
        self.weight = nn.Parameter((1,), "float32")

    def forward(self, x: nn.Tensor) -> nn.Tensor:
        return x * self.weight

    def tensors(self) -> Shapes:
        return {"weight": (1,)}

    def pack(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"weight": tensors["weight"]}


@stage(
    weights=("tune",),
    f0=(In("float32[1, 2*frames]", "pitch [Hz]"), Out("float32[1, 2*frames]", "pitch [Hz]")),
)
class Tune(nn.Module):
    """tune_forward(f0) -> f0."""

    PREFIX = "tune."

    def __init__(self, dims: Dims) -> None:
        self.factor = Factor()

    def forward(self, f0: nn.Tensor) -> nn.Tensor:
        return self.factor(f0)
