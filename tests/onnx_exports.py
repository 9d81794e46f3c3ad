"""Exports the PyTorch reference to ONNX as the published files were made, and quantises it with public tools.

    reference --wrap, fold--> torch.onnx --> float32 --ONNX Runtime's tools--> float16, int8, blocks of 4 and 8 bits

Two families of exports are published. `waveform` is kokoro's own KModelForONNX (inputs input_ids, style, speed), of
which onnx-community's files are made; `audio` is that of kokoro-onnx (tokens, style, speed), with an encoder and a
decoder. Both trace the calls of KModel.forward_with_tokens, so their nodes have the same paths below the wrapper.

Source: kokoro 0.9.4, model.py (KModel.forward_with_tokens); node paths and names of kokoro-v1.0.int8.onnx; the scripts
of thewh1teagle/kokoro-onnx and adrianlyjak/kokoro-onnx-export, of which facts are taken and no code.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from tests import synthetic
from tests.reference import build_model, checkpoint_keys, import_kokoro

Weights = dict[str, NDArray[np.float32]]
FAMILIES = {"waveform": ("input_ids", "waveform"), "audio": ("tokens", "audio")}
OPSET = 17


def settings() -> dict[str, Any]:
    """The config.json of a model that has every layer of Kokoro's once or twice: its export takes seconds."""
    changed = synthetic.config("tiny")
    changed["istftnet"] |= {"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]]}
    return changed


def random_weights(config: Mapping[str, Any], seed: int = 0) -> Weights:
    """Every tensor of a checkpoint. Rows and columns are of several sizes, so that a scale of another row shows."""
    rng = np.random.default_rng(seed)

    def draw(shape: tuple[int, ...]) -> NDArray[np.float32]:
        values = 0.1 * rng.standard_normal(shape)
        for axis, size in enumerate(shape[:2] if len(shape) > 1 else ()):
            values *= np.exp(rng.uniform(-1, 1, [size if other == axis else 1 for other in range(len(shape))]))
        return values.astype(np.float32)

    shapes = checkpoint_keys(build_model(config, torch.float32))
    return {key: draw(shape) for key, shape in shapes.items()}


class _Encoder(torch.nn.Module):
    """What KModel does before its decoder."""

    def __init__(self, model: Any, style: int) -> None:
        super().__init__()
        self.bert, self.bert_encoder = model.bert, model.bert_encoder
        self.predictor, self.text_encoder, self.style = model.predictor, model.text_encoder, style

    def encode(self, ids: torch.Tensor, style: torch.Tensor, speed: torch.Tensor) -> tuple[torch.Tensor, ...]:
        lengths = torch.full((ids.shape[0],), ids.shape[1])
        mask = torch.arange(ids.shape[1])[None] >= lengths[:, None]
        prosody = style[:, self.style :]
        d_en = self.bert_encoder(self.bert(ids, attention_mask=(~mask).int())).transpose(-1, -2)
        d = self.predictor.text_encoder(d_en, prosody, lengths, mask)
        logits = self.predictor.duration_proj(self.predictor.lstm(d)[0])
        frames = torch.round(torch.sigmoid(logits).sum(-1) / speed).clamp(min=1).long().squeeze()
        symbols = torch.repeat_interleave(torch.arange(ids.shape[1]), frames)
        path = (torch.arange(ids.shape[1])[:, None] == symbols[None]).float()[None]
        f0, n = self.predictor.F0Ntrain(d.transpose(-1, -2) @ path, prosody)
        return self.text_encoder(ids, lengths, mask) @ path, f0, n, style[:, : self.style]

    def forward(self, ids: torch.Tensor, style: torch.Tensor, speed: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.encode(ids, style, speed)


class _Whole(_Encoder):
    """The model in one piece: KModel."""

    def __init__(self, model: Any, style: int) -> None:
        super().__init__(model, style)
        self.decoder = model.decoder


class _ForOnnx(torch.nn.Module):
    """The wrapper `waveform`, which calls a method of the model: no node's path names it."""

    def __init__(self, model: Any, style: int) -> None:
        super().__init__()
        self.kmodel = _Whole(model, style)

    def forward(self, ids: torch.Tensor, style: torch.Tensor, speed: torch.Tensor) -> torch.Tensor:
        return self.kmodel.decoder(*self.kmodel.encode(ids, style, speed)).squeeze()


class _Decoder(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.decoder(*inputs)


class _InTwo(torch.nn.Module):
    """The wrapper `audio`, which calls two modules: `encoder`, and `decoder` with the model's decoder in it."""

    def __init__(self, model: Any, style: int) -> None:
        super().__init__()
        self.encoder, self.decoder = _Encoder(model, style), _Decoder(model)

    def forward(self, ids: torch.Tensor, style: torch.Tensor, speed: torch.Tensor) -> torch.Tensor:
        return self.decoder(*self.encoder(ids, style, speed)).squeeze()


def export(path: Path, config: Mapping[str, Any], weights: Weights, family: str, *, fold: bool) -> Path:
    """Write a float32 export.

    Args:
        family: a key of FAMILIES.
        fold: remove the weight norms first; otherwise the exporter folds them, and the weights lose their names.
    """
    model: Any = build_model(config, torch.float32)
    model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()}, strict=False)
    _make_exportable(model.decoder.generator)
    for module in model.modules() if fold else ():
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
    style = config["style_dim"]
    wrapped = {"waveform": _ForOnnx, "audio": _InTwo}[family](model, style)
    example = (torch.arange(9)[None] + 16, torch.zeros(1, 2 * style), torch.ones(1))
    takes, gives = FAMILIES[family]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about lengths that become constants
        torch.onnx.export(
            wrapped.eval(),
            example,
            path,
            input_names=[takes, "style", "speed"],
            output_names=[gives],
            dynamic_axes={takes: {1: "text"}, gives: {0: "samples"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return path


def _make_exportable(generator: Any) -> None:
    """Give the generator the package's complex-free STFT."""
    import_kokoro()
    complex_free = importlib.import_module("kokoro.custom_stft").CustomSTFT
    stft = generator.stft
    generator.stft = complex_free(stft.filter_length, stft.hop_length, stft.win_length)


def float16(source: Path, path: Path, **options: Any) -> Path:
    """Convert an export to float16 with ONNX Runtime's converter; `options` are the converter's."""
    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True, **options), path)
    return path


def int8(source: Path, path: Path, *, per_channel: bool = False, signed: bool = False, ops: Any = None) -> Path:
    """Quantise the weights of an export to 8 bits, with activations that are quantised when it runs."""
    kind = QuantType.QInt8 if signed else QuantType.QUInt8
    quantize_dynamic(source, path, per_channel=per_channel, weight_type=kind, op_types_to_quantize=ops)
    return path


def optimised(source: Path, path: Path) -> Path:
    """Let ONNX Runtime fold and fuse what it can, as quantisers ask for before they begin."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return path


def int8_and_float16(source: Path, path: Path) -> Path:
    """Quantise convolutions, products and tables to 8 bits, and convert the rest to float16 (as q8f16 files)."""
    int8(source, path, ops=["Conv", "Gather", "MatMul"])
    return float16(path, path, op_block_list=[*DEFAULT_OP_BLOCK_LIST, "DynamicQuantizeLinear"])


def blocks(
    source: Path,
    path: Path,
    *,
    bits: int = 4,
    symmetric: bool = True,
    operators: bool = True,
    kinds: tuple[str, ...] = ("MatMul",),
) -> Path:
    """Quantise matrices in blocks of 32 values (as q4 files).

    Args:
        operators: write ONNX Runtime's own operators; otherwise a DequantizeLinear before each product.
        kinds: operators whose matrices are quantised.
    """
    form = QuantFormat.QOperator if operators else QuantFormat.QDQ
    quantiser = MatMulNBitsQuantizer(
        onnx.load(source), bits, 32, symmetric, quant_format=form, op_types_to_quantize=kinds
    )
    quantiser.process()
    onnx.save(quantiser.model.model, path)
    return path
