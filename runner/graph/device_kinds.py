"""The kinds of devices, without reading a file twice: what it said is remembered by the digest of its text."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from runner.files.locate import data_root

if TYPE_CHECKING:
    from runner.graph.types import DeviceSpec

_remembered: dict[tuple[Path, str], DeviceSpec] = {}


def load_device(kind: str) -> DeviceSpec:
    """The description of a kind of device.

    Raises:
        SpecError: there is no such kind, or its file does not say what it should.
    """
    known = _remembered.get((path := device_file(kind), _digest(path)))
    if known is not None:
        return known
    from runner.graph import validate  # noqa: PLC0415 - imports pydantic, which what is remembered does without

    described = validate.load_device(kind)
    remember(described)
    return described


def remember(described: DeviceSpec) -> None:
    """Take `described` for what its file says, as it is now."""
    _remembered[described.origin, _digest(described.origin)] = described


def device_file(kind: str) -> Path:
    """Where a kind is described, if it is."""
    return data_root() / "configs" / "devices" / f"{kind}.yaml"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
