"""What one node says of a weight: which numbers, in which layout, for which module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from runner.model.checkpoint import Checkpoint
from runner.model.onnx_export import read_onnx
from stages.families import KOKORO
from tests.runner.model.onnx_files import integer_product, write_graph

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (4, 6, 3), np.uint8)
SCALE = np.float32(0.03)
LAYER = "/encoder/bert_encoder"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    tensors = read_onnx(path.read_bytes(), str(path), KOKORO)
    for tensor in tensors.values():
        assert tensor.float32().shape == tensor.shape
        np.testing.assert_array_equal(tensor.float32(), tensor.float64().astype(np.float32))  # rounded once
    return {name: tensor.float32() for name, tensor in tensors.items()}


def linear(path: Path, tensors: dict[str, NDArray[Any]], *nodes: Any, op: str = "MatMul", **attributes: Any) -> Any:
    """Read the weight of one node of `bert_encoder`, which reads 'w'; `nodes` come before it."""
    node = helper.make_node(op, ["x", "w"], ["y"], f"{LAYER}/{op}_1", **attributes)
    return read(write_graph(path, [*nodes, node], tensors))["bert_encoder.weight"]


def exact(values: NDArray[Any], zero: Any, scale: Any) -> NDArray[np.float32]:
    return ((values.astype(np.float64) - zero) * np.asarray(scale, np.float64)).astype(np.float32)


W = RNG.standard_normal((6, 4)).astype(np.float32)


@pytest.mark.parametrize(("op", "attributes"), [("MatMul", {}), ("Gemm", {}), ("FusedMatMul", {"transB": 0})])
def test_a_product_has_its_weight_transposed(path: Path, op: str, attributes: dict[str, int]) -> None:
    np.testing.assert_array_equal(linear(path, {"w": W}, op=op, **attributes), W.T)


def test_a_gemm_may_have_its_weight_as_the_layer_has_it(path: Path) -> None:
    np.testing.assert_array_equal(linear(path, {"w": W}, op="Gemm", transB=1), W)


@pytest.mark.parametrize("op", ["Identity", "Cast"])
def test_a_weight_is_found_behind_nodes_that_keep_it(path: Path, op: str) -> None:
    attributes: dict[str, Any] = {"to": TensorProto.FLOAT} if op == "Cast" else {}
    node = helper.make_node(op, ["v"], ["w"], **attributes)
    np.testing.assert_array_equal(linear(path, {"v": W.astype(np.float16)}, node), W.astype(np.float16).T)


def test_a_weight_may_be_the_value_of_a_constant(path: Path) -> None:
    node = helper.make_node("Constant", [], ["w"], value=helper.make_tensor("", 1, W.shape, W.ravel()))  # typed field
    np.testing.assert_array_equal(linear(path, {}, node), W.T)


def test_a_parameter_that_is_transposed_keeps_its_name(path: Path) -> None:
    turn = helper.make_node("Transpose", ["kmodel.bert_encoder.weight"], ["w"], perm=[1, 0])
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "nothing")
    found = read(write_graph(path, [turn, node], {"kmodel.bert_encoder.weight": W.T}))
    np.testing.assert_array_equal(found["bert_encoder.weight"], W.T)


@pytest.mark.parametrize("shape", [(), (1,), (4,)])
def test_a_quantised_convolution_has_a_scale_or_one_a_filter(path: Path, shape: tuple[int, ...]) -> None:
    scale = np.asarray(RNG.uniform(0.01, 0.1, shape), np.float32)
    zero = np.asarray(RNG.integers(0, 256, shape), np.uint8)
    nodes = integer_product("ConvInteger", "/decoder/encode/conv1")
    found = read(write_graph(path, nodes, {"q": BYTES, "scale": scale, "zero": zero}))
    laid = [each.astype(np.float64).reshape(-1, 1, 1) for each in (zero, scale)]
    np.testing.assert_array_equal(found["decoder.encode.conv1.weight"], exact(BYTES, *laid))


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_a_quantised_product_has_a_scale_a_column(path: Path, kind: type[np.uint8 | np.int8]) -> None:
    values = BYTES[:, :, 0].view(kind)
    scale, zero = RNG.uniform(0.01, 0.1, 6).astype(np.float32), BYTES[0, :, 1].view(kind)
    found = read(
        write_graph(path, integer_product("MatMulInteger", LAYER), {"q": values, "scale": scale, "zero": zero})
    )
    np.testing.assert_array_equal(found["bert_encoder.weight"], exact(values, zero.astype(np.float64), scale).T)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        ("DynamicQuantizeMatMul", ["x", "q", "scale", "zero", "bias"]),
        ("MatMulIntegerToFloat", ["x", "q", "xs", "scale", "xz", "zero", "bias"]),
    ],
)
def test_a_product_that_scales_its_sums_itself_names_its_scale(path: Path, op: str, inputs: list[str]) -> None:
    values = BYTES[:, :, 0]
    node = helper.make_node(op, inputs, ["y"], f"{LAYER}/MatMul_quant", domain="com.microsoft")
    found = read(write_graph(path, [node], {"q": values, "scale": np.array([SCALE]), "zero": np.array([7], np.uint8)}))
    np.testing.assert_array_equal(found["bert_encoder.weight"], exact(values, 7, SCALE).T)


def test_a_dequantised_bias_of_32_bits_is_rounded_once(path: Path) -> None:
    bias = np.array([2**30 + 3, -(2**31), 5, 0], np.int32)
    nodes = [
        helper.make_node("DequantizeLinear", ["b", "scale"], ["bias"]),
        helper.make_node("Conv", ["x", "w", "bias"], ["y"], "/decoder/encode/conv1/Conv"),
    ]
    found = read(write_graph(path, nodes, {"b": bias, "scale": np.array(SCALE), "w": W[:, :, None]}))
    np.testing.assert_array_equal(found["decoder.encode.conv1.bias"], exact(bias, 0, SCALE))
    np.testing.assert_array_equal(found["decoder.encode.conv1.weight"], W[:, :, None])


@pytest.mark.parametrize("with_zero", [False, True])
def test_blocks_of_a_row_have_a_scale_each_and_the_last_may_be_short(path: Path, with_zero: bool) -> None:
    """4 bits, 16 a block, 40 columns: 3 blocks; rows are stored with 48 columns. The lower half of a byte is first."""
    stored = RNG.integers(0, 256, (5, 3, 8), np.uint8)
    scale = RNG.uniform(0.01, 0.1, (5, 3)).astype(np.float32)
    packed = RNG.integers(0, 256, (5, 2), np.uint8)
    tensors: dict[str, NDArray[Any]] = {"q": stored, "scale": scale.ravel()}
    tensors |= {"zero": packed.ravel()} if with_zero else {}
    node = helper.make_node(
        "MatMulNBits", ["x", "q", "scale", *(["zero"] if with_zero else [])], ["y"], f"{LAYER}/MatMul_Q4",
        K=40, N=5, bits=4, block_size=16, domain="com.microsoft",
    )  # fmt: skip
    found = read(write_graph(path, [node], tensors))["bert_encoder.weight"]
    expected = np.empty((5, 40))
    for row, column in np.ndindex(5, 40):
        block, at = divmod(column, 16)
        value = stored[row, block, at // 2] >> 4 * (at % 2) & 15
        zero = packed[row, block // 2] >> 4 * (block % 2) & 15 if with_zero else 8
        expected[row, column] = (int(value) - int(zero)) * np.float64(scale[row, block])
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_blocks_of_8_bits_may_have_zero_points_of_floats(path: Path) -> None:
    stored = RNG.integers(0, 256, (2, 2, 4), np.uint8)
    scale, zero = np.array([[1, 2], [3, 4]], np.float32), np.array([[0.5, 1], [2, 200]], np.float32)
    node = helper.make_node(
        "MatMulNBits", ["x", "q", "scale", "zero"], ["y"], f"{LAYER}/MatMul_Q8", K=7, N=2, bits=8, block_size=4
    )
    found = read(write_graph(path, [node], {"q": stored, "scale": scale, "zero": zero}))["bert_encoder.weight"]
    expected = ((stored - zero[:, :, None]) * scale[:, :, None]).reshape(2, 8)[:, :7]
    np.testing.assert_array_equal(found, expected)


def test_a_weight_that_a_quantiser_changed_for_one_call_is_taken_from_another(path: Path) -> None:
    """The first of two calls of a layer is quantised, the second has the floats still."""
    weight = W[:4]
    scale = np.abs(weight).max() / 127
    values = np.round(weight / scale).astype(np.int8)
    nodes = [
        *integer_product("MatMulInteger", LAYER),
        helper.make_node("MatMul", ["x", "w"], ["z"], f"{LAYER}_1/MatMul"),
    ]
    tensors = {"q": values, "scale": np.array(scale), "zero": np.array(0, np.int8), "w": weight}
    np.testing.assert_array_equal(read(write_graph(path, nodes, tensors))["bert_encoder.weight"], weight.T)


def test_what_the_export_computes_with_beside_the_model_may_be_left(path: Path) -> None:
    """The cosines of an STFT have a name below the generator, and stay whole when a quantiser changes them."""
    name = "decoder.decoder.generator.stft.weight_forward_real"
    nodes = [
        helper.make_node("Conv", ["x", name], ["y"], "/decoder/decoder/generator/Conv"),
        helper.make_node("Add", ["x", "encoder.bert_encoder.bias"], ["z"], f"{LAYER}/Add"),
    ]
    tensors = {name: W[:, None], "encoder.bert_encoder.bias": W[0]}
    checkpoint = Checkpoint.open(write_graph(path, nodes, tensors), KOKORO)
    assert list(checkpoint.tensors) == [name.removeprefix("decoder."), "bert_encoder.bias"]
    np.testing.assert_array_equal(checkpoint.take("bert_encoder.bias", (4,)), W[0])
    checkpoint.finish()
