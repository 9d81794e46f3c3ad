"""The sizes and rates of a Kokoro model, with their units: read from its config.json, or derived from it.

    text     --- align --->  frames      25 ms    40 a second
    frame    --- x 2 ----->  half-frame  12.5 ms  80 a second   (F0 and N have one value each)
    half-frame - x rates ->  hop         `generator.hop_samples`: one column of the inverse STFT
    hop      --- x hop --->  sample      1/24000 s

Source: config.json of hexgrad/Kokoro-82M; kokoro 0.9.4, model.py and istftnet.py.
Differs: `dec_dim` and `asr_res_dim` are keys here (1024 and 64 when absent), where the reference has them in its code.

This module imports neither TVM nor NumPy, so that every module may import it.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

SAMPLE_RATE_HZ = 24_000
HALF_FRAMES = 2  # half-frames a frame: the prosody predictor up-samples once
HARMONICS = 9  # sine waves of the source: F0 and eight overtones
END_TOKENS = 2  # the zeros before the first symbol and after the last
DILATIONS = 3  # convolution pairs of a generator's res-block

# keys that only training reads; every other unknown key is a misspelled size
_UNUSED = frozenset({"dim_in", "dropout", "max_conv_dim", "multispeaker", "n_mels"})
_UNUSED_BERT = frozenset({"dropout", "hidden_dropout_prob", "attention_probs_dropout_prob"})
# keys of AlbertConfig that this ALBERT does not support at other values
_FIXED_BERT: Mapping[str, object] = {
    "hidden_act": "gelu_new",
    "layer_norm_eps": 1e-12,
    "num_hidden_groups": 1,
    "inner_group_num": 1,
    "type_vocab_size": 2,
}


class ConfigError(ValueError):
    """A config.json does not describe a Kokoro model; the message lists every mistake, one a line."""


@dataclass(frozen=True)
class BertDims:
    """The sizes of the ALBERT encoder.

    Attributes:
        hidden: channels of a token.
        embedding: channels of an embedding, mapped to `hidden`.
        heads: attention heads.
        intermediate: channels inside the feed-forward block.
        layers: times the one shared layer runs.
        positions: tokens an utterance may have, the two zeros included.
    """

    hidden: int
    embedding: int
    heads: int
    intermediate: int
    layers: int
    positions: int
    token_types: int = 2

    @property
    def head(self) -> int:
        """The channels of one attention head."""
        return self.hidden // self.heads


@dataclass(frozen=True)
class GeneratorDims:
    """The sizes of the iSTFT generator.

    Attributes:
        channels: channels that enter it; each up-sampling halves them.
        rates: factor of each up-sampling.
        kernels: taps of each up-sampling.
        resblock_kernels: taps of the parallel res-blocks.
        resblock_dilations: three dilations for each res-block.
        n_fft: samples of an STFT window.
        hop_samples: samples between two STFT columns.
    """

    channels: int
    rates: tuple[int, ...]
    kernels: tuple[int, ...]
    resblock_kernels: tuple[int, ...]
    resblock_dilations: tuple[tuple[int, ...], ...]
    n_fft: int
    hop_samples: int

    @property
    def hops(self) -> int:
        """The STFT columns of a half-frame; the source's STFT has one more at the end of the utterance."""
        return math.prod(self.rates)

    @property
    def half_frame_samples(self) -> int:
        return self.hops * self.hop_samples

    @property
    def spectrum(self) -> int:
        """The frequencies of one STFT column, DC and Nyquist included."""
        return self.n_fft // 2 + 1

    def channels_after(self, stage: int) -> int:
        """Return the channels behind up-sampling `stage` (from 0)."""
        return self.channels >> (stage + 1)

    def source_stride(self, stage: int) -> int:
        """Return how many STFT columns become one step behind up-sampling `stage` (from 0): its noise_conv's stride."""
        return math.prod(self.rates[stage + 1 :])


