"""Synthetic checkpoints: random weights in the published formats that behave like a voice and sound like noise.

    python -m tests.synthetic OUTDIR --size full|small|tiny --seed N [--format pth|safetensors]

    random weights --> reference on ten utterances --> last projections fitted --> config, weights, voice, model.yaml

Random weights alone give durations of one length, no pitch and silence, where any two implementations agree. So the
layers that turn activations into durations, pitch, energy and spectrum (`duration_proj`, `F0_proj`, `N_proj`,
`conv_post`) are scaled on what the random network before them gives: about 3 frames a token, F0 of 80-300 Hz on most
half-frames and unvoiced or negative on others, audio RMS of about 0.08 that comes from the activations. Everything else
is drawn with variance-preserving scales. One seed gives the same checkpoint on the same machine; the fitted numbers are
rounded to three digits, so that rounding errors of another machine rarely show.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from tests.reference import PARTS, Reference, build_model, checkpoint_keys

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float32]
Config = dict[str, Any]
Weights = dict[str, Array]

FULL = Path(__file__).parents[1] / "configs" / "models" / "kokoro-82m" / "config.json"
ROWS = 510
STYLE_SCALE = 0.3
CALIBRATION = (1, 1, 2, 5, 5, 10, 10, 30, 30, 100)  # symbols
FRAMES_PER_TOKEN = 3.2
F0_MEAN, F0_SPREAD = 115.0, 88.0
N_MEAN, N_SPREAD = 3.0, 2.5
AUDIO_RMS = 0.08
# What smaller sizes change. `small` keeps every kind of layer, at widths that whole vector registers fill; `tiny` has
# widths that they do not, so that the remainders of every tile are run.
SIZES: dict[str, Config] = {
    "full": {},
    "small": {
        "dec_dim": 64,
        "asr_res_dim": 32,
        "hidden_dim": 128,
        "style_dim": 32,
        "n_layer": 2,
        "istftnet": {"upsample_initial_channel": 64},
        "plbert": {
            "hidden_size": 128,
            "embedding_size": 64,
            "num_attention_heads": 4,
            "intermediate_size": 256,
            "num_hidden_layers": 4,
        },
    },
    "tiny": {
        "dec_dim": 56,
        "asr_res_dim": 12,
        "hidden_dim": 40,
        "style_dim": 24,
        "n_layer": 1,
        "max_dur": 30,
        "istftnet": {
            "upsample_initial_channel": 48,
            "resblock_kernel_sizes": [3, 11],
            "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]],
        },
        "plbert": {
            "hidden_size": 48,
            "embedding_size": 20,
            "num_attention_heads": 3,
            "intermediate_size": 72,
            "num_hidden_layers": 2,
        },
    },
}


def config(size: str) -> Config:
    """Kokoro-82M's config.json with the sizes of `size` put in: the same kernels, rates and vocabulary."""
    full: Config = json.loads(FULL.read_text("utf-8"))
    changes = SIZES[size]
    nested = {key: full[key] | value for key, value in changes.items() if isinstance(value, dict)}
    return full | changes | nested


def phonemes(length: int, seed: int, vocabulary: dict[str, int]) -> str:
    """`length` symbols in words of 2 to 8, none of them a space at either end."""
    rng = np.random.default_rng([seed, length])
    letters = [symbol for symbol in vocabulary if symbol != " "]
    text = [str(letters[i]) for i in rng.integers(len(letters), size=length)]
    gap = int(rng.integers(2, 9))
    while gap < length - 1:
        text[gap] = " "
        gap += int(rng.integers(3, 10))
    return "".join(text)


def voice_pack(style: int, seed: int) -> Array:
    """float32 [510, 2*style]: one random style that drifts slowly from row to row."""
    rng = np.random.default_rng([seed, zlib.crc32(b"voice")])
    base, drift = rng.standard_normal((2, 2 * style))
    swing = 0.3 * np.sin(np.arange(ROWS)[:, None] / 40 + rng.uniform(0, 2 * np.pi, 2 * style))
    return (STYLE_SCALE * (base + swing * drift)).astype(np.float32)


