"""The checked graph as the engine, the builder and `show` see it: what there is, not how it is read.

Nothing heavy is imported here: a run whose graph has been checked before needs neither pydantic nor YAML.
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
    """A source of values: an output of a stage, `input.NAME` or `params.NAME`."""

    stage: str
    port: str

    def __str__(self) -> str:
        return f"{self.stage}.{self.port}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """The reference that `str()` spells so."""
        stage, _, port = text.partition(".")
        return cls(stage, port)


@dataclass(frozen=True)
class DimSpec:
    """The bound of a named dim. A static dim has exactly that size: shorter arrays are padded to it."""

    max: int
    static: bool


@dataclass(frozen=True)
class DeviceSpec:
    """One kind of device.

    Attributes:
        runtime: TVM's name of the runtime, such as cpu or cuda.
        target: TVM's target, as a dict.
        suffix: of the libraries built for it.
        origin: its file.
    """

    kind: str
    runtime: str
    target: dict[str, Any]
    suffix: str
    origin: Path


@dataclass(frozen=True)
class HubSpec:
    """Where a model's files are on the hub.

    Attributes:
        revision: a commit.
        checkpoint: the file's name in the repo.
        voices: the folder in the repo that holds VOICE.pt.
    """

    repo: str
    revision: str
    checkpoint: str
    voices: str


@dataclass(frozen=True)
class ModelSpec:
    """The model of a graph; paths are absolute, and only `config` has been looked at.

    Attributes:
        family: the name of its family (`stages.families`).
        checkpoint: None where it comes from the hub alone.
        sha256: of the checkpoint.
        voices: a folder of voice packs, or one pack; None for a model without voices.
        voice: the name of the default voice, if there is one.
        overridden: those of 'checkpoint' and 'voices' that an overlay or an option names in place of the model's file.
            If such a path is not there, it is a mistake, and the hub does not stand in for it.
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
    """An input port: its type, and the output, graph input or parameter it is wired to."""

    type: Type
    ref: Ref


@dataclass(frozen=True)
class StageSpec:
    """One stage; ports are in the order of its contract.

    Attributes:
        module: the name of a Python stage, or the path of a library: absolute, or below `build/`, which stands for the
            build root. `{model}` and `{device}` are still to be filled in.
        entry: the function of a library; None for a Python stage.
        source: the stage that `build` compiles to the library; None for a Python stage or a library made elsewhere.
        role: the graph's name for the device.
        device: the device, as in cpu:0.
        cache: whether results may be kept.
        config: the keys of the model's config.json that a Python stage takes.
        weights: the prefixes of the checkpoint's tensors that the stage takes, by the contract of its `source`.
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
        path: of the graph file.
        model: None for a graph that needs none.
        params: parameters by name, with their values after overlays.
        devices: device (cpu:0) by role.
        inputs: what a caller gives.
        outputs: the stage's output behind each output of the graph.
        stages: in topological order, else as written.
        fixed: the sizes of the dims that the model fixes, whether or not the graph has them.
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
        """The dims that arrays of Python stages are padded to: those that are static though no model fixes them."""
        return frozenset(name for name, dim in self.dims.items() if dim.static) - self.fixed.keys()

    @property
    def model_name(self) -> str:
        """The name that `{model}` stands for in the path of a library: the graph's own where it has no model."""
        return self.name if self.model is None else self.model.name
