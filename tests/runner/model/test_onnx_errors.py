"""What is no export of this model, or damaged, is refused with a message that names the node and the tensor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from runner.errors import WeightsError
from runner.files.locate import install_command
from runner.model.checkpoint import Checkpoint
from stages.families import KOKORO
from tests.runner.model.onnx_files import integer_product, tensor, write_graph

W = np.arange(1, 25, dtype=np.float32).reshape(6, 4)
BYTES = np.arange(24, dtype=np.uint8).reshape(6, 4)
LAYER = "/encoder/bert_encoder"
PRODUCT = helper.make_node("MatMul", ["x", "w"], ["y"], f"{LAYER}/MatMul")
SCALED: dict[str, Any] = {"q": BYTES, "scale": np.array(0.1, np.float32), "zero": np.array(0, np.uint8)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pth"  # a name says nothing


def read_all(path: Path) -> None:
    for stored in Checkpoint.open(path, KOKORO).tensors.values():
        assert stored.float32().shape == stored.shape


def assert_refused(path: Path, *parts: str) -> None:
    with pytest.raises(WeightsError) as refusal:
        read_all(path)
    message = str(refusal.value)
    assert message.startswith(str(path))
    assert [part for part in parts if part not in message] == [], message


def changed(name: str = "w", **fields: Any) -> TensorProto:
    """The tensor 'w' with other fields."""
    proto = tensor(name, W)
    for field, value in fields.items():
        if isinstance(value, list):
            getattr(proto, field)[:] = value
        else:
            setattr(proto, field, value)
    return proto


def external() -> TensorProto:
    proto = changed(data_location=TensorProto.EXTERNAL)
    proto.external_data.add(key="location", value="model.onnx_data")
    proto.ClearField("raw_data")
    return proto


def typed(kind: int, numbers: list[int]) -> TensorProto:
    return TensorProto(name="w", dims=[len(numbers), 1], data_type=kind, int32_data=numbers)


BAD_TENSORS: dict[str, tuple[TensorProto, str]] = {
    "short": (changed(raw_data=W.tobytes()[:-1]), "holds 95 bytes, expected 96 of float32[6, 4]"),
    "long": (changed(raw_data=W.tobytes() + b"\0"), "holds 97 bytes, expected 96"),
    "none": (changed(raw_data=b""), "holds 0 bytes, expected 96"),
    "another_shape": (changed(dims=[6, 5]), "holds 96 bytes, expected 120 of float32[6, 5]"),
    "negative": (changed(dims=[-6, -4]), "has the shape [-6, -4], expected sizes"),
    "huge": (changed(dims=[2**62, 2**62]), "holds 96 bytes, expected "),
    "no_such_type": (changed(data_type=99), "has ONNX's type 99, expected one of float32"),
    "text": (changed(data_type=TensorProto.STRING), "has ONNX's type 8"),
    "external": (external(), "lies in another file, 'model.onnx_data', and a checkpoint is one file"),
    "few_numbers": (helper.make_tensor("w", 1, [2], [1.0, 2.0]), "1 numbers"),
    "no_byte": (typed(TensorProto.UINT8, [1, 256]), "holds numbers that uint8 has not"),
    "no_half": (typed(TensorProto.FLOAT16, [1, 2**16]), "holds numbers that float16 has not"),
}
del BAD_TENSORS["few_numbers"][0].float_data[1:]


@pytest.mark.parametrize("case", BAD_TENSORS)
def test_open_refuses_a_stored_tensor(path: Path, case: str) -> None:
    stored, fact = BAD_TENSORS[case]
    nodes: list[Any] = [PRODUCT]
    if case == "no_byte":
        nodes = integer_product("MatMulInteger", LAYER)
        stored.name = "q"
    assert_refused(write_graph(path, nodes, [stored, *(tensor(name, SCALED[name]) for name in ("scale", "zero"))]),
                   f"tensor '{stored.name}'", fact)  # fmt: skip


def lstm(**attributes: Any) -> Any:
    given = {"hidden_size": 2, "direction": "forward", **attributes}
    return helper.make_node("LSTM", ["x", "W", "R", "B", "", "h"], ["y"], "/predictor/lstm/LSTM", **given)


def blocks(**attributes: Any) -> Any:
    sizes = {"N": 6, "K": 4, "bits": 8, "block_size": 4, **attributes}
    return helper.make_node("MatMulNBits", ["x", "q", "scale"], ["y"], f"{LAYER}/MatMul_Q8", **sizes)


def dequantised(**attributes: Any) -> list[Any]:
    return [helper.make_node("DequantizeLinear", ["q", "scale"], ["w"], **attributes), PRODUCT]


RECURRENT: dict[str, Any] = {
    "W": np.ones((1, 8, 3), np.float32),
    "R": np.ones((1, 8, 2), np.float32),
    "B": np.ones((1, 16), np.float32),
    "h": np.zeros((1, 1, 2), np.float32),
}
Case = tuple[list[Any], dict[str, Any], tuple[str, ...]]
BAD_NODES: dict[str, Case] = {
    "unknown_with_quantised_weight": (
        [helper.make_node("QAttention", ["x", "q", "scale"], ["y"], f"{LAYER}/QAttention")],
        SCALED,
        ("tensor 'q', uint8[6, 4], is read by node '/encoder/bert_encoder/QAttention' (QAttention)",),
    ),
    "unread_matrix": ([], {"w": W}, ("tensor 'w', float32[6, 4], is read by no node",)),
    "no_path": (
        [helper.make_node("MatMul", ["x", "w"], ["y"], "MatMul_7")],
        {"w": W},
        ("node 'MatMul_7' (MatMul)", "reads 'w', and neither name is one of a module"),
    ),
    "two_tensors_for_one": (
        [PRODUCT, helper.make_node("MatMul", ["x", "v"], ["z"], f"{LAYER}_1/MatMul")],
        {"w": W, "v": -W},
        ("bert_encoder_1/MatMul", "reads 'v' (float32[4, 6]) as bert_encoder.weight, which 'w'"),
    ),
    "other_shapes_for_one": (
        [PRODUCT, helper.make_node("MatMul", ["x", "v"], ["z"], f"{LAYER}_1/MatMul")],
        {"w": W, "v": W[:, :2]},
        ("reads 'v' (float32[2, 6])",),
    ),
    "scaled_product": (
        [helper.make_node("Gemm", ["x", "w"], ["y"], f"{LAYER}/Gemm", alpha=0.5)],
        {"w": W},
        ("scales its product (alpha, beta)",),
    ),
    "product_of_three_axes": ([PRODUCT], {"w": W[None]}, ("its factor 'w' is float32[1, 6, 4], expected a matrix",)),
    "turned_to_another_rank": (
        [helper.make_node("Transpose", ["v"], ["w"], perm=[1, 0, 2]), PRODUCT],
        {"v": W},
        ("'v' is float32[6, 4], and its axes are put in the order [1, 0, 2]",),
    ),
    "no_scale": (
        integer_product("MatMulInteger", LAYER)[:-1],
        SCALED,
        ("MatMul_quant' (MatMulInteger)", "expected one scale of its weight 'q' behind it, found none"),
    ),
    "no_quantiser": (
        integer_product("MatMulInteger", LAYER)[1:],
        SCALED,
        ("its input is not quantised by a DynamicQuantizeLinear",),
    ),
    "scale_of_another_size": (
        integer_product("MatMulInteger", LAYER),
        SCALED | {"scale": np.ones(6, np.float32)},
        ("'scale' is float32[6], which does not fit 'q', uint8[6, 4], along [1]",),
    ),
    "scale_of_integers": (
        integer_product("MatMulInteger", LAYER),
        SCALED | {"scale": np.ones((), np.int32)},
        ("'q' is uint8[6, 4] with scales int32[], expected integers with scales of floats",),
    ),
    "zero_point_of_another_size": (
        integer_product("ConvInteger", LAYER),
        SCALED | {"zero": np.zeros(4, np.uint8)},
        ("'zero' is uint8[4], which does not fit 'q'",),
    ),
    "zero_point_that_is_computed": (
        integer_product("ConvInteger", LAYER),
        {"q": BYTES, "scale": SCALED["scale"]},
        ("its input 'zero' is not stored in the file",),
    ),
    "axis_that_there_is_not": (
        dequantised(axis=2),
        SCALED | {"scale": np.ones(4, np.float32)},
        ("which does not fit 'q', uint8[6, 4], along [2]",),
    ),
    "negative_blocks": (dequantised(block_size=-1), SCALED, ("in blocks of -1",)),
    "blocks_of_another_size": (
        dequantised(axis=0, block_size=4),
        SCALED | {"scale": np.ones((3, 4), np.float32)},
        ("'scale' is float32[3, 4], which does not fit 'q', uint8[6, 4], along [0] in blocks of 4",),
    ),
    "blocks_of_2_bits": ([blocks(bits=2)], SCALED, ("it has bits=2, N=6, K=4, block_size=4; expected 4 or 8 bits",)),
    "blocks_without_sizes": ([blocks(block_size=0)], SCALED, ("block_size=0",)),
    "blocks_of_another_shape": (
        [blocks()],
        SCALED | {"q": BYTES[:5]},
        ("'q' is uint8[5, 4], expected uint8, [6, 1, 4]",),
    ),
    "table_without_dequantising": (
        [helper.make_node("Gather", ["q", "x"], ["y"], f"{LAYER}/Gather")],
        SCALED,
        ("the rows of its table 'q', uint8[6, 4], are not dequantised behind it",),
    ),
    "table_gathered_by_columns": (
        [helper.make_node("GatherBlockQuantized", ["q", "x", "scale"], ["y"], f"{LAYER}/Gather_Q4", gather_axis=1)],
        SCALED,
        ("gathered along axis 1, in blocks of 128", "expected a matrix whose rows are gathered"),
    ),
    "lstm_reversed": ([lstm(direction="reverse")], RECURRENT, ("its direction is b'reverse'",)),
    "lstm_clipped": ([lstm(clip=3.0)], RECURRENT, ("its attribute clip is 3.0, expected 0.0",)),
    "lstm_of_other_functions": (
        [lstm(activations=["Sigmoid", "Relu", "Tanh"])],
        RECURRENT,
        ("its activations are ['Sigmoid', 'Relu', 'Tanh']",),
    ),
    "lstm_of_functions_that_are_numbers": (
        [lstm(activations=[1, 2, 3])],
        RECURRENT,
        ("its attribute activations is of the kind 'ints', expected 'strings'",),
    ),
    "blocks_whose_size_is_a_text": (
        [helper.make_node("GatherBlockQuantized", ["q", "x", "scale"], ["y"], f"{LAYER}/Gather_Q4", block_size="128")],
        SCALED,
        ("its attribute block_size is of the kind 's', expected 'i'",),
    ),
    "constant_of_the_name_of_a_stored_tensor": (
        [helper.make_node("Constant", [], ["q"], "/c/Constant", value=numpy_helper.from_array(W[0], "q"))],
        SCALED,
        ("tensor 'q' is stored twice",),
    ),
    "lstm_of_another_size": (
        [lstm(hidden_size=3)],
        RECURRENT,
        ("node '/predictor/lstm/LSTM' (LSTM)", "its W 'W' is float32[1, 8, 3], expected [1, 12, 3]"),
    ),
    "lstm_with_a_state": ([lstm()], RECURRENT | {"h": RECURRENT["h"] + 1}, ("begins with the state 'h'",)),
    "lstm_of_computed_weights": (
        [lstm()],
        {"W": RECURRENT["W"], "B": RECURRENT["B"]},
        ("its input 'R' is not stored in the file",),
    ),
    "nothing_of_the_model": ([], {"a.b": W[0]}, ("no export of this model", "bert, bert_encoder, predictor.")),
}


@pytest.mark.parametrize("case", BAD_NODES)
def test_open_refuses_a_node(path: Path, case: str) -> None:
    nodes, tensors, facts = BAD_NODES[case]
    assert_refused(write_graph(path, nodes, tensors), *facts)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_open_refuses_a_truncated_file(path: Path, kept: float) -> None:
    raw = write_graph(path, [PRODUCT], {"w": W}).read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    assert_refused(path, "truncated or damaged ONNX file")


def test_open_refuses_sparse_tensors_and_names_that_are_stored_twice(path: Path) -> None:
    model = ModelProto.FromString(write_graph(path, [PRODUCT], {"w": W}).read_bytes())
    model.graph.initializer.append(tensor("w", W))
    path.write_bytes(model.SerializeToString())
    assert_refused(path, "tensor 'w' is stored twice")
    del model.graph.initializer[:]
    model.graph.sparse_initializer.add()
    path.write_bytes(model.SerializeToString())
    assert_refused(path, "holds sparse tensors")


@pytest.mark.parametrize("scale", [np.inf, np.nan, 3e38])
def test_take_reports_values_that_are_not_finite(path: Path, scale: float) -> None:
    write_graph(path, integer_product("MatMulInteger", LAYER), SCALED | {"scale": np.array(scale, np.float32)})
    checkpoint = Checkpoint.open(path, KOKORO)
    checkpoint.take("bert_encoder.weight", (4, 6))
    with pytest.raises(WeightsError, match=r"misfit +bert_encoder\.weight: holds values that are not finite"):
        checkpoint.finish()


def test_the_command_of_the_message_makes_one_file_of_two(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    write_graph(path, [PRODUCT], {"w": W})
    onnx.save(onnx.load(path), "model.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(WeightsError, match="tensor 'w' lies in another file") as refusal:
        Checkpoint.open(Path("model.onnx"), KOKORO)
    command = str(refusal.value).rpartition("make it one: ")[2]
    subprocess.run(command, shell=True, check=True, env={"PATH": str(Path(sys.executable).parent)})
    taken = Checkpoint.open(Path("whole.onnx"), KOKORO).take("bert_encoder.weight", (4, 6))
    np.testing.assert_array_equal(taken, W.T)


def circle(path: Path) -> None:
    nodes = [helper.make_node("Identity", [a], [b]) for a, b in (("a", "w"), ("w", "a"))]
    write_graph(path, [*nodes, PRODUCT], {"kmodel.bert_encoder.bias": W[0]})


def chain(path: Path) -> None:
    nodes = [helper.make_node("Identity", [f"n{i + 1}"], [f"n{i}"]) for i in range(5000)]
    node = helper.make_node("MatMul", ["x", "n0"], ["y"], f"{LAYER}/MatMul")
    write_graph(path, [*nodes, node], {"n5000": W})


def test_open_ends_where_nodes_lead_in_a_circle(path: Path) -> None:
    circle(path)
    assert list(Checkpoint.open(path, KOKORO).tensors) == ["bert_encoder.bias"]


def test_open_follows_thousands_of_nodes(path: Path) -> None:
    chain(path)
    assert list(Checkpoint.open(path, KOKORO).tensors) == ["bert_encoder.weight"]


def test_open_names_the_package_that_is_not_installed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_graph(path, [PRODUCT], {"w": W})
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert_refused(path, f"the package onnx is not installed: {install_command('onnx')}")


WRITERS: list[Callable[[Path], Any]] = [
    lambda path: write_graph(path, [PRODUCT], {"w": W}),
    lambda path: write_graph(path, integer_product("MatMulInteger", LAYER), SCALED),
    lambda path: write_graph(path, [lstm()], RECURRENT),
    lambda path: write_graph(path, [blocks()], SCALED | {"q": BYTES[:, None], "scale": np.ones((6, 1), np.float32)}),
    lambda path: write_graph(path, dequantised(axis=1), SCALED),
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writer=st.sampled_from(WRITERS), at=st.integers(0, 2000), byte=st.integers(0, 255))
def test_open_never_fails_otherwise_when_bytes_are_changed(
    tmp_path: Path, writer: Callable[[Path], Any], at: int, byte: int
) -> None:
    path = tmp_path / "model.onnx"
    writer(path)
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] = byte
    path.write_bytes(raw)
    with suppress(WeightsError, ValueError):
        read_all(path)
