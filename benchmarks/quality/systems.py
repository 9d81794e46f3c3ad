"""The systems that speak the sentences: this project's variants, PyTorch, ONNX Runtime, and the float64 reference.

All hold one checkpoint, and take one voice pack and one speed for a sentence. Ours, PyTorch and the reference also
share the noise of the harmonic source; ONNX Runtime draws its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from benchmarks import machine, ort
from benchmarks.ort import OrtWhole, export_whole
from benchmarks.quality.measured import BF16, FLOAT64, OURS, PADDED, PYTORCH
from benchmarks.quality.model import Model
from benchmarks.quality.sentences import Sentence
from kokoro_run import Graph, Pipeline, RunOptions
from runner.build.staleness import make_recipes
from runner.files.digest import file_sha256
from runner.runtime.manifest import Manifest, manifest_path
from runner.speech.reference import Reference

Audio = NDArray[np.float32]
CONFIGS = Path(__file__).parents[2] / "configs"
Obstacle = Callable[[Model], str | None]
SEED = 0
OTHER_SEED = 1


class Speaker(Protocol):
    """A loaded system."""

    def speak(self, sentence: Sentence) -> Audio:
        """float32 [samples] of the sentence, at 24 kHz."""
        ...


@dataclass(frozen=True)
class System:
    """A system, not loaded yet.

    Attributes:
        name: a word, also the name of its folder.
        title: as the table names it.
        load: makes it ready, on a number of threads.
        identity: all that decides its audio beside the model and the sentence, as one text.
        obstacle: the reason why it cannot run here, or None.
    """

    name: str
    title: str
    load: Callable[[Model, int], Speaker]
    identity: Callable[[Model], str]
    obstacle: Obstacle


class Ours:
    """The compiled pipeline under further overlays."""

    def __init__(self, model: Model, threads: int, overlays: Sequence[str] = (), seed: int = SEED) -> None:
        self._model, self._seed = model, seed
        self._pipeline = Pipeline(_graph(model, overlays), threads=threads)
        self._pipeline.build()

    def speak(self, sentence: Sentence) -> Audio:
        """See `Speaker`."""
        inputs = {"phonemes": sentence.phonemes, "voice": self._model.voice(sentence.voice)}
        params = {"speed": sentence.speed, "seed": self._seed}
        audio: Audio = self._pipeline.run(inputs, RunOptions(params))["audio"]
        return audio


class PyTorch:
    """The package's classes with our noise, in float32 or, as the reference, in float64."""

    def __init__(self, model: Model, threads: int, dtype: torch.dtype = torch.float32) -> None:
        self._model = model
        self._reference = Reference(*model.weights, dtype, threads)

    def speak(self, sentence: Sentence) -> Audio:
        """See `Speaker`."""
        ids, pack = self._reference.input_ids(sentence.phonemes), self._model.voice(sentence.voice)
        audio: Audio = self._reference.run(ids, pack, sentence.speed, SEED)["audio"].reshape(-1).astype(np.float32)
        return audio


class Ort:
    """A graph of the whole model in ONNX Runtime; its noise is its own."""

    def __init__(self, model: Model, graph: Path | bytes | None, threads: int, ids: str) -> None:
        """Open a session; `ids` is the graph's name for the input ids."""
        assert graph is not None, "System.obstacle comes first"
        onnxruntime.set_seed(SEED)
        self._model, self._whole = model, OrtWhole("ONNX Runtime", graph, threads, ids=ids)
        self._vocabulary: dict[str, int] = model.weights[0]["vocab"]

    def speak(self, sentence: Sentence) -> Audio:
        """See `Speaker`."""
        ids = np.array([[0, *(self._vocabulary[symbol] for symbol in sentence.phonemes), 0]], np.int64)
        audio: Audio = self._whole.speak(ids, self._model.voice(sentence.voice), sentence.speed).reshape(-1)
        return audio


def _ort_float(model: Model, threads: int) -> Ort:
    return Ort(model, export_whole(model.package_folder(_exporter())), threads, "input_ids")


def _exporter() -> str:
    """sha256 of the code that exports graphs."""
    return file_sha256(Path(ort.__file__))


def _ort_published(model: Model, threads: int) -> Ort:
    return Ort(model, model.exported, threads, "tokens")


def _graph(model: Model, overlays: Sequence[str]) -> Graph:
    return Graph.load("default", (*model.overlays, *(str(CONFIGS / name) for name in overlays)))


def _ours(name: str, title: str, *overlays: str, seed: int = SEED, obstacle: Obstacle = lambda _: None) -> System:
    def identity(model: Model) -> str:
        graph = _graph(model, overlays)
        Pipeline(graph).build()
        libraries = [recipe.library for recipe in make_recipes(graph, None)]
        return " ".join([*overlays, str(seed), *(digest for each in libraries for digest in _list_digests(each))])

    return System(name, title, lambda model, threads: Ours(model, threads, overlays, seed), identity, obstacle)


def _list_digests(library: Path) -> tuple[str, str]:
    """sha256 of a library and of its weights: a build from the same sources gives the same bytes."""
    manifest = Manifest.read(manifest_path(library))
    return manifest.library.sha256, manifest.weights.sha256


def _other(
    name: str,
    title: str,
    load: Callable[[Model, int], Speaker],
    packages: Sequence[str],
    *,
    obstacle: Obstacle = lambda _: None,
    code: Callable[[], str] = str,
) -> System:
    def identity(_: Model) -> str:
        return " ".join([*(f"{package}-{metadata.version(package)}" for package in packages), code()]).strip()

    return System(name, title, load, identity, obstacle)


def _needs_bf16(_: Model) -> str | None:
    absent = "avx512_bf16" not in machine.features()
    return "this processor has no avx512_bf16" if absent else None


def _needs_published(model: Model) -> str | None:
    return None if model.exported else "the model does not come from an ONNX file"


_TORCH = ("torch", "kokoro")
FLOAT32 = _ours(OURS, "kokoro-run float32")
BASELINE = _other(PYTORCH, "PyTorch float32", PyTorch, _TORCH)
REFERENCE = _other(FLOAT64, "PyTorch float64", lambda m, n: PyTorch(m, n, torch.float64), _TORCH)
SYSTEMS = (  # in the order in which they are run: what costs most is last
    FLOAT32,
    BASELINE,
    _ours(BF16, "kokoro-run bfloat16", "bf16.yaml", obstacle=_needs_bf16),
    _ours(PADDED, "kokoro-run padded", "static.yaml"),
    _other("ort-int8", "ONNX Runtime int8, as published", _ort_published, ("onnxruntime",), obstacle=_needs_published),
    _other("ort", "ONNX Runtime float32", _ort_float, ("onnxruntime", *_TORCH), code=_exporter),
    _ours("other-noise", "kokoro-run float32, other noise", seed=OTHER_SEED),
    REFERENCE,
)
