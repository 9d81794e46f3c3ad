"""Runs the PyTorch reference: kokoro 0.9.4's own classes, stage by stage, under the graph's port names.

    ref = Reference(config, tensors)              in float64; dtype=torch.float32 for torch's own error
    ref.stage("f0n", en=..., style=..., ...)      one stage with given inputs: a port -> NumPy array
    ports = ref.run(input_ids, pack, seed=0)      every port of the graph for one utterance
    ref.model.predictor.F0[1]                     a torch module, to compare one layer

For `compare` and for tests: the one module of the runner that imports PyTorch, and never before it is asked for
(docs/decisions/0010-reference-in-the-runner.md).

Differs from kokoro.model.KModel, none of it in the mathematics of a layer:
    - the decoder's widths 1024 and 64, typed in there, come from the config (`dec_dim`, `asr_res_dim`);
    - the voice row is split at the model's style size, not at 128;
    - the noise of the harmonic source is ours (`philox`), since torch's depends on its version;
    - the phase of the source's STFT at frame 0 is 0 or +pi. That frame is mirror-symmetric, so its spectrum is real up
      to rounding and torch returns +pi or -pi by chance.
"""

from __future__ import annotations

import importlib.util
import sys
import types
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import AlbertConfig

from runner.speech.philox import HARMONICS, harmonic_noise
from stages.symbols import normalise
from stages.text.espeak import KOKORO, find_alphabet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Array = NDArray[Any]
Ports = dict[str, Array]

SAMPLES_PER_FRAME = 600
PARTS = ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")
# Each stage's input ports and the names they go by among a run's ports, where the two differ.
INPUTS: dict[str, dict[str, str]] = {
    "bert": {"input_ids": "input_ids", "attention_mask": "attention_mask"},
    "duration": {"d_en": "d_en", "style": "style_prosody", "length": "length", "text_mask": "text_mask"},
    "text_encoder": {"input_ids": "input_ids", "length": "length", "text_mask": "text_mask"},
    "align": {"logits": "logits", "d": "d", "t_en": "t_en", "length": "length", "speed": "speed"},
    "f0n": {"en": "en", "style": "style_prosody", "frame_count": "frame_count"},
    "decoder": {
        "asr": "asr", "f0": "f0", "n": "n", "style": "style_decoder", "frame_count": "frame_count", "seed": "seed"
    },
}  # fmt: skip


def import_kokoro() -> tuple[types.ModuleType, types.ModuleType]:
    """`kokoro.istftnet` and `kokoro.modules`, without the package's `__init__`, which imports a phonemiser."""
    if "kokoro" not in sys.modules:
        spec = importlib.util.find_spec("kokoro")
        if spec is None:
            raise ModuleNotFoundError("kokoro is not installed: pip install --no-deps kokoro==0.9.4", name="kokoro")
        package = types.ModuleType("kokoro")
        package.__path__ = list(spec.submodule_search_locations or [])
        sys.modules["kokoro"] = package
    return importlib.import_module("kokoro.istftnet"), importlib.import_module("kokoro.modules")


istftnet, modules = import_kokoro()


@contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """Allocate new tensors in `dtype` inside the block: `.double()` does not reach those of the reference's calls."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(before)


class _Model(nn.Module):
    """The five parts of a checkpoint, under its names."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        hidden, style = config["hidden_dim"], config["style_dim"]
        albert = AlbertConfig(vocab_size=config["n_token"], **config["plbert"])
        self.bert = modules.CustomAlbert(albert)
        self.bert_encoder = nn.Linear(albert.hidden_size, hidden)
        self.predictor = modules.ProsodyPredictor(
            style_dim=style, d_hid=hidden, nlayers=config["n_layer"], max_dur=config["max_dur"], dropout=0.0
        )
        self.text_encoder = modules.TextEncoder(
            channels=hidden,
            kernel_size=config["text_encoder_kernel_size"],
            depth=config["n_layer"],
            n_symbols=config["n_token"],
        )
        self.decoder = _decoder(config)


def _decoder(config: Mapping[str, Any]) -> nn.Module:
    """Build the reference's Decoder with the widths of `config`; its `forward` is used unchanged."""
    hidden, style, top = config["hidden_dim"], config["style_dim"], config["istftnet"]["upsample_initial_channel"]
    width, residual = config.get("dec_dim", 1024), config.get("asr_res_dim", 64)
    block, norm = istftnet.AdainResBlk1d, istftnet.weight_norm
    decoder: nn.Module = istftnet.Decoder.__new__(istftnet.Decoder)
    nn.Module.__init__(decoder)
    decoder.encode = block(hidden + 2, width, style)
    joined = width + 2 + residual
    decoder.decode = nn.ModuleList([block(joined, width, style) for _ in range(3)])
    decoder.decode.append(block(joined, top, style, upsample=True))
    decoder.F0_conv = norm(nn.Conv1d(1, 1, kernel_size=3, stride=2, padding=1))
    decoder.N_conv = norm(nn.Conv1d(1, 1, kernel_size=3, stride=2, padding=1))
    decoder.asr_res = nn.Sequential(norm(nn.Conv1d(hidden, residual, kernel_size=1)))
    decoder.generator = istftnet.Generator(style, **config["istftnet"])
    return decoder


