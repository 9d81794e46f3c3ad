"""The stages as PyTorch modules and as ONNX Runtime sessions: what this project's libraries are measured against.

Each takes the same float32 inputs, named as the ports of the graph. The modules are `kokoro` 0.9.4's own classes, cut
where the graph cuts them. For ONNX Runtime their weight norms are folded, and the
decoder's STFT is the package's own complex-free one, the only form that ONNX can express.
PyTorch runs the classes as they come, and with `fold` with their weight norms folded, too.

Raises:
    ImportError: `make bench` installs what this file needs (extras `reference` and `bench`).
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.reference import import_kokoro

Array = NDArray[Any]
Inputs = Mapping[str, Array]

OPSET = 17


class Bert(nn.Module):
    """input_ids, attention_mask -> d_en."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.bert, self.bert_encoder = model.bert, model.bert_encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.bert(input_ids, attention_mask=attention_mask)
        return self.bert_encoder(hidden).transpose(-1, -2)


class Duration(nn.Module):
    """d_en, style, length, text_mask -> logits, d."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.predictor = model.predictor

    def forward(self, d_en: Tensor, style: Tensor, length: Tensor, text_mask: Tensor) -> tuple[Tensor, Tensor]:
        d = self.predictor.text_encoder(d_en, style, length, text_mask)
        x, _ = self.predictor.lstm(d)
        return self.predictor.duration_proj(x), d


class F0N(nn.Module):
    """en, style -> f0, n."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.predictor = model.predictor

    def forward(self, en: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        return self.predictor.F0Ntrain(en, style)


class TextEncoder(nn.Module):
    """input_ids, length, text_mask -> t_en."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.text_encoder = model.text_encoder

    def forward(self, input_ids: Tensor, length: Tensor, text_mask: Tensor) -> Tensor:
        return self.text_encoder(input_ids, length, text_mask)


class Decoder(nn.Module):
    """asr, f0, n, style -> audio."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, asr: Tensor, f0: Tensor, n: Tensor, style: Tensor) -> Tensor:
        return self.decoder(asr, f0, n, style).reshape(1, -1)


STAGES: dict[str, type[nn.Module]] = {
    "bert": Bert,
    "duration": Duration,
    "f0n": F0N,
    "text_encoder": TextEncoder,
    "decoder": Decoder,
}
PORTS = {  # what a rival takes, in order; the graph's stage may take more (lengths, seed)
    "bert": (("input_ids", "attention_mask"), ("d_en",)),
    "duration": (("d_en", "style", "length", "text_mask"), ("logits", "d")),
    "f0n": (("en", "style"), ("f0", "n")),
    "text_encoder": (("input_ids", "length", "text_mask"), ("t_en",)),
    "decoder": (("asr", "f0", "n", "style"), ("audio",)),
}
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


class Eager:
    """PyTorch as it comes: the package's classes, eager, float32, no grad."""

    name = "PyTorch"

    def __init__(self, model: Any, *, fold: bool = False) -> None:
        model = without_weight_norm(model) if fold else model
        self.modules = {stage: module(model).eval() for stage, module in STAGES.items()}

    def prepare(self, stage: str, inputs: Inputs) -> list[Tensor]:
        return [torch.from_numpy(np.array(inputs[port])) for port in PORTS[stage][0]]

    @torch.inference_mode()
    def run(self, stage: str, inputs: list[Tensor]) -> list[Array]:
        result = self.modules[stage](*inputs)
        return [tensor.numpy() for tensor in (result if isinstance(result, tuple) else (result,))]


class Ort:
    """ONNX Runtime on the CPU, one session a stage, exported from the same model on first use and kept in `folder`."""

    name = "ONNX Runtime"

    def __init__(self, load: Callable[[], Any], folder: Path, threads: int) -> None:
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.load, self.folder = load, folder
        self.sessions: dict[str, onnxruntime.InferenceSession] = {}

    def open(self, stage: str, example: Inputs) -> None:
        path = self.folder / f"{stage}.onnx"
        if not path.exists():
            export(exportable(self.load()), stage, example, path)
        self.sessions[stage] = onnxruntime.InferenceSession(path, self.options, providers=["CPUExecutionProvider"])

    def prepare(self, stage: str, inputs: Inputs) -> dict[str, Array]:
        wanted = {port.name for port in self.sessions[stage].get_inputs()}  # the exporter drops inputs without effect
        return {port: np.ascontiguousarray(inputs[port]) for port in PORTS[stage][0] if port in wanted}

    def run(self, stage: str, inputs: dict[str, Array]) -> list[Array]:
        return list(self.sessions[stage].run(None, inputs))


FOLDED = f"{Eager.name}, folded"  # weight norms folded: what a patient user of PyTorch would do
RIVALS = (Eager.name, FOLDED, Ort.name)


def disagreement(stage: str, one: list[Array], other: list[Array]) -> float:
    """How far two rivals' outputs lie apart, relative to the largest value.

    The decoder's audio differs from call to call by its noise, and its spectrum turns tiny differences of phase into
    large ones of waveform, so there it is loudness (RMS) that is compared.
    """
    if stage == "decoder":
        loudness = [float(np.sqrt(np.mean(np.square(audio)))) for (audio,) in (one, other)]
        return abs(loudness[0] - loudness[1]) / loudness[0]
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(one, other, strict=True))


def without_weight_norm(model: Any) -> Any:
    """`model` itself, its weight norms folded into plain weights."""
    for module in model.modules():
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
    return model


def exportable(model: Any) -> Any:
    """`model` itself, folded and with the complex-free STFT, whose audio differs a little (another padding)."""
    import_kokoro()
    complex_free = importlib.import_module("kokoro.custom_stft").CustomSTFT
    generator = without_weight_norm(model).decoder.generator
    generator.stft = complex_free(generator.stft.filter_length, generator.stft.hop_length, generator.stft.win_length)
    return model


def export(model: Any, stage: str, example: Inputs, path: Path) -> None:
    """Writes one stage as ONNX with dynamic lengths. The tracing exporter: the newer one wants a static LSTM length."""
    takes, gives = PORTS[stage]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracer warnings about lengths, which DYNAMIC declares
        torch.onnx.export(
            STAGES[stage](model).eval(),
            tuple(torch.from_numpy(np.array(example[port])) for port in takes),
            partial,
            input_names=list(takes),
            output_names=list(gives),
            dynamic_axes={port: DYNAMIC[port] for port in takes + gives if port in DYNAMIC},
            opset_version=OPSET,
            dynamo=False,
        )
    partial.replace(path)
