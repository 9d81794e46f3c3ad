"""Finds the module of the model that a node of an export belongs to, and the parameter that a stored tensor is.

    /encoder/text_encoder/cnn.0/cnn.0.0/Conv_quant   --> text_encoder.cnn.0.0
    /decoder/generator/conv_post/Conv                --> decoder.generator.conv_post
    kmodel.predictor.F0.0.norm1.fc.bias              --> predictor.F0.0.norm1.fc.bias

PyTorch's exporter writes a node's path from the modules whose calls surround it, and keeps the names of parameters that
it stores unchanged. Each export wraps the model in modules of its own (`kmodel`; `encoder` and `decoder`), which come
first: as many levels are dropped as let most names begin with a part of the model's family.

Source: torch.onnx's tracing exporter of PyTorch 2; the exports of kokoro 0.9.4's KModelForONNX and of kokoro-onnx.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from runner.model.onnx_graph import OnnxGraph
from stages.families import Family

_DEEPEST = 4  # levels of wrappers that are tried
_OPERATOR = re.compile(r"(Fused)?(Conv|ConvTranspose|Gather|Gemm|LSTM|MatMul)(_.*)?\Z")
_FURTHER_CALL = re.compile(r"_\d+\Z")  # of a module that is called more than once: query, query_1, query_2


class ModulePaths:
    """The names of one export, without what its wrapper adds to them."""

    def __init__(self, graph: OnnxGraph, family: Family) -> None:
        self._parts = tuple(f"{part}." for part in family.parts)
        self._uncalled = [(path.partition(".")[2], path) for path in family.called_past_parent]
        names = [name for name in graph.initializers if "/" not in name]
        paths = [path for node in graph.nodes if (path := _cut_operator(node.name))]
        self._name_depth = self._find_depth(names, self._parameter_at)
        self._path_depth = self._find_depth(paths, self._module_at)

    @staticmethod
    def _find_depth(names: Iterable[str], resolve: Callable[[str, int], str | None]) -> int:
        names = list(names)
        return max(range(_DEEPEST), key=lambda depth: sum(resolve(name, depth) is not None for name in names))

    def parameter(self, name: str) -> str | None:
        """Find the flat name of the parameter that a tensor is; None if its name is not that of a parameter."""
        return None if "/" in name else self._parameter_at(name, self._name_depth)

    def module(self, node_name: str) -> str | None:
        """Find the module that a node is part of; None if its name does not say it."""
        path = _cut_operator(node_name)
        return None if path is None else self._module_at(path, self._path_depth)

    def _parameter_at(self, name: str, depth: int) -> str | None:
        key = ".".join(name.split(".")[depth:])
        return key if key.startswith(self._parts) else None

    def _module_at(self, path: str, depth: int) -> str | None:
        module = ".".join(_join_children(path.split("/")[depth:]))
        for called, whole in self._uncalled:
            if f"{module}.".startswith(f"{called}."):
                module = whole + module[len(called) :]
                break
        return module if f"{module}.".startswith(self._parts) else None


def _cut_operator(name: str) -> str | None:
    """Cut the operator off a node's name: '/bert_encoder/MatMul_quant' becomes 'bert_encoder'."""
    parts = name.split("/")
    if len(parts) < 3 or parts[0]:
        return None
    at = next((i for i, part in enumerate(parts) if _OPERATOR.match(part)), None)
    return None if at is None else "/".join(parts[1:at]) or None


def _join_children(parts: Iterable[str]) -> list[str]:
    """Drop the numbers of further calls, and the names of lists that their children repeat: cnn.0, cnn.0.1."""
    joined: list[str] = []
    for part in parts:
        name = _FURTHER_CALL.sub("", part)
        if joined and name.startswith(f"{joined[-1]}."):
            joined.pop()
        joined.append(name)
    return joined
