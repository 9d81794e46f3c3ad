"""The source, its STFT, the tail and the changes of layout as a stage calls them, against the reference's own modules.

Cases that can break the calls: an output's shape in terms of `frames`, an argument out of order, a 0-d seed, and
formulas that agree with this repository's tests but not with kokoro.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tvm
from tvm import relax, tirx
from tvm.relax.frontend import nn

from runner.build.targets import resolve_target
from stages.kernels.harmonic_source import Source, harmonic_source
from stages.kernels.overlap_add import overlap_add
from stages.kernels.ports import concatenate, store_port, to_channel_major, to_time_major
from stages.kernels.rows import Rows
from stages.kernels.stft import stft
from tests.stages.kernels.conftest import Array

SIZES = {"samples_per_frame": 600, "n_fft": 20, "hop": 5}
ROWS = Rows(120, 1)
FRAMES, CAPACITY, SEED = 6, 8, 5


class Chain(nn.Module):
    """A chain of calls: f0, spectrum and asr in; the source's spectrum, the waveform and asr beside a bias out."""

    def __init__(self) -> None:
        self.weight = nn.Parameter((9,), "float32")
        self.bias = nn.Parameter((1,), "float32")

    def chain_forward(
        self, f0: nn.Tensor, length: nn.Tensor, seed: nn.Tensor, spectrum: nn.Tensor, asr: nn.Tensor
    ) -> Any:
        frames = asr.shape[2]
        x = harmonic_source(
            length=length, f0=f0, seed=seed, weight=self.weight, bias=self.bias, capacity=frames, source=Source()
        )
        transform = stft(length=length, x=x, capacity=frames, **SIZES)
        har = to_channel_major(length=length, x=transform, channels=22, rows=ROWS)
        tail = to_time_major(length=length, x=spectrum, rows=ROWS)
        audio = overlap_add(length=length, x=tail, capacity=frames, **SIZES)
        parts = [(to_time_major(length=length, x=asr, rows=Rows()), 3), (nn.op.reshape(self.bias, (1, 1)), 1)]
        beside = concatenate(length=length, parts=parts, rows=Rows(), capacity=frames)
        return har, audio, store_port(length=length, x=beside, channels=4, rows=Rows())


@pytest.fixture(scope="module")
def chain() -> Any:
    """Compile the chain for this machine."""
    frames = tirx.Var("frames", "int64")
    spec = {
        "f0": nn.spec.Tensor([1, frames * 2], "float32"),
        "length": nn.spec.Tensor([1], "int64"),
        "seed": nn.spec.Tensor([], "int64"),
        "spectrum": nn.spec.Tensor([1, 22, frames * 120 + 1], "float32"),
        "asr": nn.spec.Tensor([1, 3, frames], "float32"),
        "$": {"param_mode": "packed", "effect_mode": "none"},
    }
    with resolve_target({"kind": "llvm", "mcpu": "native"}):
        module, _ = Chain().export_tvm({"chain_forward": spec})
        return relax.VirtualMachine(tvm.compile(module), tvm.cpu())["chain_forward"]


@pytest.fixture(scope="module")
def kokoro() -> ModuleType:
    """Return the reference's modules; skip where PyTorch or kokoro is not installed."""
    module: ModuleType = pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed")
    return module


def pad_to_capacity(x: Array, scale: int, extra: int = 0) -> Array:
    """Put garbage after the valid values of the last axis of `x`."""
    buffer = np.full((*x.shape[:-1], CAPACITY * scale + extra), np.nan, np.float32)
    buffer[..., : x.shape[-1]] = x
    return buffer


def test_waveform_chain_equals_the_reference(chain: Any, kokoro: ModuleType) -> None:
    random = np.random.default_rng(0)
    f0 = np.array([[150, 151, 160, 0, -3, 9, 220, 230, 240, 250, 10.5, 30]], np.float32)
    spectrum = random.standard_normal((1, 22, FRAMES * 120 + 1)).astype(np.float32)
    weight, bias = random.standard_normal((1, 9)).astype(np.float32), np.array([0.01], np.float32)
    asr = random.standard_normal((1, 3, FRAMES)).astype(np.float32)
    spaced = [pad_to_capacity(*x) for x in ((f0, 2), (spectrum, 120, 1), (asr, 1))]
    ports = spaced[0], np.array([FRAMES]), np.array(SEED), *spaced[1:]
    tensors = [tvm.runtime.tensor(x) for x in (*ports, weight[0], bias)]
    har, audio, beside = (x.numpy() for x in chain(*tensors[:5], tensors[5:]))

    wanted_har, wanted_audio = run_reference_chain(kokoro, f0, spectrum, weight, bias)
    valid = wanted_har.shape[-1]
    phasor, wanted_phasor = (x[0, :11, :valid] * np.exp(1j * x[0, 11:, :valid]) for x in (har, wanted_har))
    np.testing.assert_allclose(phasor, wanted_phasor, rtol=0, atol=1e-6)
    np.testing.assert_allclose(audio[0, : wanted_audio.size], wanted_audio, rtol=0, atol=1e-6)
    assert audio.shape == (1, CAPACITY * 600)
    np.testing.assert_array_equal(beside[0, :FRAMES, :3], asr[0].T)
    assert (beside[0, :FRAMES, 3] == bias).all()
    assert not beside[0, FRAMES:].any()
    assert not har[..., valid:].any()
    assert not audio[0, wanted_audio.size :].any()


def run_reference_chain(
    kokoro: ModuleType, f0: Array, spectrum: Array, weight: Array, bias: Array
) -> tuple[Array, Array]:
    """Compute the same in float64 by kokoro's SourceModuleHnNSF and TorchSTFT."""
    torch, istftnet = kokoro.torch, kokoro.istftnet
    with kokoro.precision(torch.float64), kokoro.our_noise(SEED, f0.size * 300):
        module = istftnet.SourceModuleHnNSF(24000, 300, harmonic_num=8, voiced_threshod=10)
        module.l_linear.weight[:], module.l_linear.bias[:] = torch.from_numpy(weight), torch.from_numpy(bias)
        transform = istftnet.TorchSTFT(20, 5, 20)
        transform.window = transform.window.double()
        source = module(torch.from_numpy(f0).double().repeat_interleave(300)[None, :, None])[0]
        har = torch.cat(transform.transform(source[..., 0]), dim=1)
        x = torch.from_numpy(spectrum).double()
        audio = transform.inverse(torch.exp(x[:, :11]), torch.sin(x[:, 11:]))
    return har.numpy(), audio.numpy().reshape(-1)
