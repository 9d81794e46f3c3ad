"""Describes the weights of nodes that compute with integers, which the dynamic quantisation of ONNX Runtime makes.

    x --DynamicQuantizeLinear--> values --MatMulInteger, ConvInteger--> sums --Cast, Add (bias)--> Mul --> y
                  \\-> scale --Mul--> product of the two scales ----------------------------------/
                         weight's scale -/

The weight's scale is no input of the node. It is the one that the graph itself applies to the node's sums: the first
Mul behind the node multiplies them with the input's scale times the weight's. Names decide nothing.

Source: onnx.proto; ONNX Runtime 1.31, `quantization/operators/{matmul,conv}.py` and docs/ContribOperators.md.
"""

from __future__ import annotations

from runner.model.onnx_constants import Constants
from runner.model.onnx_graph import Node, OnnxGraph
from runner.model.onnx_quantised import Scaling, dequantise
from runner.model.onnx_tensor import SMALL_INTEGERS, ExportedTensor, FormError, OnnxTensor

_BETWEEN = ("Add", "Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")  # the sums and their Mul
_LAID = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")  # a scale that is laid over the sums
_LAID_ROWS = ("Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")  # rows of a table, still quantised
_DEQUANTISE = "DequantizeLinear"
_FAR = 12  # nodes from the sums to their Mul, at most


def conv_integer(graph: OnnxGraph, constants: Constants, node: Node) -> ExportedTensor | None:
    """Describe the weight [out, in, taps] of a ConvInteger; None if it is not stored."""
    return _weight(graph, constants, node, axis=0)


def matmul_integer(graph: OnnxGraph, constants: Constants, node: Node) -> ExportedTensor | None:
    """Describe the weight [in, out] of a MatMulInteger; None if it is not stored: attention multiplies activations."""
    return _weight(graph, constants, node, axis=1)


def fused_matmul(graph: OnnxGraph, constants: Constants, node: Node) -> ExportedTensor | None:
    """Describe the weight [in, out] of a node that also scales its sums; None if it is not stored."""
    del graph
    scale, zero = {"DynamicQuantizeMatMul": (2, 3), "MatMulIntegerToFloat": (3, 5)}[node.op]
    values = constants.stored(node.input(1))
    if values is None:
        return None
    zeros = constants.need(node.input(zero)) if node.input(zero) else None
    return dequantise(values, Scaling(constants.need(node.input(scale)), zeros, (1,)))


def gathered(graph: OnnxGraph, constants: Constants, node: Node) -> ExportedTensor | None:
    """Describe the table of a Gather whose rows are dequantised behind it; None if it is no such table."""
    values = graph.initializers.get(node.input(0))
    if values is None or values.dtype not in SMALL_INTEGERS:
        return None
    following = _list_behind(graph, node)
    if {reader.op for reader in following} != {_DEQUANTISE}:
        raise FormError(f"the rows of its table '{values.name}', {values}, are not dequantised behind it")
    scalings = {(reader.input(1), reader.input(2)) for reader in following}
    if len(scalings) != 1:
        raise FormError(f"the rows of its table '{values.name}' are dequantised in several ways")
    (scale, zero) = scalings.pop()
    zeros = constants.need(zero) if zero else None
    return dequantise(constants.need(values.name), Scaling(constants.need(scale), zeros, ()))


def _list_behind(graph: OnnxGraph, node: Node) -> list[Node]:
    """List the nodes that read what a node gives, or another layout of it."""
    behind, outputs = [], list(node.outputs)
    for _ in range(_FAR):
        readers = [reader for output in outputs for reader in graph.readers.get(output, [])]
        behind += [reader for reader in readers if reader.op not in _LAID_ROWS]
        outputs = [output for reader in readers if reader.op in _LAID_ROWS for output in reader.outputs]
    return behind


def _weight(graph: OnnxGraph, constants: Constants, node: Node, axis: int) -> ExportedTensor | None:
    values = constants.stored(node.input(1))
    if values is None:
        return None
    zero = constants.need(node.input(3)) if node.input(3) else None
    return dequantise(values, Scaling(_find_scale(graph, constants, node), zero, (axis,)))


def _find_scale(graph: OnnxGraph, constants: Constants, node: Node) -> OnnxTensor:
    """Find the scale that is applied to a node's sums with the scale of its input."""
    quantiser = graph.producers.get(node.input(2))
    if quantiser is None or quantiser.op != "DynamicQuantizeLinear" or len(quantiser.outputs) < 2:
        raise FormError("its input is not quantised by a DynamicQuantizeLinear, so the weight's scale is not known")
    found = {}
    for product in _list_factors(graph, node.outputs[0]):
        others = [name for name in product.inputs if _origin(graph, name) != quantiser.outputs[1]]
        scale = constants.stored(others[0]) if len(others) == 1 else None
        if scale is not None:
            found[scale.name] = scale
    if len(found) != 1:
        fact = f"found {', '.join(found)}" if found else "found none"
        raise FormError(f"expected one scale of its weight '{node.input(1)}' behind it, {fact}")
    return next(iter(found.values()))


def _list_factors(graph: OnnxGraph, sums: str) -> list[Node]:
    """List the products of two scales that the first Mul behind `sums` multiplies them with."""
    names, factors = {sums}, []
    for _ in range(_FAR):
        following = [(name, node) for name in names for node in graph.readers.get(name, [])]
        for name, node in following:
            if node.op == "Mul":
                made = [graph.producers.get(_origin(graph, other)) for other in node.inputs if other != name]
                factors += [product for product in made if product is not None and product.op == "Mul"]
        names = {output for _, node in following if node.op in _BETWEEN for output in node.outputs}
    return factors


def _origin(graph: OnnxGraph, name: str) -> str:
    """Find the tensor that a name is another layout of."""
    for _ in range(_FAR):
        node = graph.producers.get(name)
        if node is None or node.op not in _LAID or not node.inputs:
            break
        name = node.inputs[0]
    return name
