"""Writes small ONNX files of a few nodes, sound ones and damaged ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


def tensor(name: str, array: NDArray[Any]) -> TensorProto:
    return numpy_helper.from_array(array, name)


def write_graph(path: Path, nodes: Sequence[Any], tensors: Mapping[str, NDArray[Any]] | Sequence[TensorProto]) -> Path:
    """Write a model of these nodes and stored tensors."""
    stored = [tensor(*item) for item in tensors.items()] if isinstance(tensors, Mapping) else list(tensors)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "graph", [x], [helper.make_tensor_value_info("y", 1, None)], stored)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def integer_product(op: str, path: str) -> list[Any]:
    """The nodes of a dynamically quantised weight: tensors `q`, `scale` and `zero` are to be stored."""
    return [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"], f"{path}/quantise"),
        helper.make_node(op, ["xq", "q", "xz", "zero"], ["sums"], f"{path}/{op.removesuffix('Integer')}_quant"),
        helper.make_node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["xs", "scale"], ["scales"]),
        helper.make_node("Mul", ["floats", "scales"], ["y"]),
    ]
