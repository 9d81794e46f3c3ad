"""A synthetic checkpoint has the published format, and speaks with the statistics of speech at every size."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runner.model.checkpoint import Checkpoint
from stages.families import KOKORO

pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")
import torch

from tests.reference import PARTS, Ports, Reference, build_model, checkpoint_keys
from tests.synthetic import config, main, phonemes

HOP = 5  # samples between two spectra of the inverse STFT
Synthetic = Callable[[str, int, str], Path]
Speaker = Callable[[int, int], Ports]


def read(model: Path) -> tuple[Reference, np.ndarray]:
    """The float32 reference of a synthetic model, and its voice pack."""
    checkpoint = Checkpoint.open(next(model.parent.glob("model.[ps][ta]*")), KOKORO)
    tensors = {key: checkpoint.take(key, tensor.shape) for key, tensor in checkpoint.tensors.items()}
    settings = json.loads((model.parent / "config.json").read_text("utf-8"))
    return Reference(settings, tensors, torch.float32), np.load(model.parent / "voice.npy")


@pytest.fixture(
    scope="module",
    params=[("tiny", "pth"), ("small", "safetensors"), pytest.param(("full", "pth"), marks=pytest.mark.full)],
    ids=lambda param: param[0],
)
def speak(request: pytest.FixtureRequest, synthetic: Synthetic) -> Speaker:
    """What a model of each size says to (symbols, seed)."""
    size, suffix = request.param
    model, pack = read(synthetic(size, 0, suffix))
    return lambda length, seed: model.run(
        model.input_ids(phonemes(length, seed, model.config["vocab"])), pack, seed=seed
    )


@pytest.mark.parametrize("symbols", [1, 5, 30, 120])
def test_statistics_are_speech_like(speak: Speaker, symbols: int) -> None:
    spoken = [speak(symbols, seed) for seed in range(3)]
    durations = np.concatenate([ports["durations"] for ports in spoken], axis=1)
    f0 = np.concatenate([ports["f0"] for ports in spoken], axis=1)
    assert 2 <= durations.mean() <= 4
    assert 0.5 <= np.mean((f0 >= 80) & (f0 <= 300)) <= 0.8
    assert f0.min() < 0
    assert np.count_nonzero(np.diff(f0 > 10)) >= 2
    for ports in spoken:
        assert 0.01 <= np.sqrt(np.mean(ports["audio"] ** 2)) <= 0.3


def test_durations_and_pitch_vary_within_an_utterance(speak: Speaker) -> None:
    ports = speak(120, 0)
    assert len(np.unique(ports["durations"])) >= 4
    assert ports["f0"].std() > 40


def test_audio_is_not_the_constant_hum_of_the_last_bias(speak: Speaker) -> None:
    audio = speak(30, 0)["audio"]
    hum = audio.reshape(-1, HOP).mean(axis=0)  # a spectrum that never changes repeats itself every hop
    assert np.mean(hum**2) < 0.05 * np.mean(audio**2)


def test_another_seed_has_the_same_keys_and_other_numbers(synthetic: Synthetic) -> None:
    first, second = (Checkpoint.open(synthetic("tiny", seed, "pth").with_name("model.pth"), KOKORO) for seed in (0, 1))
    assert first.tensors.keys() == second.tensors.keys()
    assert first.digest != second.digest


def test_same_seed_gives_the_same_file(
    synthetic: Synthetic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(tmp_path), "--size", "tiny", "--seed", "1"])
    assert "noise" in capsys.readouterr().out
    cached = synthetic("tiny", 1, "pth")
    for name in ("model.pth", "config.json", "voice.npy", "voice.bin", "model.yaml"):
        assert (tmp_path / name).read_bytes() == cached.with_name(name).read_bytes(), name


def test_both_formats_hold_the_same_tensors(synthetic: Synthetic) -> None:
    pth, safe = (
        Checkpoint.open(synthetic("tiny", 0, suffix).with_name(f"model.{suffix}"), KOKORO)
        for suffix in ("pth", "safetensors")
    )
    assert pth.tensors.keys() == safe.tensors.keys()
    for key, tensor in pth.tensors.items():
        np.testing.assert_array_equal(pth.take(key, tensor.shape), safe.take(key, tensor.shape))


def test_pth_has_the_published_form(synthetic: Synthetic) -> None:
    path = synthetic("tiny", 0, "pth").with_name("model.pth")
    assert zipfile.is_zipfile(path)
    parts = torch.load(path, weights_only=True)
    assert tuple(parts) == PARTS
    assert all(key.startswith("module.") for part in parts.values() for key in part)
    assert "module.generator.ups.0.weight_g" in parts["decoder"]
    assert "module.F0.1.pool.weight_v" in parts["predictor"]


def test_full_size_has_the_published_tensors() -> None:
    shapes = checkpoint_keys(build_model(config("full"), torch.float32))
    assert len(shapes) == 548
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 81_763_410
    assert shapes["decoder.decode.3.pool.weight_v"] == (1090, 1, 3)
    assert shapes["decoder.generator.noise_convs.0.weight"] == (256, 22, 12)


def test_voice_bin_is_the_npy_without_header(synthetic: Synthetic) -> None:
    folder = synthetic("tiny", 0, "pth").parent
    pack = np.load(folder / "voice.npy")
    assert pack.shape == (510, 48)
    np.testing.assert_array_equal(np.fromfile(folder / "voice.bin", "<f4").reshape(pack.shape), pack)


@pytest.mark.parametrize("length", [1, 2, 5, 510])
def test_phonemes_have_the_length_asked_for(length: int) -> None:
    text = phonemes(length, 3, config("full")["vocab"])
    assert len(text) == length == len(text.strip())