def build_model(config: Mapping[str, Any], dtype: torch.dtype = torch.float64) -> nn.Module:
    """Build the reference's modules with their initial weights, in evaluation mode."""
    with precision(dtype), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*weight_norm.* is deprecated", category=FutureWarning)
        warnings.filterwarnings("ignore", message="dropout option adds dropout", category=UserWarning)
        model = _Model(config).eval()
        _define_first_frame(model.decoder.generator, dtype)
    return model


def _define_first_frame(generator: Any, dtype: torch.dtype) -> None:
    stft = generator.stft
    # torch's float32 window is asymmetric in its last bits, which its float64 does not repair
    stft.window = torch.hann_window(stft.win_length, periodic=True, dtype=dtype)
    transform = stft.transform

    def defined(signal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        magnitude, phase = transform(signal)
        phase[..., 0] = torch.pi * (phase[..., 0].abs() > torch.pi / 2).to(phase.dtype)
        return magnitude, phase

    stft.transform = defined


def checkpoint_keys(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """List the tensors of a checkpoint of this model: flat key -> shape."""
    return {
        f"{part}.{name}": tuple(tensor.shape)
        for part in PARTS
        for name, tensor in getattr(model, part).state_dict().items()
        if not _is_instance_norm(name)
    }


def _is_instance_norm(name: str) -> bool:
    """AdaIN's affine parameters exist in the 0.9.4 classes but not in the checkpoints, which are older: 1 and 0."""
    return name.endswith((".norm.weight", ".norm.bias"))


def voice_row(pack: Array, tokens: int) -> Array:
    """Choose the pack's row for an utterance of `tokens` input ids: [1, 2*style]."""
    row = max(min(tokens - 2, pack.shape[0]) - 1, 0)
    return np.asarray(pack).reshape(pack.shape[0], -1)[row : row + 1]


class Reference:
    """kokoro's own modules holding a checkpoint, run in `dtype` on the CPU.

    `tensors` maps flat keys (`decoder.generator.ups.0.weight_g`) to arrays, each used exactly once.
    Raises KeyError or ValueError naming the tensors that are missing, unexpected or misshapen.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        tensors: Mapping[str, Array],
        dtype: torch.dtype = torch.float64,
        threads: int = 2,
    ) -> None:
        self.config, self.dtype, self.threads = dict(config), dtype, threads
        self.style_size: int = config["style_dim"]
        self.model: Any = build_model(config, dtype)
        self.load(tensors)

    def load(self, tensors: Mapping[str, Array]) -> None:
        """Replace every weight by that of `tensors`; errors are those of the class."""
        wanted = checkpoint_keys(self.model)
        if missing := sorted(wanted.keys() - tensors.keys()):
            raise KeyError(f"missing tensors: {', '.join(missing)}")
        if extra := sorted(tensors.keys() - wanted.keys()):
            raise KeyError(f"unexpected tensors: {', '.join(extra)}")
        if wrong := [f"{k} {tensors[k].shape} not {s}" for k, s in wanted.items() if tensors[k].shape != s]:
            raise ValueError(f"misshapen tensors: {', '.join(wrong)}")
        state = {key: torch.from_numpy(np.array(tensors[key])) for key in wanted}
        self.model.load_state_dict(state, strict=False)

    def tensors(self) -> dict[str, Array]:
        """A copy of every weight under its flat key."""
        state = self.model.state_dict()
        return {key: state[key].numpy().copy() for key in checkpoint_keys(self.model)}

    def input_ids(self, phonemes: str) -> Array:
        """int64 [1, text]: the symbols' ids between two zeros. KeyError for a symbol the vocabulary lacks."""
        vocabulary = self.config["vocab"]
        return np.array([[0, *(vocabulary[symbol] for symbol in phonemes), 0]], np.int64)

    def stage(self, name: str, **inputs: Any) -> Ports:
        """Run one stage: port -> output, from its input ports, which are converted to this reference's dtype."""
        return self._run_stage(name, inputs)

    def run(
        self,
        input_ids: Array,
        pack: Array,
        speed: float = 1.0,
        seed: int = 0,
        override: Mapping[str, Array] | None = None,
        audio: bool = True,
    ) -> Ports:
        """Run all stages on one utterance: port -> value; `override` replaces outputs before they are used."""
        ports = self._entry(input_ids, pack, speed, seed)
        for name, inputs in INPUTS.items():
            if name == "decoder" and not audio:
                break
            ports |= self._run_stage(name, {port: ports[source] for port, source in inputs.items()})
            ports |= {port: value for port, value in (override or {}).items() if port in ports}
        return ports

    def _entry(self, input_ids: Array, pack: Array, speed: float, seed: int) -> Ports:
        tokens = input_ids.shape[1]
        style = voice_row(pack, tokens)
        return {
            "input_ids": input_ids,
            "length": np.array([tokens], np.int64),
            "text_mask": np.zeros((1, tokens), bool),
            "attention_mask": np.ones((1, tokens), np.int64),
            "style_decoder": style[:, : self.style_size],
            "style_prosody": style[:, self.style_size :],
            "speed": np.array(speed),
            "seed": np.array(seed, np.int64),
        }

    def _run_stage(self, name: str, inputs: Mapping[str, Any]) -> Ports:
        torch.set_num_threads(self.threads)
        with precision(self.dtype):
            outputs = self._stages[name](**{port: self._tensor(value) for port, value in inputs.items()})
            return {port: value.numpy() for port, value in outputs.items()}

    @property
    def _stages(self) -> dict[str, Callable[..., dict[str, torch.Tensor]]]:
        return {
            "tokenize": self._tokenize, "voice": self._voice, "bert": self._bert, "duration": self._duration,
            "text_encoder": self._text_encoder, "align": self._align, "f0n": self._f0n, "decoder": self._decoder,
            "trim": self._trim,
        }  # fmt: skip

    def has(self, name: str) -> bool:
        """Whether the reference has the stage `name`."""
        return name in self._stages

    def _tensor(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        tensor = torch.from_numpy(np.array(value))
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    def _tokenize(
        self, phonemes: str, alphabet: str = KOKORO, **_skip_unknown: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """As KModel.forward: what the vocabulary lacks is dropped, whatever the graph wants."""
        vocabulary, table = self.config["vocab"], find_alphabet(alphabet)
        if table is not None:  # KModel takes Kokoro's own symbols alone
            phonemes = "".join(symbol.text for symbol in normalise(phonemes, vocabulary, table))
        ids = torch.tensor([[0, *(vocabulary[symbol] for symbol in phonemes if symbol in vocabulary), 0]])
        length, mask = torch.tensor([ids.shape[1]]), torch.zeros_like(ids, dtype=torch.bool)
        return {"input_ids": ids, "length": length, "text_mask": mask, "attention_mask": (~mask).long()}

    def _voice(self, voice: torch.Tensor, length: torch.Tensor) -> dict[str, torch.Tensor]:
        row = torch.from_numpy(voice_row(voice.numpy(), int(length)))
        return {"style_decoder": row[:, : self.style_size], "style_prosody": row[:, self.style_size :]}

    def _trim(self, audio: torch.Tensor, frame_count: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"audio": audio[0, : int(frame_count) * SAMPLES_PER_FRAME]}

    def _bert(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.model.bert(input_ids, attention_mask=attention_mask.int())
        return {"d_en": self.model.bert_encoder(hidden).transpose(-1, -2)}

    def _duration(
        self, d_en: torch.Tensor, style: torch.Tensor, length: torch.Tensor, text_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        predictor = self.model.predictor
        d = predictor.text_encoder(d_en, style, length, text_mask)
        steps, _ = predictor.lstm(d)
        return {"logits": predictor.duration_proj(steps), "d": d}

    def _text_encoder(
        self, input_ids: torch.Tensor, length: torch.Tensor, text_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        return {"t_en": self.model.text_encoder(input_ids, length, text_mask)}

    def _align(
        self, logits: torch.Tensor, d: torch.Tensor, t_en: torch.Tensor, length: torch.Tensor, speed: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        duration = torch.sigmoid(logits).sum(-1) / speed
        frames = torch.round(duration).clamp(min=1).long()
        token = torch.repeat_interleave(torch.arange(int(length)), frames[0])
        return {
            "durations": frames,
            "frame_count": frames.sum().reshape(1),
            "en": d.transpose(-1, -2)[:, :, token],
            "asr": t_en[:, :, token],
        }

    def _f0n(self, en: torch.Tensor, style: torch.Tensor, frame_count: torch.Tensor) -> dict[str, torch.Tensor]:
        assert en.shape[-1] == int(frame_count), "the reference knows no padding"
        f0, n = self.model.predictor.F0Ntrain(en, style)
        return {"f0": f0, "n": n}

    def _decoder(
        self,
        asr: torch.Tensor,
        f0: torch.Tensor,
        n: torch.Tensor,
        style: torch.Tensor,
        frame_count: torch.Tensor,
        seed: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        assert asr.shape[-1] == int(frame_count), "the reference knows no padding"
        with our_noise(int(seed), int(frame_count) * SAMPLES_PER_FRAME):
            audio = self.model.decoder(asr, f0, n, style)
        return {"audio": audio.reshape(1, -1)}


@contextmanager
def our_noise(seed: int, samples: int) -> Iterator[None]:
    """Gives SineGen's `randn_like` our noise; the source module's own second draw is used by nobody and gets zeros."""
    noise = torch.from_numpy(harmonic_noise(seed, samples))[None]

    def draw(like: torch.Tensor) -> torch.Tensor:
        return noise.to(like.dtype) if like.shape[-1] == HARMONICS else torch.zeros_like(like)

    drawn_by: Any = torch
    before, drawn_by.randn_like = torch.randn_like, draw
    try:
        yield
    finally:
        drawn_by.randn_like = before
