"""Reads a model's config.json: its keys and, by the model's family, its sizes. No other module reads that file.

    config.json --> keys --Family.dims_of--> Dims
        replaced --^

The check of a graph needs the sizes, so this module is in the room `graph` (docs/decisions/0016). `read_config` raises
an error that is no `KokoroError`: the caller knows whether it is one of a graph, of a build or of a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.families import DEFAULT_FAMILY, Dims, NoDims, find_family

if TYPE_CHECKING:
    from runner.errors import KokoroError
    from runner.graph.types import ModelSpec
    from runner.graph.yaml_node import Node


class ModelConfigError(ValueError):
    """A config.json does not describe a model of its family.

    Attributes:
        facts: its mistakes.
        unreadable: whether the file could not be read.
    """

    def __init__(self, facts: list[str], *, unreadable: bool = False) -> None:
        super().__init__("\n".join(facts))
        self.facts, self.unreadable = facts, unreadable


@dataclass(frozen=True)
class ModelConfig:
    """The content of a model's config.json; empty for a graph without a model.

    Attributes:
        keys: the keys of the file.
        dims: the sizes of the model.
    """

    keys: dict[str, Any] = field(default_factory=dict)
    dims: Dims = field(default_factory=NoDims)


def read_config(path: Path, family: str, replaced: Mapping[str, Any] | None = None) -> ModelConfig:
    """Read the config.json of a model.

    Args:
        family: name of the model's family.
        replaced: keys that replace those of the file.

    Raises:
        ModelConfigError: the file cannot be read, is no JSON table, or does not describe a model of the family.
        ValueError: there is no such family.
    """
    dims_of = find_family(family).dims_of
    try:
        text = path.read_bytes()
    except (OSError, ValueError) as error:  # a ValueError: no file can have such a name
        reason = getattr(error, "strerror", None) or error
        raise ModelConfigError([f"cannot be read: {reason}"], unreadable=True) from None
    try:
        keys = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelConfigError([f"is not JSON: {error}"]) from None
    if not isinstance(keys, dict):
        raise ModelConfigError(["expected a JSON table at the top"])
    keys |= replaced or {}
    try:
        return ModelConfig(keys, dims_of(keys))
    except ValueError as error:
        raise ModelConfigError(str(error).splitlines()) from None


def find_fixed(tree: Node) -> dict[str, int]:
    """Find the dims that the model of a merged tree fixes; none if it has no model, or one that cannot be read."""
    path, family = tree.get("model", "config"), tree.get("model", "family")
    try:
        named = DEFAULT_FAMILY if family is None else str(family.value)
        return {} if path is None else read_config(Path(str(path.value)), named).dims.named()
    except ValueError:
        return {}  # `checks.check_model` says why


def read_model(
    model: ModelSpec | None, kind: type[KokoroError], replaced: Mapping[str, Any] | None = None
) -> ModelConfig:
    """Read the config.json of a graph's model; gives an empty one for a graph without a model.

    Args:
        kind: class of the error to raise.
        replaced: keys that replace those of the file.

    Raises:
        KokoroError: of class `kind`; the file is as in `read_config`. One mistake a line.
    """
    if model is None:
        return ModelConfig(dict(replaced or {}))
    try:
        return read_config(model.config, model.family, replaced)
    except ModelConfigError as error:
        raise kind("\n".join(f"{model.config}: {fact}" for fact in error.facts)) from None
