"""The model that is trained: Kokoro's own PyTorch modules at the sizes of `configs/models/mini/config.json`.

Nothing of the architecture is ours, so what comes out is a checkpoint like the published one. Ours are the starting
values of four tensors, without which it learns late or not at all; see `build`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from runner.files.locate import data_root
from runner.speech.reference import PARTS, build_model
from training.speakers import SPEAKERS

VOICES = tuple(SPEAKERS)  # in the order of the styles

# The harmonic source is tanh(w . sines + b). PyTorch runs it under no_grad, so w and b stay what they are at the start,
# and nine sines alone end at 900 Hz for a voice of 100 Hz. With this gain tanh makes an edge once a period, whose
# harmonics, odd and even, are within 30 dB of the first up to the 16th and within 45 dB up to the 40th.
_SOURCE_GAIN, _SOURCE_BIAS = 8.0, -0.5
_QUIET_LOG_MAGNITUDE = -3.0  # exp(0) in every bin is a roar


def config() -> dict[str, Any]:
    """The sizes and the vocabulary, as the runner reads them."""
    loaded: dict[str, Any] = json.loads(config_path().read_text(encoding="utf-8"))
    return loaded


def config_path() -> Path:
    """Where the model's config.json is."""
    return data_root() / "configs" / "models" / "mini" / "config.json"


def build(seed: int) -> Any:
    """The five parts with their starting weights, in float32, and `.styles`: [voices, 2 * style_dim], decoder first."""
    torch.manual_seed(seed)
    sizes = config()
    model: Any = build_model(sizes, torch.float32)
    model.styles = nn.Parameter(0.5 * torch.randn(len(VOICES), 2 * sizes["style_dim"]))
    with torch.no_grad():
        generator = model.decoder.generator
        generator.m_source.l_linear.weight.fill_(_SOURCE_GAIN)
        generator.m_source.l_linear.bias.fill_(_SOURCE_BIAS)
        generator.conv_post.bias[: sizes["istftnet"]["gen_istft_n_fft"] // 2 + 1] = _QUIET_LOG_MAGNITUDE
        model.decoder.F0_conv.weight_g.mul_(0.01)  # its input is in Hz
        model.decoder.N_conv.weight_g.mul_(0.2)
    for name, parameter in model.named_parameters():
        if name.endswith((".norm.weight", ".norm.bias")):
            parameter.requires_grad_(False)  # the checkpoints' AdaIN has no affine parameters of its own
    generator.m_source.requires_grad_(False)
    return model.train()


def style(model: Any, voice: torch.Tensor, part: str) -> torch.Tensor:
    """[B, style_dim] for voice indices [B]; `part` is "decoder" or "prosody"."""
    half = model.styles.shape[1] // 2
    styles: torch.Tensor = model.styles[voice, :half] if part == "decoder" else model.styles[voice, half:]
    return styles


def named_tensors(model: Any, parts: tuple[str, ...] = PARTS) -> dict[str, torch.Tensor]:
    """Flat key -> parameter of `parts` that is trained, and the styles."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and name.startswith(tuple(f"{part}." for part in parts))
    } | {"styles": model.styles}
