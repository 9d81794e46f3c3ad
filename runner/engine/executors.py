"""An executor runs one stage, whatever the stage is made of.

    Executor --+-- PythonStage     a function of Python
               `-- CompiledStage   an entry of a library that TVM compiled

An executor takes a stage's inputs by port and gives its outputs by port. It does not check them: that is for
`execution`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from runner.engine.compiled_stage import CompiledStage
from runner.engine.python_stage import PythonStage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.cache.digest import Memo
    from runner.graph.types import Graph, StageSpec
    from runner.runtime.tvm_runtime import Device
    from runner.runtime.values import Sizes


class Executor(Protocol):
    """Runs one stage."""

    @property
    def device(self) -> Device:
        """Where the stage runs, whether or not this machine has that device."""

    @property
    def library(self) -> Path | None:
        """The library that the stage is an entry of; None for a stage without one."""

    def __call__(self, inputs: Mapping[str, Any], sizes: Sizes, threads: int, most: int) -> Mapping[str, Any]:
        """Run the stage.

        Args:
            inputs: by port, in the order of the contract.
            sizes: the dims that the run has bound so far; those of padded axes are taken from it.
            threads: that a compiled stage uses now; `most` is the largest number that any later call will use.

        Raises:
            RunError: the stage refuses its input, fails, or gives other ports than it has.
        """

    def load(self) -> object:
        """Load what the stage needs, so that the first call finds nothing missing.

        Raises:
            RunError: the device is absent, or the library is missing, damaged, for another CPU, TVM or graph.
        """

    def can_load_later(self) -> bool:
        """Whether `load` has work that a background thread may do; errors are those of `load`."""

    def release_weights(self) -> None:
        """Give the memory of the weights back to the system; a later call reads them from their file again."""

    def weight_bytes(self) -> int:
        """Size of the weights; 0 where there are none, or none yet."""

    def describe_code(self) -> str:
        """Say where a user finds the code of the stage, as the end of a message; '' for a library."""

    def check_code(self, identity: Mapping[str, Any], memo: Memo) -> None:
        """Refuse to run other code than that of `identity` (`cache.keys.identity`), which the cache key was made from.

        Raises:
            RunError: the code was changed while this process ran.
        """


def make_executors(graph: Graph, config: Mapping[str, Any], build_root: Path | None) -> dict[str, Executor]:
    """The executor of each stage of `graph`: a dotted name is a function, a path is a library.

    Args:
        config: the model's config.json, of which Python stages take keys.
        build_root: folder of the compiled stages; None for the default one.

    Raises:
        RunError: config.json lacks a key that a stage takes.
    """
    return {name: _make(spec, graph, config, build_root) for name, spec in graph.stages.items()}


def _make(spec: StageSpec, graph: Graph, config: Mapping[str, Any], build_root: Path | None) -> Executor:
    if spec.entry is None:
        node = graph.tree.get("stages", spec.name)
        origin = "" if node is None else f"{node.key.file}:{node.key.line}"
        return PythonStage(spec, config, graph.padded, origin)
    return CompiledStage(spec, spec.entry, graph, build_root)
