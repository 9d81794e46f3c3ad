"""The schema of the YAML files, as pydantic models: the keys of each map, and the kind of value that each key takes.

`checks` tells whether names, types and axes fit each other. The JSON Schema for editors is made from these models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from runner.graph.types import DimSpec
from stages.families import DEFAULT_FAMILY

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_NAME_RULE = "takes a name of lower-case letters, digits and _ that starts with a letter"


def _parse_dim(value: object) -> DimSpec:
    bound = value.get("max") if isinstance(value, Mapping) and set(value) == {"max"} else value
    if type(bound) is not int:
        raise PydanticCustomError("dim", "takes an integer (a static size) or a map with 'max' alone")
    if not 1 <= bound < 2**31:
        raise PydanticCustomError("dim", "takes a size from 1 to 2147483647")
    return DimSpec(bound, static=bound is value)


def _check_parameter(value: object) -> object:
    if isinstance(value, Mapping):
        return _check_bounded(value)
    if isinstance(value, bool | int | float | str):
        return value
    raise PydanticCustomError("parameter", "takes a number, true, false or a string, or a map of default, min and max")


def _check_bounded(value: Mapping[str, object]) -> object:
    """Check a parameter that is a map: a default, and the smallest and largest value."""
    unknown = next((key for key in value if key not in ("default", "min", "max")), None)
    if unknown is not None:
        raise PydanticCustomError("bounded", "takes default, min and max, not '{key}'", {"key": unknown})
    if "default" not in value:
        raise PydanticCustomError("bounded", "takes default, min and max, and lacks default")
    default, bounds = value["default"], [value[key] for key in ("min", "max") if key in value]
    if not isinstance(default, bool | int | float | str):
        raise PydanticCustomError("bounded", "takes a number, true, false or a string as its default")
    if bounds and (isinstance(default, bool | str) or any(type(bound) not in (int, float) for bound in bounds)):
        raise PydanticCustomError("bounded", "takes a min and a max that are numbers, of a default that is one")
    if len(bounds) == 2 and bounds[0] > bounds[1]:  # type: ignore[operator]  # numbers, by now
        raise PydanticCustomError("bounded", "takes a min that is not above its max")
    return value


def _check_name(value: object) -> object:
    if isinstance(value, str) and not (_NAME.match(value) and len(value) <= 64):
        raise PydanticCustomError("name", _NAME_RULE)
    return value


def _check_path(value: object) -> object:
    """Check that a value is a string. pydantic's own string must be Unicode, and the name of a file need not be."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "takes a string")
    return value


def _check_file_name(value: object) -> object:
    if value == "":
        raise PydanticCustomError("string_too_short", "must not be empty")
    return _check_path(value)


