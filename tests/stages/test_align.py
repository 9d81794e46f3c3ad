from __future__ import annotations

import numpy as np
import pytest

from stages.align import align
from stages.contract import StageError

SPEEDS = [0.25, 0.5, 0.9, 1.0, 1.1, 1.2, 1.5, 3.3, 4.0]
HALVES = [(0.5, 1), (1.5, 2), (2.5, 2), (3.5, 4), (7.5, 8), (0.0, 1)]  # frames expected, frames given


def inputs(text: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "logits": (4 * rng.standard_normal((1, text, 50)) - 3).astype(np.float32),
        "d": rng.standard_normal((1, text, 12)).astype(np.float32),
        "t_en": rng.standard_normal((1, 6, text)).astype(np.float32),
        "length": np.array([text]),
        "speed": np.array(1, np.float32),
    }


def certain(frames: float) -> np.ndarray:
    """Return logits of one token whose sigmoids sum to exactly `frames`, a multiple of a half."""
    logits = np.full((1, 1, 50), -1e4, np.float32)
    logits[0, 0, : int(frames)] = 1e4
    if frames % 1:
        logits[0, 0, int(frames)] = 0
    return logits


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("text", [1, 3, 512])
def test_align_gives_the_durations_of_the_reference_in_float64(text: int, speed: float) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, which is compared with, is not installed")
    ports = inputs(text) | {"speed": np.array(speed, np.float32)}
    expected = torch.sigmoid(torch.from_numpy(ports["logits"]).double()).sum(-1) / speed
    expected = torch.round(expected).clamp(min=1).long()
    np.testing.assert_array_equal(align(**ports)["durations"], expected.numpy())


def test_align_repeats_each_token_for_its_frames() -> None:
    ports = inputs(40)
    out = align(**ports)
    one_hot = np.zeros((40, int(out["frame_count"][0])), np.float32)
    starts = np.cumsum(out["durations"][0]) - out["durations"][0]
    for token, (start, frames) in enumerate(zip(starts, out["durations"][0], strict=True)):
        one_hot[token, start : start + frames] = 1
    np.testing.assert_array_equal(out["en"][0], ports["d"][0].T @ one_hot)
    np.testing.assert_array_equal(out["asr"][0], ports["t_en"][0] @ one_hot)


def test_align_gives_contiguous_ports_of_their_types() -> None:
    out = align(**inputs(9))
    frames = int(out["durations"].sum())
    assert {name: (str(port.dtype), port.shape) for name, port in out.items()} == {
        "durations": ("int64", (1, 9)),
        "frame_count": ("int64", (1,)),
        "en": ("float32", (1, 12, frames)),
        "asr": ("float32", (1, 6, frames)),
    }
    assert out["frame_count"][0] == frames
    assert all(port.flags.c_contiguous for port in out.values())


@pytest.mark.parametrize(("expected", "given"), HALVES)
def test_align_rounds_halves_to_even_and_up_to_one(expected: float, given: int) -> None:
    out = align(**inputs(1) | {"logits": certain(expected)})
    assert out["durations"].tolist() == [[given]]


def test_align_takes_the_speed_as_it_was_written() -> None:
    # 9 / 1.2 is 7.5, which goes to 8; float32's 1.2000000477 would make it 7.
    out = align(**inputs(1) | {"logits": certain(9), "speed": np.array(1.2, np.float32)})
    assert out["durations"].tolist() == [[8]]


@pytest.mark.parametrize("padding", [0.0, np.nan, 1e30])
def test_align_does_not_look_at_padding(padding: float) -> None:
    ports = inputs(20)
    out = align(**ports)
    padded = {
        "logits": np.pad(ports["logits"], ((0, 0), (0, 30), (0, 0)), constant_values=padding),
        "d": np.pad(ports["d"], ((0, 0), (0, 30), (0, 0)), constant_values=padding),
        "t_en": np.pad(ports["t_en"], ((0, 0), (0, 0), (0, 30)), constant_values=padding),
    }
    again = align(**ports | padded)
    assert again["durations"].shape == (1, 50)
    assert not again["durations"][0, 20:].any()
    np.testing.assert_array_equal(again["durations"][0, :20], out["durations"][0])
    for port in ("frame_count", "en", "asr"):
        np.testing.assert_array_equal(again[port], out[port])


@pytest.mark.parametrize("speed", [0, -1, 0.2499, 4.01, np.nan, np.inf])
def test_align_refuses_a_speed(speed: float) -> None:
    with pytest.raises(StageError) as refusal:
        align(**inputs(3) | {"speed": np.array(speed, np.float32)})
    assert str(refusal.value) == f"speed is {speed:g}, expected a number from 0.25 to 4; 1 is the voice's own pace"


@pytest.mark.parametrize("length", [0, 4])
def test_align_refuses_a_length_that_does_not_fit(length: int) -> None:
    with pytest.raises(StageError, match=f"length is {length}, but there are logits for 3 tokens"):
        align(**inputs(3) | {"length": np.array([length])})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_align_refuses_logits_that_are_not_finite(value: float) -> None:
    ports = inputs(3)
    ports["logits"][0, 1, 7] = value
    with pytest.raises(StageError, match="logits are not finite; the duration stage has failed"):
        align(**ports)
