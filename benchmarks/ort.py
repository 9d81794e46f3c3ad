"""The stages, and the whole package, as ONNX Runtime sessions on the CPU; exported on first use and kept.

    kokoro's classes --fold weight norms, complex-free STFT--> ONNX (float32)
    the file of the packages ------------------------------> as it was published (int8)

The STFT is the package's complex-free one, the only one that ONNX can express. int8 means 8-bit weights, and
activations that are scaled to 8 bits when they come along.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from loguru import logger
from numpy.typing import NDArray

from benchmarks.rivals import PORTS, STAGES, Inputs, without_weight_norm
from tests.reference import import_kokoro, voice_row

Array = NDArray[Any]

OPSET = 17
DYNAMIC = {
    "input_ids": {1: "text"},
    "attention_mask": {1: "text"},
    "text_mask": {1: "text"},
    "d_en": {2: "text"},
    "t_en": {2: "text"},
    "logits": {1: "text"},
    "d": {1: "text"},
    "en": {2: "frames"},
    "asr": {2: "frames"},
    "f0": {1: "half_frames"},
    "n": {1: "half_frames"},
    "audio": {1: "samples"},
}
WHOLE = ("input_ids", "style", "speed"), ("audio", "durations")
WHOLE_DYNAMIC = {"input_ids": {1: "text"}, "audio": {0: "samples"}, "durations": {0: "text"}}


class StageGraphs:
    """Each stage as a graph in a file of `folder`.

    load: gives a fresh model with the weights, which the export changes.
    """

    def __init__(self, load: Callable[[], Any], folder: Path) -> None:
        self.load, self.folder = load, folder

    def graph(self, stage: str, example: Inputs) -> Path:
        return exported(self.folder / f"{stage}.onnx", lambda path: self._export(stage, example, path))

    def _export(self, stage: str, example: Inputs, path: Path) -> None:
        takes, gives = PORTS[stage]
        tensors = [torch.from_numpy(np.array(example[port])) for port in takes]
        dynamic = {port: DYNAMIC[port] for port in takes + gives if port in DYNAMIC}
        export(STAGES[stage](exportable(self.load())), tensors, path, (takes, gives), dynamic)


class Ort:
    """One session a stage; `stages` has their graphs."""

    def __init__(self, name: str, stages: StageGraphs, threads: int) -> None:
        self.name, self.stages = name, stages
        self.options = _options(threads)
        self.sessions: dict[str, onnxruntime.InferenceSession] = {}

    def prepare(self, stage: str, inputs: Inputs) -> dict[str, Array]:
        if stage not in self.sessions:
            self.sessions[stage] = _session(self.stages.graph(stage, inputs), self.options)
        wanted = [port.name for port in self.sessions[stage].get_inputs()]  # the exporter drops inputs without effect
        return {port: np.ascontiguousarray(inputs[port]) for port in wanted}

    def run(self, stage: str, inputs: dict[str, Array]) -> list[Array]:
        return list(self.sessions[stage].run(None, inputs))


class OrtWhole:
    """An utterance in one piece: a graph from input ids, under the name `ids`, style and speed to audio."""

    def __init__(self, name: str, graph: Path | bytes, threads: int, *, ids: str = "input_ids") -> None:
        self.name, self.ids = name, ids
        self.session = _session(graph, _options(threads))

    def speak(self, input_ids: Array, pack: Array, speed: float) -> Array:
        """float32 [1, samples] of int64 [1, text] input ids in the voice pack [N, 2*style]."""
        style = voice_row(pack, input_ids.shape[1]).astype(np.float32)
        inputs = {self.ids: input_ids, "style": style, "speed": np.array([speed], np.float32)}
        audio: Array = self.session.run(["audio"], inputs)[0]
        return audio.reshape(1, -1)


def export_whole(model: Path) -> Path:
    """The whole package as one graph in float32, by `KModelForONNX`, its own class for that purpose.

    Args:
        model: the folder with config.json and model.pth.
    """

    def write(path: Path) -> None:
        import_kokoro()
        logger.disable("kokoro")
        package = importlib.import_module("kokoro.model")
        config, weights = (str(model / name) for name in ("config.json", "model.pth"))
        whole = package.KModel(repo_id="", config=config, model=weights)
        ids = torch.arange(30)[None] + 16
        style = torch.zeros(1, 2 * whole.predictor.F0[0].norm1.fc.in_features)
        export(package.KModelForONNX(exportable(whole)), [ids, style, torch.ones(1)], path, WHOLE, WHOLE_DYNAMIC)

    return exported(model / "onnx" / "whole.onnx", write)


def exportable(model: Any) -> Any:
    """`model` itself, folded and with the complex-free STFT.

    The inverse of the package neither doubles the inner bins nor divides by what the windows add up to, so that
    the lowest and the highest bin have twice the weight of the others. Scaled here, it does the same work rightly.
    """
    import_kokoro()
    complex_free = importlib.import_module("kokoro.custom_stft").CustomSTFT
    generator = without_weight_norm(model).decoder.generator
    hop_samples = generator.stft.hop_length
    stft = complex_free(generator.stft.filter_length, hop_samples, generator.stft.win_length)
    overlap = float(stft.window.square().sum()) / hop_samples
    for basis in (stft.weight_backward_real, stft.weight_backward_imag):
        basis.div_(overlap)
        basis[1:-1].mul_(2)
    generator.stft = stft
    return model


def exported(path: Path, write: Callable[[Path], None]) -> Path:
    """`path`, which `write` makes if it is not there; a write that was ended leaves nothing that looks finished."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        write(partial)
        partial.replace(path)
    return path


def export(
    model: torch.nn.Module,
    example: Sequence[torch.Tensor],
    path: Path,
    ports: tuple[Sequence[str], Sequence[str]],
    dynamic: Mapping[str, Mapping[int, str]],
) -> None:
    """Writes `model` as ONNX with dynamic lengths. The tracing exporter: the newer one wants a static LSTM length."""
    takes, gives = ports
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracer warnings about lengths, which `dynamic` declares
        torch.onnx.export(
            model.eval(),
            tuple(example),
            path,
            input_names=list(takes),
            output_names=list(gives),
            dynamic_axes={port: dict(axes) for port, axes in dynamic.items()},
            opset_version=OPSET,
            dynamo=False,
        )


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return options


def _session(graph: Path | bytes, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
