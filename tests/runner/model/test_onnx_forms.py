"""Every published form of an export gives the weights that it was made of, within the rounding of the form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runner.model.checkpoint import Checkpoint
from stages.families import KOKORO

Array = NDArray[Any]
Bar = Callable[[Array], Array | float]
FAMILIES = ["waveform", "audio"]
FLOAT32, FLOAT16 = 2.0**-22, 2.0**-11  # of a number; the exporter folds a norm in float32, which costs 4 roundings
SMALLEST = 1e-7  # the converter to float16 raises what is smaller


@pytest.fixture(scope="session")
def tools() -> Any:
    pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")
    from tests import onnx_exports  # noqa: PLC0415 - imports torch, which may be absent

    return onnx_exports


def per_number(relative: float, absolute: float = 0.0) -> Bar:
    return lambda values: relative * np.abs(values) + absolute


def half_step(values: Array) -> float:
    """Half of a step of 8 bits that reach the largest value of the tensor, and the rounding of floats."""
    return float(np.abs(values).max()) * (0.5 / 127 + FLOAT32)


def half_step_of_row(values: Array) -> Array | float:
    """The same, of the largest value of each row of a matrix; ONNX Runtime gives a convolution one scale."""
    if values.ndim > 2:
        return half_step(values)
    rows = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
    return np.asarray(rows * (0.5 / 127 + FLOAT32))


def of_block(part: float) -> Bar:
    """A part of the largest value of each 32 in a row."""

    def bar(values: Array) -> Array:
        padded = np.pad(np.abs(values), [(0, 0), (0, -values.shape[1] % 32)]).reshape(len(values), -1, 32)
        return np.asarray(np.repeat(part * padded.max(axis=2), 32, axis=1)[:, : values.shape[1]])

    return bar


STEP_OF_4_BITS, STEP_OF_8_BITS = 2 / 15, 2 / 255  # of the largest value: a zero point is rounded by half of a step
INT8 = {"uint8": half_step, "int8": half_step}
# form -> how it is made of the float32 export; type in which a tensor is stored -> bar. A form has exactly these types.
FORMS: dict[str, tuple[Callable[[Any, Path, Path], Path], dict[str, Bar]]] = {
    "float32": (lambda tools, source, path: source, {"float32": per_number(FLOAT32)}),
    "optimised": (lambda tools, source, path: tools.optimised(source, path), {"float32": per_number(FLOAT32)}),
    "float16": (
        lambda tools, source, path: tools.float16(source, path),
        {"float16": per_number(FLOAT16, SMALLEST)},
    ),
    "int8": (lambda tools, source, path: tools.int8(source, path), {"float32": per_number(FLOAT32), **INT8}),
    "int8_signed": (
        lambda tools, source, path: tools.int8(source, path, signed=True),
        {"float32": per_number(FLOAT32), **INT8},
    ),
    "int8_channels": (
        lambda tools, source, path: tools.int8(source, path, per_channel=True, ops=["Conv", "MatMul", "LSTM"]),
        {"float32": per_number(FLOAT32), "uint8": half_step_of_row, "int8": half_step_of_row},
    ),
    "q8f16": (
        lambda tools, source, path: tools.int8_and_float16(source, path),
        {
            "float16": per_number(FLOAT16, SMALLEST),
            "uint8": lambda values: half_step(values) * 1.1,  # its scale is rounded to float16: 127 * 2**-11 steps
        },
    ),
    "q4": (
        lambda tools, source, path: tools.blocks(source, path),
        {"float32": per_number(FLOAT32), "uint4": of_block(STEP_OF_4_BITS)},
    ),
    "q4_with_zero_points": (
        lambda tools, source, path: tools.blocks(source, path, symmetric=False),
        {"float32": per_number(FLOAT32), "uint4": of_block(STEP_OF_4_BITS)},
    ),
    "q4_tables": (
        lambda tools, source, path: tools.blocks(source, path, kinds=("MatMul", "Gather")),
        {"float32": per_number(FLOAT32), "uint4": of_block(STEP_OF_4_BITS), "int4": of_block(STEP_OF_4_BITS)},
    ),
    "q4_tables_with_zero_points": (
        lambda tools, source, path: tools.blocks(source, path, symmetric=False, kinds=("MatMul", "Gather")),
        {"float32": per_number(FLOAT32), "uint4": of_block(STEP_OF_4_BITS)},
    ),
    "q4_dequantised": (
        lambda tools, source, path: tools.blocks(source, path, operators=False),
        {"float32": per_number(FLOAT32), "int4": of_block(STEP_OF_4_BITS)},
    ),
    "q4_dequantised_with_zero_points": (
        lambda tools, source, path: tools.blocks(source, path, symmetric=False, operators=False),
        {"float32": per_number(FLOAT32), "uint4": of_block(STEP_OF_4_BITS)},
    ),
    "q4f16": (
        lambda tools, source, path: tools.float16(tools.blocks(source, path), path),
        {"float16": per_number(FLOAT16, SMALLEST), "uint4": of_block(STEP_OF_4_BITS)},
    ),
    "q8_blocks": (
        lambda tools, source, path: tools.blocks(source, path, bits=8, symmetric=False),
        {"float32": per_number(FLOAT32), "uint8": of_block(STEP_OF_8_BITS)},
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_the_exported_ones_within_the_rounding_of_the_form(
    exported: Callable[[str], Path], tools: Any, tmp_path: Path, family: str, form: str
) -> None:
    make, bars = FORMS[form]
    checkpoint = Checkpoint.open(make(tools, exported(family), tmp_path / "model.onnx"), KOKORO)
    weights = tools.random_weights(tools.settings())
    needed = {key: value for key, value in weights.items() if not checkpoint.lacks_spare(key)}
    taken = {key: checkpoint.take(key, value.shape) for key, value in needed.items()}
    checkpoint.finish()
    assert weights.keys() - needed.keys() == {"bert.pooler.weight", "bert.pooler.bias"}
    found, expected = fold(taken), fold(needed)
    types = {key: checkpoint.tensors[key].dtype for key in expected}
    assert set(types.values()) == bars.keys()
    far = [key for key, value in expected.items() if np.any(np.abs(found[key] - value) > bars[types[key]](value))]
    assert [f"{key}, {types[key]}" for key in far] == []


def fold(weights: dict[str, Array]) -> dict[str, Array]:
    """Fold the weight norms, in float64."""
    folded = {key: value.astype(np.float64) for key, value in weights.items() if not key.endswith(("_g", "_v"))}
    for key, value in weights.items():
        if key.endswith("weight_v"):
            rows = value.astype(np.float64)
            norms = np.sqrt(np.square(rows).sum(axis=tuple(range(1, rows.ndim)), keepdims=True))
            folded[key.removesuffix("_v")] = rows * (weights[f"{key.removesuffix('v')}g"] / norms)
    return folded


@pytest.mark.parametrize("family", FAMILIES)
def test_float32_gives_every_plain_tensor_bit_for_bit(exported: Callable[[str], Path], tools: Any, family: str) -> None:
    checkpoint = Checkpoint.open(exported(family), KOKORO)
    weights = tools.random_weights(tools.settings())
    plain = [key for key in weights if not key.endswith(("_g", "_v")) and not checkpoint.lacks_spare(key)]
    assert len(plain) == 246
    assert [key for key in plain if not np.array_equal(checkpoint.take(key, weights[key].shape), weights[key])] == []
