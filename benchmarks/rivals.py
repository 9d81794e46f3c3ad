"""The stages as PyTorch modules: what this project's libraries, and ONNX Runtime, are measured against.

Each takes the same float32 inputs, named as the ports of the graph. The modules are `kokoro` 0.9.4's own classes, cut
where the graph cuts them: as they come, with their weight norms folded, and compiled.

Raises:
    ImportError: `make bench` installs what this file needs (extras `reference` and `bench`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[Any]
Inputs = Mapping[str, Array]


class Rival(Protocol):
    """Who runs one stage at a time."""

    @property
    def name(self) -> str: ...
    def prepare(self, stage: str, inputs: Inputs) -> Any: ...
    def run(self, stage: str, inputs: Any) -> list[Array]: ...


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


class PyTorch:
    """The package's classes, no grad: eager as they come, or handed to `torch.compile`; with `bf16` under autocast."""

    def __init__(self, name: str, model: Any, *, compiled: bool = False, bf16: bool = False) -> None:
        self.name, self.bf16 = name, bf16
        self.modules: dict[str, Callable[..., Any]] = {stage: module(model).eval() for stage, module in STAGES.items()}
        if compiled:  # with symbolic lengths: an utterance of a new length must not be compiled anew
            self.modules = {stage: torch.compile(module, dynamic=True) for stage, module in self.modules.items()}

    def prepare(self, stage: str, inputs: Inputs) -> list[Tensor]:
        return [torch.from_numpy(np.array(inputs[port])) for port in PORTS[stage][0]]

    @torch.inference_mode()
    def run(self, stage: str, inputs: list[Tensor]) -> list[Array]:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            result = self.modules[stage](*inputs)
        return [tensor.float().numpy() for tensor in (result if isinstance(result, tuple) else (result,))]


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