@dataclass(frozen=True)
class ModelDims:
    """The sizes of one model; `hidden`, `style`, `features` and `bins` are the dims that contracts name.

    Attributes:
        vocabulary: rows of the token embedding; ids are below it.
        hidden: channels of a token or frame.
        style: numbers of one voice vector.
        bins: steps of the duration histogram, one frame each.
        layers: LSTM layers of the duration encoder, and convolutions of the text encoder.
        text_kernel: taps of the text encoder's convolutions.
        decoder: channels inside the decoder, before the generator.
        asr_residual: channels of the phoneme features that skip the decoder's blocks.
    """

    vocabulary: int
    hidden: int
    style: int
    bins: int
    layers: int
    text_kernel: int
    decoder: int
    asr_residual: int
    bert: BertDims
    generator: GeneratorDims

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> ModelDims:
        """Read the sizes of the model that `config` (a parsed config.json) describes.

        Raises:
            ConfigError: keys missing, unknown or of the wrong kind, or sizes that do not fit each other.
        """
        mistakes: list[str] = []
        top = _ConfigReader(config, "", mistakes, _UNUSED)
        dims = cls(
            vocabulary=top.size("n_token", least=2),
            hidden=top.size("hidden_dim"),
            style=top.size("style_dim"),
            bins=top.size("max_dur"),
            layers=top.size("n_layer"),
            text_kernel=top.size("text_encoder_kernel_size"),
            decoder=top.size("dec_dim", default=1024),
            asr_residual=top.size("asr_res_dim", default=64),
            bert=_read_bert(top.below("plbert", _UNUSED_BERT)),
            generator=_read_generator(top.below("istftnet")),
        )
        top.ids("vocab", below=dims.vocabulary)
        top.refuse_unknown()
        if not mistakes:
            mistakes += _find_misfits(dims)
        if mistakes:
            raise ConfigError("\n".join(mistakes))
        return dims

    @property
    def features(self) -> int:
        """The channels of a token or frame with the style beside it."""
        return self.hidden + self.style

    @property
    def text_max(self) -> int:
        """The tokens that an utterance may have."""
        return self.bert.positions

    @property
    def symbols_max(self) -> int:
        """The symbols that an utterance may have: its tokens without the two zeros."""
        return self.text_max - END_TOKENS

    @property
    def voice_row(self) -> int:
        """The numbers in one row of a voice pack: the style for the decoder, then the one for the prosody."""
        return 2 * self.style

    @property
    def frame_samples(self) -> int:
        return HALF_FRAMES * self.generator.half_frame_samples

    @property
    def frame_rate_hz(self) -> float:
        return SAMPLE_RATE_HZ / self.frame_samples

    @property
    def half_frame_rate_hz(self) -> float:
        return SAMPLE_RATE_HZ / self.generator.half_frame_samples

    def named(self) -> dict[str, int]:
        """Return the dims that contracts name and the model fixes."""
        return {"hidden": self.hidden, "style": self.style, "features": self.features, "bins": self.bins}

    def limits(self) -> dict[str, int]:
        """The dims that contracts name and the model limits: tokens, of which it has a position for each."""
        return {"text": self.text_max}


def frame_samples(istftnet: Mapping[str, object]) -> int:
    """Return the samples of one frame, from the `istftnet` part of a config.

    Raises:
        ConfigError: as `ModelDims.from_config`.
    """
    mistakes: list[str] = []
    generator = _read_generator(_ConfigReader({"istftnet": istftnet}, "", mistakes).below("istftnet"))
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return HALF_FRAMES * generator.half_frame_samples


def _read_bert(keys: _ConfigReader) -> BertDims:
    dims = BertDims(
        hidden=keys.size("hidden_size"),
        embedding=keys.size("embedding_size", default=128),  # AlbertConfig's own default
        heads=keys.size("num_attention_heads"),
        intermediate=keys.size("intermediate_size"),
        layers=keys.size("num_hidden_layers"),
        positions=keys.size("max_position_embeddings", least=END_TOKENS + 1),
    )
    for key, value in _FIXED_BERT.items():
        keys.fixed(key, value)
    keys.refuse_unknown()
    return dims


def _read_generator(keys: _ConfigReader) -> GeneratorDims:
    dims = GeneratorDims(
        channels=keys.size("upsample_initial_channel"),
        rates=keys.sizes("upsample_rates", least=2),
        kernels=keys.sizes("upsample_kernel_sizes"),
        resblock_kernels=keys.sizes("resblock_kernel_sizes"),
        resblock_dilations=keys.tables("resblock_dilation_sizes"),
        n_fft=keys.size("gen_istft_n_fft"),
        hop_samples=keys.size("gen_istft_hop_size"),
    )
    keys.refuse_unknown()
    return dims


