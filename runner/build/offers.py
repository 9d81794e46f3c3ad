"""Reads which libraries a store has, and finds out which of them cannot run on this machine."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cache.digest import DamageError
from runner.cache.exchange import LIBRARY
from runner.errors import RunError
from runner.files.errors import writing
from runner.runtime import devices
from runner.runtime.compatibility import find_obstacle
from runner.runtime.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.cache.exchange import Exchange
    from runner.cache.sharing import Choice
    from runner.files.stores import ObjectStore

OTHER_FORMAT = "its manifest is of another version of kokoro-run"

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_MANIFEST = re.compile(rf"libraries/({_PART}/{_PART}/({_PART}))\.([0-9a-f]{{64}})\.json")


@dataclass(frozen=True)
class Offer:
    """A library that the store has.

    Attributes:
        name: of its manifest in the store.
        library: its place below the build root, without a suffix: MODEL/DEVICE/STAGE.
    """

    name: str
    library: str
    manifest: Manifest


def read_offers(store: ObjectStore, exchange: Exchange, choice: Choice) -> list[Offer]:
    """Read the manifests that the store has; damaged ones are counted, and those of other versions left out.

    Raises:
        RunError: the store cannot be read.
    """
    found = list[Offer]()
    for name in sorted(store.list_objects("libraries")):
        match = _MANIFEST.fullmatch(name)
        if match is None or not choice.takes(match[2]):
            continue
        try:
            manifest = _read_manifest(store.read(name), match[2], match[3])
        except FileNotFoundError:
            continue  # removed meanwhile
        except DamageError as error:
            exchange.tally.damaged.append(f"{store.name}/{name}: {error}")
            continue
        if manifest is None:
            exchange.tally.leave(LIBRARY, OTHER_FORMAT)
        else:
            found.append(Offer(name, match[1], manifest))
    return found


def _read_manifest(text: bytes, stage: str, sha256: str) -> Manifest | None:
    """Read the text of a manifest; None if it is of another version.

    Raises:
        DamageError: it is not the text that was sent, or names files that are not beside it.
    """
    if hashlib.sha256(text).hexdigest() != sha256:
        raise DamageError("its content is not what was written")
    with writing(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.json"
        path.write_bytes(text)
        try:
            manifest = Manifest.read(path)
        except RunError:
            return None
    library, weights = manifest.library.file, manifest.weights.file
    plain = Path(library).name == library and Path(library).stem == stage
    if not plain or library.endswith((".json", ".weights")) or weights != f"{stage}.weights":
        raise DamageError(f"it names the files {library} and {weights}, and not those of {stage}")
    return manifest


def list_unusable(offers: Iterable[Offer]) -> dict[str, str]:
    """List the libraries that cannot run on this machine: sha256 of the library -> the reason, for its results."""
    obstacles = ((offer.manifest.library.sha256, find_obstacle(offer.manifest)) for offer in offers)
    return {sha256: f"results of a library that {obstacle}" for sha256, obstacle in obstacles if obstacle is not None}


def list_unused(manifest: Manifest) -> frozenset[str]:
    """List the vector registers of this CPU that the one lacked which built the library."""
    return (devices.cpu_features() & devices.VECTORS) - set(manifest.host_features)