def checkpoint(settings: Config, seed: int) -> Weights:
    """Flat key -> float32 array for every tensor of a checkpoint of these settings."""
    shapes = checkpoint_keys(build_model(settings, torch.float32))
    weights = {key: _draw(key, shape, seed) for key, shape in shapes.items()}
    _fit(weights, settings, voice_pack(settings["style_dim"], seed), seed)
    return weights


def _normal(scale: float) -> Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]:
    return lambda rng, shape: scale * rng.standard_normal(shape)


def _fan_in(gain: float) -> Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]:
    return lambda rng, shape: gain * rng.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))


def _around(gain: float) -> Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]:
    return lambda rng, shape: gain * rng.uniform(0.8, 1.2, shape)


def _recurrent(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.uniform(-1, 1, shape) / math.sqrt(shape[1])


def _snake(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.exp(rng.uniform(math.log(0.5), math.log(2), shape))


def _harmonics(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """The source's harmonics fall off with their number, as a voice's do."""
    return rng.choice((-1, 1), shape) * rng.uniform(1.5, 2.5, shape) / np.arange(1, shape[1] + 1)


def _spectrum_filter(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """noise_convs read 11 magnitudes, mostly far below 1, and 11 phases of up to pi: weights of 3.0 and 0.03.

    Where a phase is near pi, the last bit of F0 turns it to -pi. No engine keeps F0 to its last bit, so the weight of
    phases bounds how near a float32 F0 comes to the reference end to end. Where F0 is given, it costs nothing.
    """
    balance = np.where(np.arange(shape[1]) < shape[1] // 2, 3.0, 0.03)[:, None]
    return rng.standard_normal(shape) * balance / math.sqrt(shape[1] * shape[2])


# The first pattern found in a key decides how it is drawn. ALBERT applies one layer many times: with larger gains and
# biases all its tokens would become one. A weight-normed convolution's output has g^2 times the variance of its input,
# a transposed one's g^2 * inputs / (outputs * stride) times: the gains undo that and what leaky ReLU takes.
RULES: tuple[tuple[str, Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]], ...] = (
    (r"word_embeddings|text_encoder\.embedding", _normal(1.0)),
    (r"position_embeddings|token_type", _normal(0.3)),
    (r"(LayerNorm|layer_norm)\.weight|\.gamma$", _around(1.0)),
    (r"(query|key)\.weight", _fan_in(1.4)),
    (r"attention\.dense\.weight|ffn_output\.weight", _fan_in(0.25)),
    (r"\.fc\.weight", _fan_in(0.25 / STYLE_SCALE)),
    (r"weight_ih", _fan_in(1.6)),
    (r"weight_hh", _recurrent),
    (r"l_linear\.weight", _harmonics),
    (r"noise_convs.*weight", _spectrum_filter),
    (r"alpha", _snake),
    (r"weight_v", _normal(1.0)),
    (r"pool\.weight_g", _around(1.4)),
    (r"ups\.0\.weight_g", _around(2.2)),
    (r"ups\.1\.weight_g", _around(1.7)),
    (r"noise_res.*convs2.*weight_g", _around(0.25)),
    (r"convs2.*weight_g", _around(0.6)),
    (r"weight_g", _around(1.2)),
    (r"^bert\..*bias|l_linear\.bias", _normal(0.02)),
    (r"bias|\.beta$", _normal(0.1)),
    (r"weight", _fan_in(1.0)),
)


def _draw(key: str, shape: tuple[int, ...], seed: int) -> Array:
    rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
    draw = next(draw for pattern, draw in RULES if re.search(pattern, key))
    return draw(rng, shape).astype(np.float32)


def _fit(weights: Weights, settings: Config, pack: Array, seed: int) -> None:
    """Sets the last projections, front to back, each on the activations the network so far gives it."""
    reference = Reference(settings, weights, torch.float32)
    texts = [phonemes(length, seed + i, settings["vocab"]) for i, length in enumerate(CALIBRATION)]

    def inputs_of(layer: str, audio: bool) -> list[Array]:
        """What `layer` is fed for each calibration text: [channels, time]."""
        reference.load(weights)
        seen: list[Array] = []
        hook = reference.model.get_submodule(layer).register_forward_pre_hook(
            lambda _, args: seen.append(args[0][0].numpy().copy())
        )
        for text in texts:
            reference.run(reference.input_ids(text), pack, audio=audio)
        hook.remove()
        return seen

    rng = np.random.default_rng([seed, zlib.crc32(b"fit")])
    _fit_duration(weights, [x.T for x in inputs_of("predictor.duration_proj", audio=False)], rng)
    _fit_curve(weights, "F0", inputs_of("predictor.F0_proj", audio=False), (F0_MEAN, F0_SPREAD), rng)
    _fit_curve(weights, "N", inputs_of("predictor.N_proj", audio=False), (N_MEAN, N_SPREAD), rng)
    _fit_spectrum(weights, inputs_of("decoder.generator.conv_post", audio=True), rng)
    reference.load(weights)
    audio = [reference.run(reference.input_ids(text), pack)["audio"] for text in texts]
    rms = math.sqrt(np.mean(np.square(np.concatenate(audio, axis=1))))
    bias = weights["decoder.generator.conv_post.bias"]
    bias[: bias.size // 2] += _rounded(math.log(AUDIO_RMS / rms))


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _steady_direction(activations: list[Array], candidates: NDArray[Any]) -> tuple[NDArray[Any], float, float]:
    """(w, mean, spread): of the rows w of `candidates`, the one whose w @ x differs least between utterances."""
    values = [candidates @ x for x in activations]
    everything = np.concatenate(values, axis=1)
    mean, spread = everything.mean(1), everything.std(1)
    offset = [np.abs(v.mean(1) - mean) / spread for v in values]
    shrink = [np.abs(np.log((v.std(1) + 1e-3 * spread) / spread)) for v in values]
    best = int(np.argmin(np.max(offset, axis=0) + np.max(shrink, axis=0)))
    return candidates[best], float(mean[best]), float(spread[best])


def _fit_duration(weights: Weights, activations: list[Array], rng: np.random.Generator) -> None:
    """Bin k is on while k is below the duration: logits 2 * (d - k) sum to d + 1/2 through the sigmoid."""
    key = "predictor.duration_proj.linear_layer."
    candidates = rng.standard_normal((64, activations[0].shape[0]))
    direction, mean, spread = _steady_direction(activations, candidates)
    bins = np.arange(weights[key + "bias"].size)
    slope = _rounded(1.6 / spread)
    own = weights[key + "weight"] * (0.2 / spread)
    weights[key + "weight"] = (slope * direction + own).astype(np.float32)
    weights[key + "bias"] = (2 * (FRAMES_PER_TOKEN - 0.5 - bins) - _rounded(slope * mean)).astype(np.float32)


def _fit_curve(
    weights: Weights, name: str, activations: list[Array], target: tuple[float, float], rng: np.random.Generator
) -> None:
    """Projects to a curve of the target's mean and spread, and has the decoder's own convolution scale it back.

    The covariance turns the candidates towards directions in which the activations vary most, as training does: there
    rounding errors, alike in all directions, matter least.
    """
    candidates = rng.standard_normal((64, activations[0].shape[0])) @ np.cov(np.concatenate(activations, axis=1))
    direction, mean, spread = _steady_direction(activations, candidates)
    slope = _rounded(target[1] / spread)
    weights[f"predictor.{name}_proj.weight"] = (slope * direction)[None, :, None].astype(np.float32)
    weights[f"predictor.{name}_proj.bias"] = np.array([_rounded(target[0] - slope * mean)], np.float32)
    key = f"decoder.{name}_conv."
    taps = weights[key + "weight_v"]
    gain = 1 / target[1]
    weights[key + "weight_g"] = np.full((1, 1, 1), gain, np.float32)
    weights[key + "bias"] = np.array([-gain * target[0] * taps.sum() / np.linalg.norm(taps)], np.float32)


def _fit_spectrum(weights: Weights, activations: list[Array], rng: np.random.Generator) -> None:
    """Log-magnitudes of spread 0.9 falling with frequency, phases of spread 1.5 around 0."""
    key = "decoder.generator.conv_post."
    taps = weights[key + "weight_v"]
    taps /= np.sqrt(np.square(taps).sum((1, 2), keepdims=True))
    x = np.concatenate(activations, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(x, taps.shape[2], axis=1)[:, ::7]
    values = np.einsum("oik,itk->ot", taps, windows, optimize=True)
    half = taps.shape[0] // 2
    spread = np.where(np.arange(2 * half) < half, 0.9, 1.5)
    centre = np.concatenate([-0.15 * np.arange(half), rng.uniform(-0.3, 0.3, half)])
    gain = np.array([_rounded(g) for g in spread / values.std(1)])
    weights[key + "weight_g"] = gain.astype(np.float32)[:, None, None]
    weights[key + "bias"] = np.array([_rounded(b) for b in centre - gain * values.mean(1)], np.float32)


def save_pth(path: Path, weights: Weights) -> None:
    """The published format: a torch zip of five state dicts whose keys begin with `module.`.

    Each is an OrderedDict with torch's `_metadata` attribute, as `state_dict()` of a wrapped module leaves it.
    """
    parts: dict[str, OrderedDict[str, torch.Tensor]] = {}
    for part in PARTS:
        prefix = f"{part}."
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        parts[part] = OrderedDict((f"module.{key}", torch.from_numpy(value)) for key, value in own.items())
        parts[part]._metadata = OrderedDict([("", {"version": 1})])  # type: ignore[attr-defined]
    torch.save(parts, path)


def write(folder: Path, size: str, seed: int, suffix: str = "pth") -> Path:
    """Writes config.json, the checkpoint, voice.npy, voice.bin and model.yaml into `folder`; returns the last.

    `kokoro-run GRAPH -c OUTDIR/model.yaml` runs the graph on that model.
    """
    settings = config(size)
    weights = checkpoint(settings, seed)
    pack = voice_pack(settings["style_dim"], seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings, ensure_ascii=False, indent=2) + "\n", "utf-8")
    np.save(folder / "voice.npy", pack)
    pack.tofile(folder / "voice.bin")
    path = folder / f"model.{suffix}"
    if suffix == "pth":
        save_pth(path, weights)
    else:
        save_file(weights, path)
    model = folder / "model.yaml"
    model.write_text(_model_file(size, seed, settings, path), "utf-8")
    return model


def _model_file(size: str, seed: int, settings: Config, path: Path) -> str:
    hidden, style = settings["hidden_dim"], settings["style_dim"]
    return f"""# Synthetic weights of seed {seed}: what they speak is noise.
model:
  name: synthetic-{size}-{seed}
  config: config.json
  checkpoint: {path.name}
  sha256: {hashlib.sha256(path.read_bytes()).hexdigest()}
  voices: voice.npy
  voice: voice
dims:
  hidden: {hidden}
  style: {style}
  features: {hidden + style}
  bins: {settings["max_dur"]}
"""


def main(arguments: list[str] | None = None) -> None:
    """The command line: writes one checkpoint and says what it is."""
    parser = argparse.ArgumentParser(prog="python -m tests.synthetic", description="Write a synthetic checkpoint.")
    parser.add_argument("folder", type=Path, metavar="OUTDIR")
    parser.add_argument("--size", choices=SIZES, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("pth", "safetensors"), default="pth")
    options = parser.parse_args(arguments)
    path = write(options.folder, options.size, options.seed, options.format)
    print(f"{path}: size {options.size}, seed {options.seed}")  # noqa: T201 - a command
    print("These are random weights with speech-like statistics: what they speak is noise.")  # noqa: T201


if __name__ == "__main__":
    main()
