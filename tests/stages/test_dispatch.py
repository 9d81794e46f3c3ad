"""The choice between kernels and operators, by the target alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tvm.target import Target

from runner.build.export import export
from runner.build.targets import resolve_target
from runner.graph.model_config import read_config
from runner.graph.validate import load_device
from stages.dims import ModelDims
from stages.dispatch import by_target, filtering_pays, in_bf16, padded, panel, uses_kernels
from stages.kernels.bfloat16 import BF16
from stages.kernels.simd import Simd
from stages.layers.conv import Conv1d, WinogradConv1d
from tests.targets import x86

KINDS = {
    "cpu": True,
    "cpu-avx2": True,
    "cpu-arm64": True,
    "cpu-operators": False,
    "cuda": False,
    "metal": False,
    "opencl": False,
}
STAGES = ("bert", "duration", "text_encoder", "f0n", "decoder")


def target_of(kind: str) -> Target:
    return resolve_target(load_device(kind).target)


@pytest.mark.parametrize(("kind", "expected"), KINDS.items())
def test_kernels_serve_the_targets_of_llvm_unless_told_otherwise(kind: str, expected: bool) -> None:
    assert uses_kernels(target_of(kind)) is expected


def test_call_goes_to_the_implementation_for_the_current_target() -> None:
    def kernel(x: int, *, y: int) -> tuple[Any, ...]:
        """Return its name and its arguments."""
        return "kernel", x, y

    chosen = by_target(kernel, lambda x, *, y: ("operator", x, y))
    assert chosen.__doc__ == kernel.__doc__
    for kind, expected in KINDS.items():
        with target_of(kind):
            assert chosen(1, y=2) == ("kernel" if expected else "operator", 1, 2)


def test_operators_have_no_padding_and_one_panel() -> None:
    with target_of("cpu-avx2") as target:
        assert (padded(33), panel(64)) == (64, Simd.of(target).panel)
    with target_of("opencl"):
        assert (padded(33), panel(64)) == (33, 64)


@pytest.mark.parametrize(("cpu", "expected"), [("cooperlake", True), ("sapphirerapids", False)])
def test_long_convolutions_are_filtered_in_float32_unless_amx_multiplies(cpu: str, expected: bool) -> None:
    with Target(x86(cpu, keys=[BF16, "cpu"])):
        long, short = WinogradConv1d(256, 256, 11), Conv1d(256, 256, 11)
        assert (in_bf16(), filtering_pays()) == (True, expected)
    assert (long.winograd is not None, long.bf16) == (expected, not expected)
    assert short.bf16


@pytest.fixture(scope="module")
def dims(repository: Path) -> ModelDims:
    dims = read_config(repository / "configs" / "models" / "mini" / "config.json", "kokoro").dims
    assert isinstance(dims, ModelDims)
    return dims


@pytest.mark.parametrize("stage", STAGES)
def test_no_kernel_for_a_cpu_gets_into_a_stage_for_a_gpu(dims: ModelDims, stage: str) -> None:
    module, _, _ = export(f"stages.{stage}", f"{stage}_forward", dims, target_of("cuda"))
    text = module.script()
    assert "T.parallel" not in text
    assert "T.Ramp" not in text