Name = Annotated[str, BeforeValidator(_check_name), WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9_]*$"})]
Dim = Annotated[
    Any,
    BeforeValidator(_parse_dim),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {
                    "type": "object",
                    "properties": {"max": {"type": "integer", "minimum": 1}},
                    "required": ["max"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Parameter = Annotated[
    Any,
    BeforeValidator(_check_parameter),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["number", "integer", "boolean", "string"]},
                {
                    "type": "object",
                    "properties": {
                        "default": {"type": ["number", "integer", "boolean", "string"]},
                        "min": {"type": "number"},
                        "max": {"type": "number"},
                    },
                    "required": ["default"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
DEVICE = r"^[a-z0-9][a-z0-9_-]*:(0|[1-9][0-9]?)$"
_KIND = r"^[a-z0-9][a-z0-9_-]*$"
_LABEL = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_SHA256 = r"^[0-9a-f]{64}$"
_COMMIT = r"^[0-9a-f]{40}$"
_REPO = r"^[\w.-]+/[\w.-]+$"
_PACKAGE = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
_SUFFIX = r"^\.[a-z]+$"
Digest = Annotated[str, Field(pattern=_SHA256, description="sha256, in hexadecimal")]
Module = Annotated[Any, BeforeValidator(_check_path), WithJsonSchema({"type": "string"})]
FileName = Annotated[Any, BeforeValidator(_check_file_name), WithJsonSchema({"minLength": 1, "type": "string"})]
Label = Annotated[str, Field(pattern=_LABEL)]


# The meaning of each pattern, for messages.
_HEX_DIGITS = "hexadecimal digits, lower-case"
PATTERNS = {
    DEVICE: "KIND:INDEX, as in cpu:0",
    _KIND: "lower-case letters, digits, _ and -",
    _LABEL: "letters, digits, '.', '_' and '-' (at most 64), the first a letter or digit",
    _SHA256: f"64 {_HEX_DIGITS}",
    _COMMIT: f"a commit, 40 {_HEX_DIGITS}",
    _REPO: "OWNER/NAME",
    _PACKAGE: "the name of a package: letters, digits, '.', '_' and '-', the first and the last a letter or digit",
    _SUFFIX: "a suffix such as .so",
}


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class HubEntry(_Entry):
    """The place of a model's files on the hub."""

    repo: Annotated[str, Field(pattern=_REPO, description="OWNER/NAME on the hub")]
    revision: Annotated[str, Field(pattern=_COMMIT, description="the commit: a branch would not be pinned")]
    checkpoint: Annotated[FileName | None, Field(description="absent: only voices come from the hub")] = None
    voices: Annotated[str, Field(description="folder of the repo that holds VOICE.pt")]
    names: Annotated[list[Name], Field(description="the voices of that folder, for lists and suggestions")] = []


class PartEntry(_Entry):
    """A part of a checkpoint: a file of an installed package."""

    package: Annotated[str, Field(pattern=_PACKAGE, description="a distribution, as pip names it")]
    version: Annotated[str, Field(min_length=1, description="the version that has this file")]
    file: Annotated[str, Field(min_length=1, description="the file's path in the distribution, as its RECORD has it")]


class PackagesEntry(_Entry):
    """A checkpoint that lies in installed packages, whole or cut into parts; its sha256 is that of the whole."""

    extra: Annotated[Name, Field(description="the extra of kokoro-run that installs them")]
    parts: Annotated[list[PartEntry], Field(min_length=1, description="one after the other")]


class ModelEntry(_Entry):
    """A model: its sizes are in `config`, its tensors in `checkpoint`."""

    name: Annotated[Label, Field(description="names the folder of the built libraries")]
    family: Annotated[Name, Field(description="says what config.json and checkpoint hold")] = DEFAULT_FAMILY
    config: Annotated[FileName, Field(description="the model's config.json")]
    checkpoint: Annotated[
        FileName | None, Field(description=".pth, .safetensors or .onnx; absent: from `packages`, else from the hub")
    ] = None
    sha256: Annotated[Digest | None, Field(description="of the checkpoint")] = None
    voices: Annotated[FileName | None, Field(description="a folder of voice packs, or one pack")] = None
    voice: Annotated[str | None, Field(min_length=1, description="the voice when none is asked for")] = None
    packages: PackagesEntry | None = None
    hub: HubEntry | None = None


class StageEntry(_Entry):
    """A stage."""

    module: Annotated[
        Module,
        Field(description="stages.NAME or ./FILE.py (Python), or the path of a library; {model}, {device} stand"),
    ]
    entry: Annotated[Name | None, Field(description="the compiled function")] = None
    source: Annotated[Module | None, Field(description="stages.NAME or ./FILE.py that `build` compiles")] = None
    device: Annotated[Name, Field(description="a role of `devices`")]
    cache: Annotated[bool, Field(description="whether results may be kept")] = True
    inputs: Annotated[dict[Name, str], Field(description="PORT: TYPE <- STAGE.PORT, in the entry's order")] = {}
    outputs: Annotated[dict[Name, str], Field(min_length=1, description="PORT: TYPE, in the entry's order")]


class OutputEntry(_Entry):
    """An output of the graph: which port gives it, and what it is."""

    source: Annotated[str, Field(alias="from", description="STAGE.PORT")]
    kind: Annotated[
        Literal["audio", "array", "text"] | None, Field(alias="as", description="absent: by the type of the port")
    ] = None
    rate: Annotated[int | None, Field(ge=1, le=768_000, description="samples of audio in a second")] = None


class GraphEntry(_Entry):
    """A graph file."""

    extends: Annotated[FileName | None, Field(description="a graph that this one adds to: a file, or a name")] = None
    graph: Annotated[Literal[1], Field(description="version of this format")]
    name: Label
    model: Annotated[
        str | ModelEntry | None, Field(description="a model file, or the model itself; absent: no stage needs one")
    ] = None
    params: Annotated[dict[Name, Parameter], Field(description="what callers may change; typed by their default")] = {}
    devices: Annotated[
        dict[Name, Annotated[str, Field(pattern=DEVICE)]],
        Field(description="ROLE: KIND:INDEX, as in cpu:0"),
    ]
    dims: Annotated[dict[Name, Dim], Field(description="bounds of the named dims; a plain integer is static")] = {}
    inputs: Annotated[dict[Name, str], Field(description="what a caller gives: NAME: TYPE")] = {}
    outputs: Annotated[
        dict[Name, OutputEntry | str], Field(min_length=1, description="what a caller gets: NAME: STAGE.PORT, or a map")
    ]
    stages: Annotated[dict[Name, StageEntry], Field(min_length=1)]


class MergedGraph(GraphEntry):
    """A graph after its overlays, with the graphs that it extends, and the model that its file describes."""

    extends: list[str] = []
    model: ModelEntry | None = None
    outputs: Annotated[dict[Name, OutputEntry], Field(min_length=1)]  # type: ignore[assignment]  # narrower


class DeviceEntry(_Entry):
    """A device kind."""

    kind: Annotated[str, Field(pattern=_KIND, description="the file's own name")]
    runtime: Annotated[
        Literal["cpu", "cuda", "rocm", "metal", "opencl", "vulkan", "webgpu"], Field(description="TVM's")
    ]
    target: Annotated[
        dict[str, str | int | bool | list[str]], Field(description="TVM's target; mcpu: native is this CPU")
    ]
    suffix: Annotated[str, Field(pattern=_SUFFIX, description="of the built libraries")]


class DeviceFile(_Entry):
    """A file of configs/devices."""

    device: DeviceEntry


def graph_schema() -> str:
    """Write the JSON Schema of a graph file."""
    whole = GraphEntry.model_json_schema()
    definitions = whole.pop("$defs")
    part = {"properties": {**dict.fromkeys(whole["properties"], True), "extends": whole["properties"]["extends"]}}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
        "if": {"required": ["extends"]},
        "then": {**part, "additionalProperties": False},  # its maps are parts of those of another graph
        "else": whole,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
