"""The reference we compare with is what the design says it is: its phase formula, its noise, its precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from runner.speech.philox import HARMONICS, harmonic_noise

pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")
import torch

from tests.reference import Reference, load_mini, our_noise, precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOP = 300  # samples per half-frame
RATE = 24_000
PHONEMES = "həlˈO wˈɜɹld, ðɪs ɪz ɐ tˈɛst."


@pytest.fixture(scope="module")
def mini() -> tuple[Reference, NDArray[np.float32]]:
    return load_mini()


def f0_curve(half_frames: int) -> NDArray[np.float64]:
    """Pitch in Hz with unvoiced stretches, values on both sides of the threshold of 10 Hz, and negative ones."""
    rng = np.random.default_rng(5)
    glide = 140 + 90 * np.sin(np.arange(half_frames) / 17) + rng.normal(0, 20, half_frames)
    glide[rng.random(half_frames) < 0.2] = -35.5
    glide[3], glide[4] = 9.75, 10.25
    return glide


def harmonic_source(f0: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """The harmonics [samples, 9] from design/model.md's formula alone: r, cumulative phase, interpolation, sine."""
    turns = 300 * np.cumsum((f0[:, None] * np.arange(1, HARMONICS + 1) / RATE) % 1, axis=0)
    at = np.clip((np.arange(f0.size * HOP) + 0.5) / HOP - 0.5, 0, f0.size - 1)
    left = np.floor(at).astype(int)
    right, part = np.minimum(left + 1, f0.size - 1), (at - left)[:, None]
    phase = turns[left] * (1 - part) + turns[right] * part
    voiced = np.repeat(f0 > 10, HOP)[:, None]
    # SineGen keeps the voicing flag, and with it the noise amplitude, in float32.
    amplitude = np.where(voiced, np.float32(0.003), np.float32(0.1) / np.float32(3))
    source: NDArray[np.float64] = 0.1 * np.sin(2 * np.pi * (phase % 1)) * voiced + amplitude * noise
    return source


def decibels(expected: NDArray[Any], got: NDArray[Any]) -> float:
    return float(10 * np.log10(np.sum(expected**2) / np.sum((got - expected) ** 2)))


@pytest.mark.parametrize("half_frames", [2, 18, 600])
def test_source_formula_equals_sinegen_in_float64(
    mini: tuple[Reference, NDArray[np.float32]], half_frames: int
) -> None:
    f0 = f0_curve(max(half_frames, 5))[:half_frames]
    samples = half_frames * HOP
    upsampled = torch.from_numpy(np.repeat(f0, HOP))[None, :, None]
    with precision(torch.float64), our_noise(11, samples):
        sines, _, _ = mini[0].model.decoder.generator.m_source.l_sin_gen(upsampled)
    assert decibels(sines[0].numpy(), harmonic_source(f0, harmonic_noise(11, samples))) > 200


def test_run_gives_every_port_its_shape(mini: tuple[Reference, NDArray[np.float32]]) -> None:
    reference, pack = mini
    ports = reference.run(reference.input_ids(PHONEMES), pack)
    text, frames = len(PHONEMES) + 2, int(ports["frame_count"][0])
    assert ports["durations"].shape == (1, text)
    assert ports["durations"].sum() == frames
    shapes = {port: ports[port].shape for port in ("d_en", "logits", "d", "en", "asr", "f0", "n", "audio")}
    assert shapes == {
        "d_en": (1, 128, text),
        "logits": (1, text, 50),
        "d": (1, text, 160),
        "en": (1, 160, frames),
        "asr": (1, 128, frames),
        "f0": (1, 2 * frames),
        "n": (1, 2 * frames),
        "audio": (1, 600 * frames),
    }
    assert {ports[port].dtype for port in shapes} == {np.dtype(np.float64)}


def test_run_repeats_itself_exactly_and_hears_its_seed(mini: tuple[Reference, NDArray[np.float32]]) -> None:
    reference, pack = mini
    ids = reference.input_ids("tˈɛst")
    first, again, other = (reference.run(ids, pack, seed=seed)["audio"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_run_uses_an_override_downstream(mini: tuple[Reference, NDArray[np.float32]]) -> None:
    reference, pack = mini
    ids = reference.input_ids("tˈɛst")
    plain = reference.run(ids, pack)
    changed = reference.run(ids, pack, override={"f0": plain["f0"] + 20})
    np.testing.assert_array_equal(changed["n"], plain["n"])
    assert np.abs(changed["audio"] - plain["audio"]).max() > 1e-3


def test_first_stft_frame_has_phase_zero_or_plus_pi(mini: tuple[Reference, NDArray[np.float32]]) -> None:
    signal = torch.from_numpy(harmonic_noise(0, 3000).T.copy())
    _, phase = mini[0].model.decoder.generator.stft.transform(signal)
    assert set(np.unique(phase[..., 0])) == {0.0, np.pi}
    assert set(np.unique(phase[:, [0, 10], :])) == {0.0, np.pi}, "DC and Nyquist: imaginary part +0"


def test_default_dtype_is_restored(mini: tuple[Reference, NDArray[np.float32]]) -> None:
    reference, pack = mini
    reference.run(reference.input_ids("a"), pack)
    assert torch.get_default_dtype() == torch.float32


def test_float32_reference_is_close_but_not_equal(mini: tuple[Reference, NDArray[np.float32]]) -> None:
    reference, _ = mini
    single, _ = load_mini(torch.float32)
    ids = reference.input_ids(PHONEMES)
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    exact, ours = reference.stage("bert", **inputs)["d_en"], single.stage("bert", **inputs)["d_en"]
    assert 100 < decibels(exact, ours) < 160


def test_load_names_missing_unexpected_and_misshapen_tensors(mini: tuple[Reference, NDArray[np.float32]]) -> None:
    config = mini[0].config
    with pytest.raises(KeyError, match=r"missing tensors: bert\.embeddings\.LayerNorm\.bias, bert"):
        Reference(config, {})
    tensors = mini[0].tensors()
    with pytest.raises(KeyError, match=r"unexpected tensors: decoder\.extra"):
        mini[0].load(tensors | {"decoder.extra": np.zeros(1)})
    with pytest.raises(ValueError, match=r"bert_encoder\.bias \(3,\) not \(128,\)"):
        mini[0].load(tensors | {"bert_encoder.bias": np.zeros(3)})
