"""A graph that speaks and tells times: a token is a frame of 600 samples at the level of its id."""

from __future__ import annotations

from pathlib import Path

import tvm
from tvm.relax.frontend import nn

from tests.runner.toys import TONES_GRAPH

TOKEN = 600  # samples
LIMIT = 14  # symbols

GRAPH = TONES_GRAPH.replace("tones.so", "timed.so").replace(
    "      audio: float32[samples]\n", "      audio: float32[samples]\n      durations: int64[1, text]\n"
)


class Timed(nn.Module):
    """Tones, and how long each lasts."""

    def tones_forward(self, input_ids: nn.Tensor, speed: nn.Tensor, seed: nn.Tensor) -> tuple[nn.Tensor, nn.Tensor]:
        levels = input_ids.astype("float32") * 0.001 * speed + seed.astype("float32") * 0.0001
        return nn.op.reshape(nn.op.repeat(levels, TOKEN, axis=1), (-1,)), input_ids * 0 + 1


def compile_timed(path: Path) -> None:
    """Compile the stage of the graph for any CPU."""
    spec = {
        "input_ids": nn.spec.Tensor([1, "text"], "int64"),
        "speed": nn.spec.Tensor([], "float32"),
        "seed": nn.spec.Tensor([], "int64"),
        "$": {"param_mode": "none", "effect_mode": "none"},
    }
    mod, _ = Timed().export_tvm({"tones_forward": spec})
    tvm.compile(mod, target=tvm.target.Target({"kind": "llvm"})).export_library(str(path))
