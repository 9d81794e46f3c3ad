from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stages.dims import ConfigError, ModelDims, frame_samples

ROOT = Path(__file__).parents[2]
FULL: dict[str, Any] = json.loads((ROOT / "configs" / "models" / "kokoro-82m" / "config.json").read_text("utf-8"))
MINI = ROOT / "configs" / "models" / "mini" / "config.json"

REMOVED = object()
# key, value, message
MISTAKES: list[tuple[str, object, str]] = [
    ("hidden_dim", REMOVED, "hidden_dim: missing; expected an integer"),
    ("hidden_dim", None, "hidden_dim: is None, expected an integer of at least 1"),
    ("plbert", None, "plbert: is None, expected a table"),
    ("istftnet.upsample_rates", None, "istftnet.upsample_rates: is None, expected a list that is not empty"),
    ("hidden_dim", "512", "hidden_dim: is '512', expected an integer of at least 1"),
    ("hidden_dim", True, "hidden_dim: is True, expected an integer of at least 1"),
    ("hidden_dim", 0, "hidden_dim: is 0, expected an integer of at least 1"),
    ("hidden_dim", 511, "hidden_dim: 511 is odd; each direction of an LSTM takes half of it"),
    ("style_dim", 1.5, "style_dim: is 1.5, expected an integer of at least 1"),
    ("dec_dm", 256, "dec_dm: unknown key; did you mean 'dec_dim'?"),
    ("zzz", 1, "zzz: unknown key; remove it"),
    ("text_encoder_kernel_size", 4, "text_encoder_kernel_size: 4 is even; centred taps need an odd number"),
    ("vocab", {"a": 178}, "vocab: the id of 'a' is 178, expected an integer below n_token = 178"),
    ("vocab", {"a": "1"}, "vocab: the id of 'a' is '1', expected an integer below n_token = 178"),
    ("vocab", [1], "vocab: is [1], expected a table of symbol: id"),
    ("plbert", REMOVED, "plbert: missing; expected a table"),
    ("plbert", 3, "plbert: is 3, expected a table"),
    ("plbert.hidden_size", 770, "plbert.hidden_size: 770 is not a multiple of num_attention_heads = 12"),
    ("plbert.max_position_embeddings", 2, "plbert.max_position_embeddings: is 2, expected an integer of at least 3"),
    ("plbert.hidden_act", "relu", "plbert.hidden_act: is 'relu'; only 'gelu_new' is implemented"),
    ("plbert.num_hidden_groups", 2, "plbert.num_hidden_groups: is 2; only 1 is implemented"),
    ("plbert.hiden_size", 2, "plbert.hiden_size: unknown key; did you mean 'hidden_size'?"),
    ("istftnet.upsample_rates", [], "istftnet.upsample_rates: is [], expected a list that is not empty"),
    ("istftnet.upsample_rates", 10, "istftnet.upsample_rates: is 10, expected a list that is not empty"),
    ("istftnet.upsample_rates", [10, "6"], "istftnet.upsample_rates: is '6', expected an integer of at least 2"),
    ("istftnet.upsample_rates", [10], "istftnet.upsample_kernel_sizes: has 2 entries, but upsample_rates has 1"),
    ("istftnet.upsample_kernel_sizes", [19, 12], "[19, 12] must exceed upsample_rates by even numbers"),
    ("istftnet.upsample_kernel_sizes", [8, 12], "[8, 12] must exceed upsample_rates by even numbers"),
    ("istftnet.upsample_initial_channel", 510, "istftnet.upsample_initial_channel: 510 cannot be halved 2 times"),
    (
        "istftnet.resblock_kernel_sizes",
        [3, 7, 10],
        "resblock_kernel_sizes: [3, 7, 10] must be odd, so that taps are centred",
    ),
    ("istftnet.resblock_kernel_sizes", [3, 7], "needs 3 numbers for each of resblock_kernel_sizes"),
    ("istftnet.resblock_dilation_sizes", [[1, 3], [1, 3], [1, 3]], "needs 3 numbers for each"),
    ("istftnet.gen_istft_n_fft", 21, "gen_istft_n_fft: 21 must be even and at least twice the hop of 5"),
]


def change(key: str, value: object) -> dict[str, Any]:
    config = copy.deepcopy(FULL)
    *path, last = key.split(".")
    level = config[path[0]] if path else config
    if value is REMOVED:
        del level[last]
    else:
        level[last] = value
    return config


def test_from_config_derives_the_sizes_and_rates_of_kokoro_82m() -> None:
    dims = ModelDims.from_config(FULL)
    assert dims.named() == {"hidden": 512, "style": 128, "features": 640, "bins": 50}
    assert (dims.text_max, dims.symbols_max, dims.voice_row, dims.vocabulary) == (512, 510, 256, 178)
    assert (dims.frame_samples, dims.frame_rate_hz, dims.half_frame_rate_hz) == (600, 40.0, 80.0)
    assert (dims.decoder, dims.asr_residual, dims.layers, dims.text_kernel) == (1024, 64, 3, 5)


def test_from_config_derives_the_sizes_of_bert_and_generator() -> None:
    dims = ModelDims.from_config(FULL)
    assert (dims.bert.embedding, dims.bert.head, dims.bert.layers, dims.bert.intermediate) == (128, 64, 12, 2048)
    generator = dims.generator
    assert (generator.hops, generator.half_frame_samples, generator.spectrum) == (60, 300, 11)
    assert [generator.channels_after(stage) for stage in range(2)] == [256, 128]
    assert [generator.source_stride(stage) for stage in range(2)] == [6, 1]


@pytest.mark.skipif(not MINI.is_file(), reason="the default model is not in this checkout")
def test_from_config_reads_the_widths_that_the_default_model_adds() -> None:
    dims = ModelDims.from_config(json.loads(MINI.read_text("utf-8")))
    assert (dims.decoder, dims.asr_residual, dims.bert.embedding) == (256, 32, 64)
    assert dims.named() == {"hidden": 128, "style": 32, "features": 160, "bins": 50}


def test_from_config_does_not_need_a_vocabulary() -> None:
    assert ModelDims.from_config(change("vocab", REMOVED)) == ModelDims.from_config(FULL)


@pytest.mark.parametrize(("key", "value", "message"), MISTAKES)
def test_from_config_refuses_a_mistake(key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        ModelDims.from_config(change(key, value))
    assert message in str(refusal.value)
    assert len(str(refusal.value).split("\n")) == 1


def test_from_config_lists_all_mistakes() -> None:
    with pytest.raises(ConfigError) as refusal:
        ModelDims.from_config({"hidden_dim": -1, "plbert": {}, "istftnet": {}, "vocab": {}})
    mistakes = str(refusal.value).split("\n")
    assert "hidden_dim: is -1, expected an integer of at least 1" in mistakes
    assert "plbert.hidden_size: missing; expected an integer" in mistakes
    assert "istftnet.upsample_rates: missing; expected a list of integers" in mistakes


def test_frame_samples_follows_the_rates() -> None:
    assert frame_samples(FULL["istftnet"]) == 600
    assert frame_samples(change("istftnet.upsample_rates", [4, 2])["istftnet"]) == 2 * 4 * 2 * 5
    with pytest.raises(ConfigError, match=r"istftnet\.upsample_rates: missing"):
        frame_samples(change("istftnet.upsample_rates", REMOVED)["istftnet"])
