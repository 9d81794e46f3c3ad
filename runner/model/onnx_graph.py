"""Reads an ONNX file as nodes and stored tensors, each found by its name; the graph is never run.

    bytes --protobuf--> ModelProto.graph --> initializers   name -> tensor of the file
                                             producers      name -> the node that computes it
                                             readers        name -> the nodes that read it

Needs the package `onnx`, which reads the protobuf (the extra [onnx]).

Source: onnx.proto of onnx 1.23.
"""

from __future__ import annotations

import collections
import mmap
from typing import Any, TypeVar

from runner.errors import WeightsError
from runner.files.locate import install_command
from runner.model.onnx_tensor import FormError, OnnxTensor

_IR_VERSION = 0x08  # field 1 of a ModelProto, a varint: the first that is written
_NEWEST_IR = 32
_NEXT_FIELDS = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72)
"""Keys of the fields that may come second: producer, its version, domain, version, doc, graph, opsets, metadata."""
_ATTRIBUTE_FIELDS = {1: "f", 2: "i", 3: "s", 4: "t", 7: "ints", 8: "strings"}  # by AttributeProto.AttributeType
_FIELDS = {float: "f", int: "i", bytes: "s"}
Scalar = TypeVar("Scalar", float, int, bytes)


def is_onnx(data: mmap.mmap | memoryview | bytes) -> bool:
    """Whether the bytes begin as those of an ONNX file, complete or not."""
    head = bytes(data[:3])
    return len(head) == 3 and head[0] == _IR_VERSION and 0 < head[1] <= _NEWEST_IR and head[2] in _NEXT_FIELDS


class Node:
    """One operation of a graph.

    Attributes:
        name: path of the module that it is part of, and the operator: `/decoder/encode/conv1/Conv`.
        op: the operator.
        inputs, outputs: names of tensors; an input that is left out is ''.
    """

    def __init__(self, proto: Any) -> None:
        self._proto = proto
        self.name, self.op = str(proto.name), str(proto.op_type)
        self.inputs, self.outputs = tuple(proto.input), tuple(proto.output)

    def __str__(self) -> str:
        return f"node '{self.name}' ({self.op})"

    def input(self, position: int) -> str:
        """The name of an input, '' if the node has none at this position."""
        return self.inputs[position] if position < len(self.inputs) else ""

    def attribute(self, name: str, default: Scalar) -> Scalar:
        """The value of an attribute; bytes for a string.

        Raises:
            FormError: it is of another type than `default`.
        """
        found: Scalar | None = self._find(name, _FIELDS[type(default)])
        return default if found is None else found

    def integers(self, name: str) -> tuple[int, ...]:
        """The numbers of an attribute, none if it is absent; the error is that of `attribute`."""
        return tuple(self._find(name, "ints") or ())

    def strings(self, name: str) -> list[str]:
        """The strings of an attribute, none if it is absent; the error is that of `attribute`."""
        return [value.decode(errors="replace") for value in self._find(name, "strings") or ()]

    def tensor(self, name: str) -> Any:
        """The TensorProto of an attribute, None if it is absent; the error is that of `attribute`."""
        return self._find(name, "t")

    def _find(self, name: str, field: str) -> Any:
        for attribute in self._proto.attribute:
            if attribute.name == name and attribute.type in _ATTRIBUTE_FIELDS:
                found = _ATTRIBUTE_FIELDS[attribute.type]
                if found != field:
                    raise FormError(f"its attribute {name} is of the kind '{found}', expected '{field}'")
                return getattr(attribute, field)
        return None


class OnnxGraph:
    """An ONNX file.

    Attributes:
        file: its name, for messages.
        nodes: all operations, in the order of the file; not those inside of branches and loops.
        initializers: the stored tensors, those of Constant nodes included.
        producers, readers: the node that makes a tensor, and those that read it.
    """

    def __init__(self, file: str, graph: Any) -> None:
        self.file = file
        self.nodes = [Node(proto) for proto in graph.node]
        self.producers = {output: node for node in self.nodes for output in node.outputs}
        self.readers: dict[str, list[Node]] = collections.defaultdict(list)
        for node in self.nodes:
            for name in node.inputs:
                self.readers[name].append(node)
        if graph.sparse_initializer:
            raise WeightsError(f"{file}: holds sparse tensors, which are not read; save it with dense ones")
        self.initializers: dict[str, OnnxTensor] = {}
        for proto in graph.initializer:
            self._add(str(proto.name), proto)
        self._add_constants()

    def _add(self, name: str, proto: Any) -> None:
        """Add a stored tensor."""
        if name in self.initializers:
            raise WeightsError(f"{self.file}: tensor '{name}' is stored twice; fetch the file again")
        self.initializers[name] = OnnxTensor(self.file, name, proto)

    def _add_constants(self) -> None:
        """Add the tensors of Constant nodes."""
        for node in self.nodes:
            if node.op != "Constant" or not node.outputs:
                continue
            try:
                value = node.tensor("value")
            except FormError as error:
                raise self.error(node, str(error)) from None
            if value is not None:
                self._add(node.outputs[0], value)

    def error(self, node: Node, fact: str) -> WeightsError:
        """Make the error that a node has a form that is not read."""
        return WeightsError(f"{self.file}: {node}: {fact}")


def read_graph(data: mmap.mmap | memoryview | bytes, file: str) -> OnnxGraph:
    """Read the bytes of an ONNX file.

    Raises:
        WeightsError: the package `onnx` is not installed, or the file is truncated or damaged.
    """
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - of an extra, for those who give such a file
        from onnx import ModelProto  # noqa: PLC0415
    except ModuleNotFoundError as error:
        fact = f"an ONNX file, and the package {error.name} is not installed"
        raise WeightsError(f"{file}: {fact}: {install_command('onnx')}") from None
    model = ModelProto()
    try:
        model.ParseFromString(memoryview(data))
    except DecodeError as error:
        raise WeightsError(f"{file}: truncated or damaged ONNX file ({error}); fetch it again") from None
    return OnnxGraph(file, model.graph)
