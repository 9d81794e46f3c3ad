"""The model that all systems hold, as each of them reads it: config and tensors, voices, a folder for `kokoro`."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kokoro_run import Graph, RunError
from runner.files.digest import file_sha256
from runner.model.onnx_graph import is_onnx
from runner.model.packages import find_checkpoint
from runner.model.safetensors import map_parts
from runner.speech.model import make_voice_resolver
from tests.reference import read_weights
from tests.synthetic import save_pth

Array = NDArray[Any]


class Model:
    """The model of the default graph under some overlays.

    Attributes:
        overlays: files or names, as `kokoro-run -c` takes them.
        work: the folder where what is made for it is kept.
        spec: its files.
    """

    def __init__(self, overlays: tuple[str, ...], work: Path) -> None:
        """Read the graph, not the weights.

        Raises:
            KokoroError: an overlay does not fit the graph.
        """
        self.overlays, self.work = overlays, work
        self._graph = Graph.load("default", overlays)
        if self._graph.model is None:
            raise RunError(f"{self._graph.path}: it has no model; name one, as in -c kokoro-82m")
        self.spec = self._graph.model
        self._resolve = make_voice_resolver(self._graph)

    @cached_property
    def parts(self) -> tuple[Path, ...]:
        """The files that are its checkpoint, one after the other."""
        return find_checkpoint(self.spec)

    @cached_property
    def digest(self) -> str:
        """sha256 of the checkpoint, in hexadecimal."""
        return file_sha256(*self.parts)

    @cached_property
    def weights(self) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
        """Its config, and every tensor of its checkpoint under its flat key.

        Raises:
            WeightsError: the checkpoint is not one of this model.
        """
        return read_weights(self._graph)

    @cached_property
    def exported(self) -> bytes | None:
        """The ONNX file that the weights are read from, as it was published; None if they come from another format."""
        data = map_parts(self.parts)
        return bytes(data) if is_onnx(data) else None

    def voice(self, spec: str) -> Array:
        """The pack float32 [N, 1, 2*style] of a voice or a mix."""
        return np.asarray(self._resolve(spec), np.float32)

    def package_folder(self, version: str) -> Path:
        """A folder with config.json and model.pth, as the `kokoro` package reads them; written on first use.

        Args:
            version: a digest of what else is kept in the folder; another one has another folder.
        """
        folder = self.work / f"model-{self.digest[:8]}-{version[:8]}"
        if not (folder / "model.pth").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.spec.config, folder / "config.json")
            save_pth(folder / "model.partial", {key: np.array(value) for key, value in self.weights[1].items()})
            (folder / "model.partial").replace(folder / "model.pth")
        return folder
