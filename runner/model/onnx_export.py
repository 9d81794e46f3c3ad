"""Reads the weights of an ONNX export of the model; the graph is followed, not run.

    node that computes with a stored tensor --path--> module, --operator--> which of its tensors, how it lies
    stored tensor that still has a parameter's name ----------------------> that parameter

A weight that an exporter transposes or folds, or a quantiser changes, loses its name, and is known by the node that
reads it. Biases, gains and the like keep theirs. Nothing is mapped by the order of anything, and no weight is left
over: a stored matrix of floats or quantised values that nothing here reads is an error.

| operator | tensor | layout |
| --- | --- | --- |
| Conv, ConvTranspose, ConvInteger | weight, bias | as PyTorch's |
| Gemm, MatMul, MatMulInteger, ... | weight, bias | [in, out], transposed |
| MatMulNBits | weight, bias | [out, in] in blocks |
| Gather, GatherBlockQuantized | weight | as PyTorch's |
| LSTM, DynamicQuantizeLSTM | as nn.LSTM's | gates in another order |

A module that is called several times is read by several nodes, of which a quantiser may have changed only one; the
tensor is then taken from the others, if it is the same but for the rounding of the quantised one.

Weight norms are folded in most exports; `Checkpoint.take` gives the two tensors of a norm from the folded weight.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator

from runner.errors import WeightsError
from runner.model.onnx_blocks import gather_blocks, matmul_blocks
from runner.model.onnx_constants import Constants
from runner.model.onnx_graph import Node, OnnxGraph, read_graph
from runner.model.onnx_integer import conv_integer, fused_matmul, gathered, matmul_integer
from runner.model.onnx_lstm import lstm_tensors
from runner.model.onnx_paths import ModulePaths
from runner.model.onnx_tensor import FLOATS, SMALL_INTEGERS, ExportedTensor, FormError
from stages.families import Family

_Reader = Callable[[OnnxGraph, Constants, Node], "ExportedTensor | None"]
_INTEGERS: dict[str, tuple[_Reader, bool]] = {  # how the weight is read, and whether it lies as [in, out]
    "ConvInteger": (conv_integer, False),
    "MatMulInteger": (matmul_integer, True),
    "DynamicQuantizeMatMul": (fused_matmul, True),
    "MatMulIntegerToFloat": (fused_matmul, True),
}
_CONVOLUTIONS = ("Conv", "ConvTranspose", "FusedConv")
_PRODUCTS = ("Gemm", "MatMul", "FusedGemm", "FusedMatMul")
_KEEPING = (
    "Identity",
    "Cast",
    "Transpose",
    "DequantizeLinear",
)  # what lies between a parameter and the node that computes with it
_CHANGED = re.compile(r"(_Transposed|_quantized|(_DQ)?_Q[48])+\Z")  # what the quantisers of ONNX Runtime add to a name
_LSTMS = ("LSTM", "DynamicQuantizeLSTM")


def read_onnx(data: mmap.mmap | memoryview | bytes, file: str, family: Family) -> dict[str, ExportedTensor]:
    """Read the tensors of an export: flat name -> tensor, whose values are read when they are asked for.

    Args:
        data: the bytes of the file.
        file: its name, for messages.
        family: the model's, whose parts the names begin with.

    Raises:
        WeightsError: the file is truncated or damaged, or holds a weight in a form that is not read.
    """
    return _Export(read_graph(data, file), family).tensors


class _Export:
    """The tensors of one export."""

    def __init__(self, graph: OnnxGraph, family: Family) -> None:
        self._graph, self._family = graph, family
        self._constants = Constants(graph)
        self._paths = ModulePaths(graph, family)
        self.tensors: dict[str, ExportedTensor] = {}
        for node in graph.nodes:
            try:
                for suffix, name, tensor in self._list_operands(node):
                    self._add_operand(node, suffix, name, tensor)
            except FormError as error:
                raise graph.error(node, str(error)) from None
        self._add_named()
        self._check_left()

    def _list_operands(self, node: Node) -> Iterator[tuple[str, str, ExportedTensor]]:
        """List what a node reads of the model: (name in the module, name in the graph, tensor as the model has it)."""
        if node.op in _INTEGERS:
            yield from self._list_integer(node)
        elif node.op in _CONVOLUTIONS:
            yield from self._list_stored(node)
        elif node.op in _PRODUCTS:
            yield from self._list_factors(node)
        elif node.op in _LSTMS:
            yield from ((suffix, "", tensor) for suffix, tensor in lstm_tensors(self._constants, node))
        elif node.op == "Gather":
            yield from self._list_rows(node)
        elif node.op == "MatMulNBits":
            weight = matmul_blocks(self._constants, node)
            yield "weight", weight.source, weight
        elif node.op == "GatherBlockQuantized":
            table = gather_blocks(self._constants, node)
            yield "weight", table.source, table

    def _list_integer(self, node: Node) -> Iterator[tuple[str, str, ExportedTensor]]:
        read, lies_turned = _INTEGERS[node.op]
        weight = read(self._graph, self._constants, node)
        if weight is not None:
            yield "weight", weight.source, _turn_matrix(weight) if lies_turned else weight

    def _list_stored(self, node: Node) -> Iterator[tuple[str, str, ExportedTensor]]:
        for suffix, position in (("weight", 1), ("bias", 2)):
            name = node.input(position)
            tensor = self._constants.find(name)
            if tensor is not None:
                yield suffix, name, tensor

    def _list_factors(self, node: Node) -> Iterator[tuple[str, str, ExportedTensor]]:
        stored = list(self._list_stored(node))
        if stored and any(node.attribute(name, 1.0) != 1 for name in ("alpha", "beta")):
            raise FormError("it scales its product (alpha, beta), and a layer of the model does not")
        for suffix, name, tensor in stored:
            lies_turned = suffix == "weight" and not node.attribute("transB", 0)
            yield suffix, name, _turn_matrix(tensor) if lies_turned else tensor

    def _list_rows(self, node: Node) -> Iterator[tuple[str, str, ExportedTensor]]:
        """List the table that a Gather takes rows of; those of a quantised one are dequantised behind it."""
        table = self._constants.find(node.input(0)) or gathered(self._graph, self._constants, node)
        if table is not None and len(table.shape) == 2:
            yield "weight", node.input(0), table

    def _add_operand(self, node: Node, suffix: str, name: str, tensor: ExportedTensor) -> None:
        own = self._find_own_name(name)
        if own is not None and not own.endswith(f".{suffix}"):  # a convolution with the cosines of the STFT
            self.tensors[own] = tensor
            return
        module = self._paths.module(node.name)
        keys = {own, module and f"{module}.{suffix}"} - {None}
        if not keys:
            raise FormError(f"reads '{tensor.source}', and neither name is one of a module of the model")
        for key in keys:
            known = self.tensors.get(str(key), tensor)
            finer = known.choose_finer(tensor)
            if finer is None:
                fact = f"reads '{tensor.source}' ({tensor}) as {key}"
                raise FormError(f"{fact}, which '{known.source}' ({known}) is already, with other values")
            self.tensors[str(key)] = finer

    def _find_own_name(self, name: str) -> str | None:
        """Find the name of a parameter that a tensor still has, or had before it was cast, transposed or quantised."""
        names = [name, *(step.input(0) for step in self._constants.trace(name, _KEEPING) if isinstance(step, Node))]
        return next(filter(None, (self._paths.parameter(_CHANGED.sub("", name)) for name in names)), None)

    def _add_named(self) -> None:
        """Add the stored tensors that have the name of a parameter, and copies of one under another name."""
        copies = [node.outputs[0] for node in self._graph.nodes if node.op == "Identity" and node.outputs]
        stored = [name for name in self._graph.initializers if name not in self._constants.used]
        for name in [*stored, *copies]:
            key = self._paths.parameter(name)
            try:
                tensor = self._constants.find(name) if key else None
            except FormError as error:
                raise WeightsError(f"{self._graph.file}: tensor '{name}': {error}") from None
            if key and tensor is not None:
                self.tensors.setdefault(key, tensor)

    def _check_left(self) -> None:
        """Check that no weight is left over.

        Raises:
            WeightsError: a matrix is, or the file has no tensor of the model.
        """
        for name, tensor in self._graph.initializers.items():
            is_matrix = sum(size > 1 for size in tensor.shape) > 1 and tensor.dtype in (*FLOATS, *SMALL_INTEGERS)
            if is_matrix and name not in self._constants.used:
                readers = ", ".join(map(str, self._graph.readers[name])) or "no node"
                raise WeightsError(
                    f"{self._graph.file}: tensor '{name}', {tensor}, is read by {readers}, which is no form of a "
                    "weight that is known; docs/weights.md lists those that are"
                )
        if not self.tensors:
            raise WeightsError(
                f"{self._graph.file}: an ONNX file, but no export of this model: no tensor or node has the name of a "
                f"part of it ({', '.join(self._family.parts)})"
            )


def _turn_matrix(tensor: ExportedTensor) -> ExportedTensor:
    """Turn the matrix [in, out] of a product into a layer's weight [out, in]."""
    if len(tensor.shape) != 2:
        raise FormError(f"its factor '{tensor.source}' is {tensor}, expected a matrix")
    return tensor.transpose((1, 0))
