"""A graph of one compiled stage over a random model of a few thousand weights: built in a second.

phonemes --> tokenize --> input_ids, length, text_mask --> text_encoder --> t_en
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from tvm.target import Target

from runner.build.export import find_class
from runner.graph.contracts import list_stages, read_contract
from runner.graph.load import Graph, load_graph
from stages.dims import ModelDims
from stages.layers.packing import pack_module
from tests.runner.safetensors_file import write_safetensors

STAGE = "text_encoder"
TWIN = "twin"
Weights = dict[str, np.ndarray]

_MINI = Path(__file__).parents[2] / "configs" / "models" / "mini"
_SIZES = {
    "hidden_dim": 16,
    "style_dim": 8,
    "n_layer": 1,
    "max_dur": 5,
    "dec_dim": 24,
    "asr_res_dim": 4,
    "istftnet": {"upsample_initial_channel": 8},
    "plbert": {"hidden_size": 8, "embedding_size": 4, "num_attention_heads": 2, "intermediate_size": 8},
}
MODEL = """
model:
  name: small
  config: config.json
  checkpoint: model.safetensors
  voices: voice.npy
  voice: voice
dims: {hidden: 16, style: 8, features: 24, bins: 5}
"""
_GRAPH = """
graph: 1
name: words
model:
  name: small
  config: config.json
  checkpoint: model.safetensors
devices:
  host: cpu:0
params:
  alphabet: kokoro
  skip_unknown: false
dims:
  text: {max: 512}
  hidden: 16
inputs:
  phonemes: str
outputs:
  t_en: text_encoder.t_en
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
  text_encoder:
    module: build/{model}/{device}/text_encoder.so
    entry: text_encoder_forward
    source: stages.text_encoder
    device: host
    inputs:
      input_ids: int64[1, text] <- tokenize.input_ids
      length: int64[1] <- tokenize.length
      text_mask: bool[1, text] <- tokenize.text_mask
    outputs:
      t_en: float32[1, hidden, text]
"""


def sizes() -> dict[str, object]:
    """The model's config.json."""
    config: dict[str, object] = json.loads((_MINI / "config.json").read_text("utf-8"))
    for key, value in _SIZES.items():
        below = config[key]
        config[key] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
    return config


def weights() -> Weights:
    """Random values for every tensor that the stages take, under its name in a checkpoint."""
    drawn: Weights = {}
    rng = np.random.default_rng(0)
    dims = ModelDims.from_config(sizes())

    with Target({"kind": "llvm", "mcpu": "generic"}):
        for source in (name for name in list_stages() if read_contract(name).weights):
            stage = find_class(source)(dims)

            def draw(key: str, shape: tuple[int, ...], prefix: str = stage.PREFIX) -> np.ndarray:
                drawn[prefix + key] = rng.standard_normal(shape).astype(np.float32)
                return drawn[prefix + key]

            pack_module(stage, draw)
    return drawn


def write(folder: Path, tensors: Weights) -> Path:
    """The graph, its model and its checkpoint, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(sizes()), "utf-8")
    write_safetensors(folder / "model.safetensors", tensors)
    path = folder / "words.yaml"
    path.write_text(_GRAPH, "utf-8")
    return path


def load(folder: Path, *sets: str) -> Graph:
    """The graph that `write` has written."""
    return load_graph(str(folder / "words.yaml"), sets=sets)


def load_whole(folder: Path, *sets: str) -> Graph:
    """The default graph, all of its stages, on the model that `write` has written."""
    (folder / "model.yaml").write_text(MODEL, "utf-8")
    return load_graph("default", [str(folder / "model.yaml")], sets)


def load_twice(folder: Path) -> Graph:
    """The same with the stage twice, the second time as TWIN: two libraries are to be built."""
    _, _, stage = _GRAPH.partition(f"  {STAGE}:\n")
    path = folder / "twice.yaml"
    path.write_text(f"{_GRAPH}  {TWIN}:\n{stage.replace(f'{STAGE}.so', f'{TWIN}.so')}", "utf-8")
    return load_graph(str(path))


def library(root: Path, kind: str = "cpu", stage: str = STAGE) -> Path:
    """Where `build` puts the stage."""
    return root / "small" / kind / f"{stage}.so"
