"""A graph of one compiled stage and the Python stages before it: small enough to compile in a test.

phonemes --> tokenize --> input_ids, text_mask --> scaled --> y = input_ids * w, 0 where masked; n = tokens * w
                                                      ^
                                                w (a weight)
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm.relax.frontend import nn

from runner.runtime import devices, manifest, tvm_runtime
from runner.runtime.manifest import File, Manifest, Tensor
from tests.conftest import ROOT

MINI = ROOT / "configs" / "models" / "mini"
INPUTS = {"input_ids": "int64[1, text]", "text_mask": "bool[1, text]"}
OUTPUTS = {"y": "float32[1, text]", "n": "float32[1, 2*text]"}

_HEAD = f"""
graph: 1
name: toy
model:
  name: toy
  config: {MINI / "config.json"}
  voices: {MINI / "voices"}
  voice: low
devices:
  host: cpu:0
inputs:
  phonemes: str
stages:
  tokenize:
    module: stages.tokenize
    device: host
    inputs:
      phonemes: str <- input.phonemes
      alphabet: str <- params.alphabet
      skip_unknown: bool[] <- params.skip_unknown
    outputs:
      input_ids: int64[1, text]
      length: int64[1]
      text_mask: bool[1, text]
      attention_mask: int64[1, text]
"""

GRAPH = (
    _HEAD
    + """
  scaled:
    module: build/{model}/{device}/scaled.so
    entry: scaled_forward
    device: host
    inputs:
      input_ids: int64[1, text] <- tokenize.input_ids
      text_mask: bool[1, text] <- tokenize.text_mask
    outputs:
      y: float32[1, text]
      n: float32[1, 2*text]
outputs:
  y: scaled.y
dims:
  text: {max: 16}
params:
  alphabet: kokoro
  skip_unknown: false
"""
)

TONES_GRAPH = (
    _HEAD
    + """
  tones:
    module: libraries/tones.so
    entry: tones_forward
    device: host
    inputs:
      input_ids: int64[1, text] <- tokenize.input_ids
      speed: float32[] <- params.speed
      seed: int64[] <- params.seed
    outputs:
      audio: float32[samples]
outputs:
  audio: tones.audio
dims:
  text: {max: 16}
  samples: {max: 9600}
params:
  alphabet: kokoro
  skip_unknown: false
  speed: 1.0
  seed: 0
"""
)

_VOICE = {
    "inputs:\n": "inputs:\n  voice: voice\n",
    "dims:\n": "dims:\n  style: 32\n",
    "  tones:\n": """  voice:
    module: stages.voice
    device: host
    inputs:
      voice: voice <- input.voice
      length: int64[1] <- tokenize.length
    outputs:
      style_decoder: float32[1, style]
      style_prosody: float32[1, style]
  tones:
""",
}


def with_voice(graph: str) -> str:
    """A graph of tones that takes a voice as well."""
    for old, new in _VOICE.items():
        graph = graph.replace(old, new, 1)
    return graph


_TONES_AND_STYLE = "  audio: tones.audio\n  style: voice.style_decoder\n"
VOICED_GRAPH = with_voice(TONES_GRAPH).replace("  audio: tones.audio\n", _TONES_AND_STYLE)


def offer_stage(
    name: str, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch, offered: str | None = None
) -> Path:
    """Offer the stage `name` of another package as `offered`, by default others.NAME; gives its file, in `folder`."""
    offered = offered or f"others.{name}"
    package = folder / f"kokoro_run_{offered.partition('.')[2]}"
    package.mkdir()
    for module in (package.name, f"{package.name}.{name}"):  # of a test before
        monkeypatch.delitem(sys.modules, module, raising=False)
    (package / "__init__.py").touch()
    path = package / f"{name}.py"
    path.write_text(code, "utf-8")
    info = folder / f"{package.name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.name}\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[kokoro_run.stages]\n{offered} = {package.name}.{name}\n", "utf-8")
    monkeypatch.syspath_prepend(folder)
    return path


class Scaled(nn.Module):
    """Two results from two inputs; the weight is an argument or, with `constant`, part of the library."""

    def __init__(self, constant: float | None = None) -> None:
        self.constant = constant
        if constant is None:
            self.w = nn.Parameter((1,), "float32")

    def scaled_forward(self, input_ids: nn.Tensor, text_mask: nn.Tensor) -> tuple[nn.Tensor, nn.Tensor]:
        ids = input_ids.astype("float32")
        y = nn.op.where(text_mask, ids * 0.0, ids * (self.w if self.constant is None else self.constant))
        return y, nn.op.concat([y, y], dim=1)


class Tones(nn.Module):
    """A waveform that tells what went into it."""

    def tones_forward(self, input_ids: nn.Tensor, speed: nn.Tensor, seed: nn.Tensor) -> nn.Tensor:
        levels = input_ids.astype("float32") * 0.001 * speed + seed.astype("float32") * 0.0001
        return nn.op.reshape(nn.op.repeat(levels, 600, axis=1), (-1,))


def compile_tones(path: Path) -> None:
    """Compile the stage of the second graph for any CPU."""
    spec = {
        "input_ids": nn.spec.Tensor([1, "text"], "int64"),
        "speed": nn.spec.Tensor([], "float32"),
        "seed": nn.spec.Tensor([], "int64"),
        "$": {"param_mode": "none", "effect_mode": "none"},
    }
    mod, _ = Tones().export_tvm({"tones_forward": spec})
    tvm.compile(mod, target=tvm.target.Target({"kind": "llvm"})).export_library(str(path))


def compile_toy(path: Path, module: nn.Module, text: str | int = "text", entry: str = "scaled_forward") -> None:
    """Compile a method of `module`, with the toy stage's inputs, for any CPU to the library at `path`."""
    inputs = {"input_ids": nn.spec.Tensor([1, text], "int64"), "text_mask": nn.spec.Tensor([1, text], "bool")}
    mode = {"param_mode": "packed" if list(module.parameters()) else "none", "effect_mode": "none"}
    mod, _ = module.export_tvm({entry: {**inputs, "$": mode}})
    tvm.compile(mod, target=tvm.target.Target({"kind": "llvm"})).export_library(str(path))


def install(build_root: Path, library: Path, *, w: float = 2.0) -> Path:
    """Put `library` where the toy graph looks for it, with weights and manifest as `build` leaves them."""
    path = build_root / "toy" / "cpu" / "scaled.so"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(library, path)
    manifest.weights_path(path).write_bytes(np.array([w], "<f4").tobytes())
    manifest_of(path).write(manifest.manifest_path(path))
    return path


def manifest_of(path: Path) -> Manifest:
    """The manifest of the files at `path` as they are now."""
    return Manifest(
        stage="scaled",
        entry="scaled_forward",
        source="stages.scaled",
        key="0",
        library=File.of(path),
        weights=File.of(manifest.weights_path(path), stamped=True),
        tensors=(Tensor("w", "float32", (1,), 0),),
        inputs=INPUTS,
        outputs=OUTPUTS,
        dims={},
        target={"kind": "llvm"},
        cpu_features=tuple(sorted(devices.cpu_features() & {"sse2", "neon"})),
        tvm=tvm_runtime.version(),
    )
