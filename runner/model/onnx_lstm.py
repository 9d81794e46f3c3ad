"""Describes the tensors of an LSTM node as PyTorch's nn.LSTM has them.

    LSTM                  W [directions, 4*hidden, in], R [directions, 4*hidden, hidden], B [directions, 8*hidden]
    DynamicQuantizeLSTM   W [directions, in, 4*hidden], R [directions, hidden, 4*hidden] in 8 bits, B in float32
    nn.LSTM               weight_ih, weight_hh, bias_ih, bias_hh, each also with `_reverse`

The gates of ONNX are input, output, forget, cell; those of PyTorch are input, forget, cell, output.

Source: ONNX's operator LSTM, version 22; ONNX Runtime's DynamicQuantizeLSTM (docs/ContribOperators.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from runner.model.onnx_constants import Constants
from runner.model.onnx_graph import Node
from runner.model.onnx_quantised import Scaling, dequantise
from runner.model.onnx_tensor import ExportedTensor, FormError

_GATES = (0, 2, 3, 1)  # ONNX's input, output, forget, cell in the order of PyTorch
_DIRECTIONS = {b"forward": ("",), b"bidirectional": ("", "_reverse")}
_PLAIN = {"input_forget": 0, "layout": 0, "clip": 0.0}  # attributes, and the value that PyTorch's LSTM has
_STATES = (5, 6)  # inputs: the states that it begins with
_PEEPHOLES = 7


def lstm_tensors(constants: Constants, node: Node) -> Iterator[tuple[str, ExportedTensor]]:
    """List the tensors of a node, each with the name that nn.LSTM has for it: ('weight_ih_l0', ...).

    Raises:
        FormError: the node is no LSTM as PyTorch's, or its shapes do not fit each other.
    """
    suffixes = _check_form(constants, node)
    if node.op == "LSTM":
        w, r = (_float_weight(constants, node.input(at)) for at in (1, 2))
    else:
        w, r = (_quantised_weight(constants, node, at, scale) for at, scale in ((1, 8), (2, 10)))
    hidden = node.attribute("hidden_size", r.shape[2] if len(r.shape) == 3 else 0)
    directions, gates = len(suffixes), 4 * hidden
    shapes: dict[str, tuple[ExportedTensor, tuple[int, ...]]] = {
        "W": (w, (directions, gates, w.shape[-1] if w.shape else 0)),
        "R": (r, (directions, gates, hidden)),
    }
    bias = _float_weight(constants, node.input(3)) if node.input(3) else None
    if bias is not None:
        shapes["B"] = (bias, (directions, 2 * gates))
    for name, (tensor, shape) in shapes.items():
        if tensor.shape != shape:
            raise FormError(f"its {name} '{tensor.source}' is {tensor}, expected {list(shape)}")
    for at, suffix in enumerate(suffixes):
        yield f"weight_ih_l0{suffix}", _reorder(w.part((at,)), hidden)
        yield f"weight_hh_l0{suffix}", _reorder(r.part((at,)), hidden)
        if bias is not None:
            yield f"bias_ih_l0{suffix}", _reorder(bias.part((at, slice(None, gates))), hidden)
            yield f"bias_hh_l0{suffix}", _reorder(bias.part((at, slice(gates, None))), hidden)


def _check_form(constants: Constants, node: Node) -> tuple[str, ...]:
    """Check that a node computes what PyTorch's LSTM does; gives the suffixes of its directions."""
    direction = node.attribute("direction", b"forward")
    if direction not in _DIRECTIONS:
        raise FormError(f"its direction is {direction!r}, expected forward or bidirectional")
    for name, plain in _PLAIN.items():
        if (given := node.attribute(name, plain)) != plain:
            raise FormError(f"its attribute {name} is {given}, expected {plain}")
    functions = node.strings("activations")
    if functions not in ([], ["Sigmoid", "Tanh", "Tanh"] * len(_DIRECTIONS[direction])):
        raise FormError(f"its activations are {functions}, expected Sigmoid, Tanh and Tanh")
    if node.input(_PEEPHOLES):
        raise FormError("it has peepholes, and the model's LSTM has none")
    for at in _STATES:
        state = constants.stored(node.input(at))
        if state is not None and state.read().any():
            raise FormError(f"it begins with the state '{state.name}', expected zeros")
    return _DIRECTIONS[direction]


def _float_weight(constants: Constants, name: str) -> ExportedTensor:
    tensor = constants.find(name)
    if tensor is None:
        raise FormError(f"its input '{name}' is not stored in the file")
    return tensor


def _quantised_weight(constants: Constants, node: Node, at: int, scale_at: int) -> ExportedTensor:
    """Describe a weight, [directions, 4*hidden, in], whose scales are one a direction, or one a row of each."""
    values = constants.need(node.input(at))
    scale, zero = constants.need(node.input(scale_at)), constants.need(node.input(scale_at + 1))
    if len(values.shape) != 3:
        raise FormError(f"its weight '{values.name}' is {values}, expected 3 axes")
    axes = (0, 2) if len(scale.shape) == 2 else (0,)
    return dequantise(values, Scaling(scale, zero, axes)).transpose((0, 2, 1))


def _reorder(tensor: ExportedTensor, hidden: int) -> ExportedTensor:
    """Put the gates, [4*hidden, ...], in the order of PyTorch."""

    def read(dtype: DTypeLike) -> NDArray[np.floating]:
        gates = np.ascontiguousarray(tensor.read(dtype)).reshape(4, hidden, *tensor.shape[1:])
        return gates[list(_GATES)].reshape(tensor.shape)

    return ExportedTensor(tensor.dtype, tensor.shape, tensor.source, read)
