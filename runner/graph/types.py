"""The data types of a checked graph.

This module imports nothing heavy: a run whose graph has been checked before needs neither pydantic nor YAML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.graph.yaml_node import Node
    from stages.contract import Type

Parameter = bool | int | float | str

_WORD = re.compile(r"[a-z_][a-z0-9_]*")
GRAPH_INPUTS = "input"
PARAMETERS = "params"
CONSTANTS = "constant"  # no YAML file writes it: a constant stands on the wire itself, as in `float32[] <- 0.5`


@dataclass(frozen=True)
class Ref:
    """A reference to a source of values: `STAGE.PORT`, `input.NAME`, `params.NAME`, or a constant as it was written."""

    stage: str
    port: str

    def __str__(self) -> str:
        return self.port if self.stage == CONSTANTS else f"{self.stage}.{self.port}"

    @property
    def is_setting(self) -> bool:
        """Whether the value is a parameter or a constant, which stands for itself in a cache key."""
        return self.stage in (PARAMETERS, CONSTANTS)

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
        checkpoint: name of the file in the repo; None if only voices come from there.
        voices: folder in the repo that holds VOICE.pt.
        names: the voices of that folder, as far as the model's file lists them.
    """

    repo: str
    revision: str
    checkpoint: str | None
    voices: str
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> HubSpec:
        """Make one of a table, as a model's file and a snapshot have it."""
        return cls(**{**fields, "names": tuple(fields.get("names", ()))})


@dataclass(frozen=True)
class PartSpec:
    """A part of a checkpoint: `file` of the installed distribution `package`, at this version only."""

    package: str
    version: str
    file: str


@dataclass(frozen=True)
class PackagesSpec:
    """The installed packages that hold a model's checkpoint.

    Attributes:
        extra: the extra of kokoro-run that installs them.
        parts: the checkpoint is these files, one after the other.
    """

    extra: str
    parts: tuple[PartSpec, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> PackagesSpec:
        """Make one of a table, as a model's file and a snapshot have it."""
        return cls(fields["extra"], tuple(PartSpec(**part) for part in fields["parts"]))


@dataclass(frozen=True)
class ModelSpec:
    """The model of a graph. Paths are absolute; of the files, only `config` has been read.

    Attributes:
        family: name of its family (`stages.families`).
        checkpoint: the local file; None if the checkpoint comes only from `packages` or the hub.
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
    packages: PackagesSpec | None = None


@dataclass(frozen=True)
class InputSpec:
    """An input port: its type, and the reference that it takes its value from.

    Attributes:
        value: of a constant; None for any other source.
    """

    type: Type
    ref: Ref
    value: Parameter | None = None


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
        kind: description of the device's kind.
        cache: whether the cache may keep its results.
        config: keys of the model's config.json that a Python stage takes.
        weights: prefixes of the checkpoint's tensors that the stage takes, by the contract of its `source`.
        files: names of files beside a Python stage's own that it reads.
        packages: names of other packages that a Python stage calls.
        renamed: dims that have another name in the graph than in the contract: contract's name -> graph's name.
    """

    name: str
    module: str
    entry: str | None
    source: str | None
    role: str
    device: str
    kind: DeviceSpec
    cache: bool
    inputs: dict[str, InputSpec]
    outputs: dict[str, Type]
    config: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def is_library(self) -> bool:
        """Whether this is a library rather than a Python stage."""
        return self.entry is not None

    def dim(self, formal: str) -> str:
        """The graph's name of the dim that the contract calls `formal`."""
        return self.renamed.get(formal, formal)

    def spell_formal(self, type_: Type) -> str:
        """Spell the type of a port as the contract does."""
        formal = {name: one for one, name in self.renamed.items()}
        dtype, bracket, dims = str(type_).partition("[")
        return dtype + bracket + _WORD.sub(lambda match: formal.get(match[0], match[0]), dims)


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest value of a parameter; None for no bound."""

    min: float | None = None
    max: float | None = None

    def describe_violation(self, value: Parameter) -> str | None:
        """Describe what the bounds allow if `value` is beyond them, as in `0.25 to 4`; else None."""
        if isinstance(value, str):
            return None
        if (self.min is None or value >= self.min) and (self.max is None or value <= self.max):  # also refuses nan
            return None
        if self.min is None or self.max is None:
            return f"at most {self.max:g}" if self.min is None else f"at least {self.min:g}"
        return f"{self.min:g} to {self.max:g}"


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
        audio: name -> sample rate [Hz] of the outputs that are audio.
        bounds: of the parameters that have any, by name.
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
    audio: dict[str, int]
    bounds: dict[str, Bounds]
    tree: Node = field(repr=False, compare=False)

    @property
    def padded(self) -> frozenset[str]:
        """The dims along which arrays of Python stages are padded: static dims that the model does not fix."""
        return frozenset(name for name, dim in self.dims.items() if dim.static) - self.fixed.keys()

    @property
    def model_name(self) -> str:
        """The value of `{model}` in the path of a library: the model's name, or the graph's if it has no model."""
        return self.name if self.model is None else self.model.name
