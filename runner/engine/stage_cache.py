"""Looks stages up in the cache, keeps their results, and says why a lookup missed.

digests of inputs, parameters, identity of the stage --> key --> Lookup: the cache's entry, or a miss
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.cache import keys
from runner.cache.digest import array_digest, value_digest
from runner.graph.types import GRAPH_INPUTS
from runner.runtime.values import STR
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.cache.cache import Cache, Entry
    from runner.engine.executors import Executor
    from runner.engine.run_state import RunState
    from runner.graph.types import Graph, Ref, StageSpec
    from runner.runtime.values import Array
    from stages.contract import Type

_EVICT_EVERY = 32  # runs: so that thousands of them do not outgrow the cache's limits


@dataclass(frozen=True)
class Lookup:
    """A stage's key and what the cache has under it.

    Attributes:
        components: what the key is the digest of.
        entry: None for a miss.
    """

    key: str
    components: dict[str, Any]
    entry: Entry | None


class StageCache:
    """Finds and keeps the results of a graph's stages.

    Attributes:
        cache: where the results are.
    """

    def __init__(
        self, graph: Graph, executors: Mapping[str, Executor], config: Mapping[str, Any], cache: Cache
    ) -> None:
        """Read nothing yet; `config` is the model's config.json, whose keys are part of Python stages' identities."""
        self.cache = cache
        self._graph, self._executors, self._config = graph, executors, config
        self._identities: dict[str, dict[str, Any]] = {}
        self._used: deque[list[str]] = deque()  # the keys of each run since the last eviction

    def identity(self, spec: StageSpec) -> dict[str, Any]:
        """What the stage depends on beside inputs and parameters (`cache.keys.identity`); computed once.

        Raises:
            RunError: its code cannot be read.
        """
        if spec.name not in self._identities:
            executor = self._executors[spec.name]
            config = {key: self._config[key] for key in spec.config}
            if executor.library is not None and not executor.library.is_file():
                executor.load()  # raises the error that says what is missing and how to build it
            self._identities[spec.name] = keys.identity(spec, self._graph, config, executor.library, self.cache.memo)
        return self._identities[spec.name]

    def check_code(self, spec: StageSpec) -> None:
        """Refuse to run other code than the one whose digest is in the key; a library is loaded for that.

        Raises:
            RunError: it was changed while this process ran.
        """
        self._executors[spec.name].check_code(self.identity(spec), self.cache.memo)

    def find(self, run: RunState, spec: StageSpec, digests: Mapping[Ref, str]) -> Lookup:
        """Look the stage up; a lookup of the same inputs in the same run is made once.

        Args:
            digests: of all inputs of the stage but parameters.

        Raises:
            RunError: its code cannot be read.
        """
        made_from = tuple(digests[wire.ref] for wire in spec.inputs.values() if not wire.ref.is_setting)
        known = run.lookups.get(spec.name)
        if known is None or known[0] != made_from:
            known = run.lookups[spec.name] = made_from, self._find(spec, digests, run.given)
        return known[1]

    def _find(self, spec: StageSpec, digests: Mapping[Ref, str], given: Mapping[Ref, object]) -> Lookup:
        params, inputs = {}, {}
        for port, wire in spec.inputs.items():
            if wire.ref.is_setting:
                params[port] = _parameter(wire.type, given[wire.ref])
            else:
                inputs[port] = digests[wire.ref]
        components = keys.components(self.identity(spec), params, inputs)
        key = keys.key(components)
        entry = self.cache.lookup(key) if spec.cache else None
        fits = entry is not None and list(entry.outputs) == list(spec.outputs)
        return Lookup(key, components, entry if fits else None)

    def present(self, lookup: Lookup) -> tuple[bool, ...] | None:
        """Whether the array of each output is there; None if the cache has no entry."""
        entry = lookup.entry
        return None if entry is None else tuple(self.cache.present(entry, port) for port in entry.outputs)

    def read(self, run: RunState, ref: Ref) -> Any:
        """Read the value of a port; None if the cache has none, or lost it."""
        entry = run.stages[ref.stage].entry
        return None if entry is None else load_value(self.cache, entry, ref, self._graph)

    def write(self, run: RunState, spec: StageSpec, lookup: Lookup, outputs: Mapping[str, Any]) -> dict[str, str]:
        """Keep the outputs of a stage that has run, by port; returns their digests.

        A stage with `cache: false` keeps nothing: its key stands for the digests.
        """
        stage = run.stages[spec.name]
        stage.key = lookup.key
        if not spec.cache:
            return key_digests(spec, lookup)
        before = stage.entry or lookup.entry
        arrays = {port: encode_text(value) if isinstance(value, str) else value for port, value in outputs.items()}
        stage.entry = self.cache.store(lookup.key, lookup.components, arrays, stage.seconds)
        digests = {port: output.digest for port, output in stage.entry.outputs.items()}
        if before is not None and digests != {port: output.digest for port, output in before.outputs.items()}:
            run.warn(f"stage '{spec.name}' gave another result than the last time, for the same input")
        return digests

    def forget(self, run: RunState, stage: str) -> None:
        """Remove the entry of a stage whose outputs were refused."""
        entry = run.stages[stage].entry
        if entry is not None:
            self.cache.forget(entry)

    def mark_used(self, run: RunState) -> None:
        """Note what a run that has ended has used, and keep the cache within its limits now and then."""
        self._used.append([stage.entry.key for stage in run.stages.values() if stage.entry is not None])
        if len(self._used) >= _EVICT_EVERY:
            self.evict()

    def evict(self) -> None:
        """Keep the cache within its limits, without what was used since the last time."""
        used: list[list[str]] = []
        with contextlib.suppress(IndexError):  # another worker may add the keys of its run meanwhile
            while True:
                used.append(self._used.popleft())
        if used:
            self.cache.evict({key for keys in used for key in keys})

    def why_missed(self, spec: StageSpec, lookup: Lookup) -> str:
        """How the stage's key differs from that of the most similar entry; '' if nothing does."""
        nearest = self.cache.nearest(lookup.components)
        if nearest is None:
            return "nothing is kept for this stage"
        refs = {
            port: str(wire.ref) if wire.value is None else f"{spec.name}.{port}" for port, wire in spec.inputs.items()
        }
        return keys.describe_difference(nearest.components, lookup.components, refs) or "its record is damaged"

    def has_entries(self, spec: StageSpec) -> bool:
        """Whether the cache has any results of the stage."""
        return self.cache.has_entries(spec.name)