def _find_misfits(dims: ModelDims) -> list[str]:
    """Return the mistakes between sizes that are each right alone."""
    bert, gen = dims.bert, dims.generator
    one_kernel_a_rate = len(gen.kernels) == len(gen.rates)
    rules = [
        (dims.hidden % 2 == 0, f"hidden_dim: {dims.hidden} is odd; each direction of an LSTM takes half of it"),
        (
            dims.text_kernel % 2 == 1,
            f"text_encoder_kernel_size: {dims.text_kernel} is even; centred taps need an odd number",
        ),
        (
            bert.hidden % bert.heads == 0,
            f"plbert.hidden_size: {bert.hidden} is not a multiple of num_attention_heads = {bert.heads}",
        ),
        (
            one_kernel_a_rate,
            f"istftnet.upsample_kernel_sizes: has {len(gen.kernels)} entries, but upsample_rates has {len(gen.rates)}",
        ),
        (
            not one_kernel_a_rate
            or all(k >= r and (k - r) % 2 == 0 for k, r in zip(gen.kernels, gen.rates, strict=True)),
            f"istftnet.upsample_kernel_sizes: {list(gen.kernels)} must exceed upsample_rates by even numbers",
        ),
        (
            gen.channels % (1 << len(gen.rates)) == 0,
            f"istftnet.upsample_initial_channel: {gen.channels} cannot be halved {len(gen.rates)} times",
        ),
        (
            all(kernel % 2 == 1 for kernel in gen.resblock_kernels),
            f"istftnet.resblock_kernel_sizes: {list(gen.resblock_kernels)} must be odd, so that taps are centred",
        ),
        (
            [len(row) for row in gen.resblock_dilations] == [DILATIONS] * len(gen.resblock_kernels),
            f"istftnet.resblock_dilation_sizes: needs {DILATIONS} numbers for each of resblock_kernel_sizes",
        ),
        (
            gen.n_fft % 2 == 0 and gen.n_fft >= 2 * gen.hop_samples,
            f"istftnet.gen_istft_n_fft: {gen.n_fft} must be even and at least twice the hop of {gen.hop_samples}",
        ),
    ]
    return [message for holds, message in rules if not holds]


_MISSING = object()  # null is a value too, and is refused


class _ConfigReader:
    """A reader of one level of a config. It reads sizes, notes mistakes, and knows which keys were asked for."""

    def __init__(
        self, config: Mapping[str, object], path: str, mistakes: list[str], unused: frozenset[str] = frozenset()
    ) -> None:
        self.config = config
        self.path = path
        self.mistakes = mistakes
        self.asked = set(unused)

    def note(self, key: str, fact: str) -> None:
        self.mistakes.append(f"{self.path}.{key}: {fact}" if self.path else f"{key}: {fact}")

    def value(self, key: str, expected: str) -> object:
        self.asked.add(key)
        if key not in self.config:
            self.note(key, f"missing; expected {expected}")
            return _MISSING
        return self.config[key]

    def size(self, key: str, *, default: int | None = None, least: int = 1) -> int:
        self.asked.add(key)
        if default is not None and key not in self.config:
            return default
        return self._sizes([self.value(key, "an integer")], key, least)[0]

    def sizes(self, key: str, *, least: int = 1) -> tuple[int, ...]:
        return self._sizes(self._list(key, self.value(key, "a list of integers")), key, least)

    def tables(self, key: str) -> tuple[tuple[int, ...], ...]:
        rows = self._list(key, self.value(key, "a list of lists of integers"))
        return tuple(self._sizes(self._list(key, row), key, 1) for row in rows)

    def ids(self, key: str, *, below: int) -> None:
        self.asked.add(key)
        vocab = self.config.get(key, {})
        if not isinstance(vocab, Mapping):
            self.note(key, f"is {_quote(vocab)}, expected a table of symbol: id")
            return
        for symbol, id_ in vocab.items():
            if not _is_size(id_, 0) or id_ >= below:
                self.note(key, f"the id of {symbol!r} is {_quote(id_)}, expected an integer below n_token = {below}")

    def fixed(self, key: str, value: object) -> None:
        self.asked.add(key)
        if self.config.get(key, value) != value:
            self.note(key, f"is {_quote(self.config[key])}; only {value!r} is implemented")

    def below(self, key: str, unused: frozenset[str] = frozenset()) -> _ConfigReader:
        value = self.value(key, "a table")
        path = f"{self.path}.{key}" if self.path else key
        if isinstance(value, Mapping):
            return _ConfigReader(value, path, self.mistakes, unused)
        if value is not _MISSING:
            self.note(key, f"is {_quote(value)}, expected a table")
        return _ConfigReader({}, path, [])  # its keys are not missing one by one as well

    def refuse_unknown(self) -> None:
        for key in self.config:
            if key not in self.asked:
                close = difflib.get_close_matches(str(key), sorted(self.asked), n=1)
                self.note(str(key), "unknown key" + (f"; did you mean '{close[0]}'?" if close else "; remove it"))

    def _list(self, key: str, value: object) -> list[object]:
        if isinstance(value, list) and value:
            return value
        if value is not _MISSING:
            self.note(key, f"is {_quote(value)}, expected a list that is not empty")
        return []

    def _sizes(self, values: list[object], key: str, least: int) -> tuple[int, ...]:
        for value in values:
            if value is not _MISSING and not _is_size(value, least):
                self.note(key, f"is {_quote(value)}, expected an integer of at least {least}")
        return tuple(value if isinstance(value, int) else least for value in values)


def _is_size(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"a {type(value).__name__}"
