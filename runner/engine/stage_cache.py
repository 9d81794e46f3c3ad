"""The keys of a graph's stages: what each depends on, as far as digests tell, and what is kept for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.cache import keys
from runner.cache.digest import array_digest, value_digest
from runner.engine.executors import CompiledStage
from runner.errors import RunError
from runner.graph.types import PARAMETERS
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.cache.cache import Cache, Entry
    from runner.engine.executors import PythonStage
    from runner.graph.types import Graph, StageSpec
    from stages.contract import Type

_imported: dict[str, dict[str, str]] = {}  # Python stage -> digests of its sources when it first ran


@dataclass(frozen=True)
class Found:
    """A stage's key, what it is made of, and what is kept for it."""

    key: str
    components: dict[str, Any]
    entry: Entry | None


class Keeper:
    """What a pipeline's cache knows of its stages.

    Attributes:
        cache: where results are kept.
    """

    def __init__(
        self,
        graph: Graph,
        stages: Mapping[str, PythonStage | CompiledStage],
        config: Mapping[str, Any],
        cache: Cache,
    ) -> None:
        self.cache = cache
        self._graph, self._stages, self._config = graph, stages, config
        self._identities: dict[str, dict[str, Any]] = {}

    def identity(self, spec: StageSpec) -> dict[str, Any]:
        """What the stage depends on beside inputs and parameters; taken once.

        Raises:
            RunError: its code cannot be read.
        """
        if spec.name not in self._identities:
            stage = self._stages[spec.name]
            config = {key: self._config[key] for key in spec.config}
            library = stage.path if isinstance(stage, CompiledStage) else None
            if isinstance(stage, CompiledStage) and not stage.path.is_file():
                stage.load()  # says what is missing and how to build it
            self._identities[spec.name] = keys.identity(spec, self._graph, config, library, self.cache.memo)
        return self._identities[spec.name]

    def check_code(self, spec: StageSpec) -> None:
        """Refuse to run other code than the one whose digest is in the key; a library is loaded for that.

        Raises:
            RunError: it was changed while this process ran.
        """
        stage, identity = self._stages[spec.name], self.identity(spec)
        if isinstance(stage, CompiledStage):
            stage.load()
            digest = self.cache.memo.file(stage.path) if stage.loaded is None else stage.loaded.library.sha256
            weights = None if stage.loaded is None else stage.loaded.weights.sha256
            same = identity["code"] == {stage.path.name: digest} and identity["weights"] == weights
            what = str(stage.path)
        else:
            # What is imported is what was there first: sources that changed later are not what runs.
            same = _imported.setdefault(spec.module, identity["code"]) == identity["code"]
            what = spec.module
        if not same:
            raise RunError(f"stage '{spec.name}': {what} changed while this process was running; start it again")

    def find(self, spec: StageSpec, digests: Mapping[str, str], given: Mapping[str, object]) -> Found:
        """The stage's key and what is kept for it.

        Args:
            digests: of all that the stage takes, by 'stage.port'.
            given: the values of parameters, by 'params.NAME'.

        Raises:
            RunError: its code cannot be read.
        """
        params, inputs = {}, {}
        for port, wire in spec.inputs.items():
            if wire.ref.stage == PARAMETERS:
                params[port] = _plain(wire.type, given[str(wire.ref)])
            else:
                inputs[port] = digests[str(wire.ref)]
        components = keys.components(self.identity(spec), params, inputs)
        key = keys.key(components)
        entry = self.cache.lookup(key) if spec.cache else None
        fits = entry is not None and list(entry.outputs) == list(spec.outputs)
        return Found(key, components, entry if fits else None)

    def why(self, spec: StageSpec, found: Found) -> str:
        """What is other than in the nearest results that are kept."""
        if not spec.cache:
            return "its results are not kept (cache: false)"
        nearest = self.cache.nearest(found.components)
        if nearest is None:
            return "nothing is kept for this stage"
        refs = {port: str(wire.ref) for port, wire in spec.inputs.items()}
        return keys.difference(nearest.components, found.components, refs) or "its record is damaged"


def outside_digest(value: object) -> str:
    """Digest of a graph's input or of an array that a caller puts in place of a stage's output."""
    return array_digest(value) if isinstance(value, np.ndarray) else value_digest(value)


def _plain(type_: Type, value: object) -> object:
    """A parameter as its port takes it, so that 1 and 1.0 are one speed."""
    plain = value.item() if isinstance(value, np.ndarray | np.generic) else value
    is_float = isinstance(type_, TensorType) and type_.dtype.startswith("float")
    if is_float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if not isinstance(plain, bool | int | float | str):
        raise RunError(f"a parameter is {type(plain).__name__}, expected a number, a boolean or text")
    return plain