def key_digests(spec: StageSpec, lookup: Lookup) -> dict[str, str]:
    """What stands for the digests of outputs that are not kept, by port."""
    return {port: keys.input_identity(lookup.key, port) for port in spec.outputs}


def outside_digest(ref: Ref, value: object) -> str:
    """Digest of a graph's input, or of a value that a caller puts in place of a stage's output."""
    if isinstance(value, str) and ref.stage != GRAPH_INPUTS:
        value = encode_text(value)
    return array_digest(value) if isinstance(value, np.ndarray) else value_digest(value)


def load_value(cache: Cache, entry: Entry, ref: Ref, graph: Graph) -> Any:
    """Load the value of a stage's output from its entry; None if the cache lost it."""
    array = cache.load(entry, ref.port)
    if array is None or graph.stages[ref.stage].outputs[ref.port] != STR:
        return array
    return decode_text(array)


def encode_text(text: str) -> Array:
    """Encode a text output of a stage as the array that the cache keeps: its UTF-8, uint8 [bytes]."""
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def decode_text(array: Array) -> str:
    """Decode what `encode_text` gave."""
    return array.tobytes().decode("utf-8", "surrogatepass")


def _parameter(type_: Type, value: Any) -> Any:
    """A parameter as its port takes it, so that 1 and 1.0 are one speed."""
    plain = value.item() if isinstance(value, np.ndarray | np.generic) else value
    is_float = isinstance(type_, TensorType) and type_.dtype.startswith("float")
    return float(plain) if is_float else plain
