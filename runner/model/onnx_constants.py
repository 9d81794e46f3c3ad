"""Finds the stored tensors that an input of a node stands for.

    initializer or Constant --Identity, Cast, Transpose, DequantizeLinear--> input of a node

Exporters and quantisers put such nodes between a stored tensor and the node that computes with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from runner.model.onnx_graph import Node, OnnxGraph
from runner.model.onnx_quantised import Scaling, dequantise
from runner.model.onnx_tensor import FLOATS, ExportedTensor, FormError, OnnxTensor

_SAME = ("Identity", "Cast")  # a cast from the stored type gives nothing that is not there
_RESHAPED = (*_SAME, "Reshape", "Squeeze", "Unsqueeze")


class Constants:
    """The constants of a graph, with a record of the stored tensors that were asked for.

    Attributes:
        used: names of stored tensors that are part of what was found.
    """

    def __init__(self, graph: OnnxGraph) -> None:
        self._graph = graph
        self.used: set[str] = set()

    def find(self, name: str) -> ExportedTensor | None:
        """Find the floats that a name stands for; None if they are not stored, but computed.

        Raises:
            FormError: it is dequantised in a way that is not read.
        """
        turns: list[tuple[int, ...] | None] = []
        for step in self.trace(name, (*_SAME, "Transpose", "DequantizeLinear")):
            if isinstance(step, OnnxTensor):
                return _turn(self._use(step).floats(), turns) if step.dtype in FLOATS else None
            if step.op == "DequantizeLinear":
                return _turn(self._dequantise(step), turns)
            if step.op == "Transpose":
                turns.append(step.integers("perm") or None)
        return None

    def stored(self, name: str) -> OnnxTensor | None:
        """Find a stored tensor, whatever its shape is in the graph; None if it is not stored, or ''."""
        last = list(self.trace(name, _RESHAPED))[-1:]
        return self._use(last[0]) if last and isinstance(last[0], OnnxTensor) else None

    def need(self, name: str) -> OnnxTensor:
        """Find a stored tensor that must be there.

        Raises:
            FormError: it is not stored.
        """
        tensor = self.stored(name)
        if tensor is None:
            raise FormError(f"its input '{name}' is not stored in the file")
        return tensor

    def trace(self, name: str, through: tuple[str, ...]) -> Iterator[Node | OnnxTensor]:
        """List the nodes of the operators `through` that lead to a name, last one first, then the stored tensor."""
        seen = set[str]()  # a damaged graph can have a circle
        while name and name not in seen:
            seen.add(name)
            if name in self._graph.initializers:
                yield self._graph.initializers[name]
                return
            node = self._graph.producers.get(name)
            if node is None or node.op not in through:
                return
            yield node
            name = node.input(0)

    def _use(self, tensor: OnnxTensor) -> OnnxTensor:
        self.used.add(tensor.name)
        return tensor

    def _dequantise(self, node: Node) -> ExportedTensor:
        values, scale = self.need(node.input(0)), self.need(node.input(1))
        zero = self.need(node.input(2)) if node.input(2) else None
        scaling = Scaling(scale, zero, (node.attribute("axis", 1),), node.attribute("block_size", 0))
        return dequantise(values, scaling)


def _turn(tensor: ExportedTensor, turns: list[tuple[int, ...] | None]) -> ExportedTensor:
    for axes in reversed(turns):
        every = tuple(range(len(tensor.shape)))
        order = axes or every[::-1]
        if sorted(order) != list(every):
            raise FormError(f"'{tensor.source}' is {tensor}, and its axes are put in the order {list(order)}")
        tensor = tensor.transpose(order)
    return tensor
