"""The data types of a checked graph.

This module imports nothing heavy: a run whose graph has been checked before needs neither pydantic nor YAML.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.graph.yaml_node import Node
    from stages.contract import Type

Parameter = bool | int | float | str

GRAPH_INPUTS = "input"
PARAMETERS = "params"


@dataclass(frozen=True)
class Ref:
    """A reference to a source of values: `STAGE.PORT`, `input.NAME` or `params.NAME`."""

    stage: str
    port: str

    def __str__(self) -> str:
        return f"{self.stage}.{self.port}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Parse the text that `str()` of a reference gives."""
        stage, _, port = text.partition(".")
        return cls(stage, port)


@dataclass(frozen=True)
class DimSpec:
    """The largest size of a named dim. A static dim has exactly that size: shorter arrays are padded to it."""

    max: int
    static: bool


@dataclass(frozen=True)
class DeviceSpec:
    """A device kind.

    Attributes:
        runtime: TVM's name of the runtime, such as cpu or cuda.
        target: TVM's target, as a dict.
        suffix: suffix of the libraries that are built for it.
        origin: the file that describes it.
    """

    kind: str
    runtime: str
    target: dict[str, Any]
    suffix: str
    origin: Path


@dataclass(frozen=True)
class HubSpec:
    """The place of a model's files on the hub.

    Attributes:
        revision: the commit.
        checkpoint: name of the file in the repo.
        voices: folder in the repo that holds VOICE.pt.
    """

    repo: str
    revision: str
    checkpoint: str
    voices: str


@dataclass(frozen=True)
class ModelSpec:
    """The model of a graph. Paths are absolute; of the files, only `config` has been read.

    Attributes:
        family: name of its family (`stages.families`).
        checkpoint: the local file; None if the checkpoint comes only from the hub.
        sha256: digest that the checkpoint must have.
        voices: a folder of voice packs, or one pack; None for a model without voices.
        voice: the name of the default voice, if there is one.
        overridden: which of 'checkpoint' and 'voices' an overlay or an option sets in place of the model's file. If
            such a path does not exist, that is an error: the hub is not used instead.
    """

    name: str
    config: Path
    checkpoint: Path | None
    sha256: str | None
    voices: Path | None
    voice: str | None
    hub: HubSpec | None
    family: str
    overridden: tuple[str, ...] = ()


@dataclass(frozen=True)
class InputSpec:
    """An input port: its type, and the reference that it takes its value from."""

    type: Type
    ref: Ref


@dataclass(frozen=True)
class StageSpec:
    """A stage; its ports are in the order of its contract.

    Attributes:
        module: the name of a Python stage, or the path of a library: absolute, or below `build/`, which stands for the
            build root. It may hold the placeholders `{model}` and `{device}`.
        entry: the function of a library; None for a Python stage.
        source: the stage that `build` compiles to the library; None for a Python stage or a library made elsewhere.
        role: the graph's name for the device.
        device: the device, as in cpu:0.
        cache: whether the cache may keep its results.
        config: keys of the model's config.json that a Python stage takes.
        weights: prefixes of the checkpoint's tensors that the stage takes, by the contract of its `source`.
    """

    name: str
    module: str
    entry: str | None
    source: str | None
    role: str
    device: str
    cache: bool
    inputs: dict[str, InputSpec]
    outputs: dict[str, Type]
    config: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()

    @property
    def is_library(self) -> bool:
        """Whether this is a library rather than a Python stage."""
        return self.entry is not None


@dataclass(frozen=True)
class Graph:
    """A checked graph.

    Attributes:
        path: the graph file.
        model: None for a graph without a model.
        params: name -> value, after overlays.
        devices: role -> device, such as cpu:0.
        inputs: name -> type of the inputs that a caller gives.
        outputs: name -> the output of a stage that it refers to.
        stages: in topological order; stages that do not depend on each other are in the order of the file.
        fixed: sizes of the dims that the model fixes, whether or not the graph has them.
        tree: every value with its origin.
    """

    name: str
    path: Path
    model: ModelSpec | None
    params: dict[str, Parameter]
    devices: dict[str, str]
    dims: dict[str, DimSpec]
    inputs: dict[str, Type]
    outputs: dict[str, Ref]
    stages: dict[str, StageSpec]
    fixed: dict[str, int]
    tree: Node = field(repr=False, compare=False)

    @property
    def padded(self) -> frozenset[str]:
        """The dims along which arrays of Python stages are padded: static dims that the model does not fix."""
        return frozenset(name for name, dim in self.dims.items() if dim.static) - self.fixed.keys()

    @property
    def model_name(self) -> str:
        """The value of `{model}` in the path of a library: the model's name, or the graph's if it has no model."""
        return self.name if self.model is None else self.model.name
