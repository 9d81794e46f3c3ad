"""The figure of an utterance: its rows have one axis of time, and the axis of F0 is that of the voice."""

from __future__ import annotations

import base64
import dataclasses
import re
import struct
import zlib

import numpy as np
import pytest

from runner.inspect.player import make_player
from runner.speech.sound_plots import Sound, draw_sound, find_f0_range
from runner.speech.spectrogram import draw_spectrogram, find_top

RATE_HZ, FRAME_S = 24_000, 0.025
DURATIONS = np.array([4, 2, 10, 4])  # 0.5 s
VOICE_HZ = np.array([0, 0, 0, 0, 12, 25, 90, 95, 100, 110, 120, 118, 115, 112, 110, 105, 100, 95, 42, 1, 0, 0, 0, 0])
F0_HZ = np.concatenate([np.zeros(8), VOICE_HZ, np.zeros(8)]).astype(np.float32)
SOUND = Sound(
    audio=np.sin(np.arange(12_000) / 10).astype(np.float32),
    rate_hz=RATE_HZ,
    durations=DURATIONS,
    symbols=["·", "h", "<", "·"],
    f0_hz=F0_HZ,
    energy=np.linspace(-9, 9, 40).astype(np.float32),
    frame_s=FRAME_S,
)


def drawn(sound: Sound) -> str:
    figure = draw_sound(sound)
    assert figure is not None
    return figure


def numbers(pattern: str, text: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, text)]


def test_axis_of_f0_is_that_of_the_voice_without_the_way_from_and_to_zero() -> None:
    found = find_f0_range(F0_HZ)
    assert found is not None
    assert found == pytest.approx((90 - 5, 120 + 5))


@pytest.mark.parametrize(
    ("f0_hz", "limits"),
    [([0.0, 0.4, 9.9], None), ([0.0, 100.0, 100.0], (95, 105)), ([100.0] * 20 + [120.0], (95, 125))],
)
def test_axis_of_f0_fits_a_voice_that_is_silent_or_monotonous(
    f0_hz: list[float], limits: tuple[float, float] | None
) -> None:
    assert find_f0_range(np.array(f0_hz)) == (limits if limits is None else pytest.approx(limits))


def test_rows_have_one_axis_of_time() -> None:
    figure = drawn(SOUND)
    assert 'aria-label="waveform, spectrogram, F0 and energy, symbols, alignment"' in figure
    widths = numbers(r'class="frame" width="([\d.]+)"', figure)
    assert len(widths) == 5
    assert set(widths) == {1050}
    assert numbers(r'<image width="([\d.]+)"', figure) == [1050]
    assert numbers(r'<svg width="([\d.]+)"', figure) == [1050, 1050, 1050]
    assert set(numbers(r'<g transform="translate\((\d+) ', figure)) == {66}
    assert numbers(r'class="token" x="([\d.]+)"', figure) == [0, 210, 315, 840]
    assert numbers(r'class="band" x="([\d.]+)"', figure) == [66 + 210, 66 + 840]
    assert numbers(r'class="grid" d="M([\d.]+) ', figure) == pytest.approx([66 + 105 * tick for tick in range(11)])


def test_values_lie_at_their_time() -> None:
    audio = np.zeros(12_000, np.float32)
    audio[6_000] = 1.0  # 0.25 s
    f0_hz = np.where(np.arange(40) == 20, 100.0, 0.0)  # the half-frame from 0.25 s
    figure = drawn(dataclasses.replace(SOUND, audio=audio, f0_hz=f0_hz, energy=None))
    (waveform,) = re.findall(r'class="area" d="([^"]+)"', figure)
    assert {x for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", waveform) if float(y) < 10} == {"525.5"}
    assert numbers(r'<g class="f0"><svg[^>]*><path class="line" d="M([\d.]+) ', figure) == [538.1]


def test_longer_sound_makes_a_wider_figure_and_not_a_denser_one() -> None:
    audio = np.zeros(240_000, np.float32)
    figure = drawn(Sound(audio, RATE_HZ, None, [], None, None, FRAME_S))
    assert numbers(r'class="frame" width="([\d.]+)"', figure) == [3400, 3400]


def test_figure_has_the_rows_that_are_known() -> None:
    nothing = Sound(None, RATE_HZ, None, [], None, None, FRAME_S)
    assert draw_sound(nothing) is None
    silent = drawn(dataclasses.replace(nothing, f0_hz=np.zeros(40)))
    assert 'aria-label="F0 and energy"' in silent
    assert "no frame is voiced" in silent
    aligned = drawn(dataclasses.replace(nothing, durations=DURATIONS, symbols=SOUND.symbols))
    assert 'aria-label="symbols, alignment"' in aligned
    assert "<title>&lt;: 0.150 s to 0.400 s</title>" in aligned


def decode_png(uri: str) -> np.ndarray:
    """Decode a PNG of one byte a pixel to the brightness of its pixels."""
    data, at, chunks = base64.b64decode(uri.partition(",")[2]), 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + body),)
        chunks[kind], at = body, at + 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    brightness: np.ndarray = palette[lines[:, 1:]].sum(axis=2, dtype=int)
    return brightness


@pytest.mark.parametrize(("rate_hz", "top_hz"), [(24_000, 10_031), (48_000, 10_031), (8_000, 4_000)])
def test_spectrogram_shows_a_tone_at_its_frequency_and_time(rate_hz: int, top_hz: int) -> None:
    time = np.arange(rate_hz) / rate_hz
    tone = np.where(time > 0.5, np.sin(2 * np.pi * 3_000 * time), 0).astype(np.float32)
    picture = decode_png(draw_spectrogram(tone, rate_hz))
    assert find_top(rate_hz) == pytest.approx(top_hz, abs=1)
    height, width = picture.shape
    row, column = divmod(int(picture.argmax()), width)
    assert find_top(rate_hz) * (1 - (row + 0.5) / height) == pytest.approx(3_000, abs=2 * top_hz / height)
    assert column > width / 2
    assert picture[:, : width // 2 - 8].max() == picture.min()


def test_spectrogram_of_silence_is_dark() -> None:
    assert np.ptp(decode_png(draw_spectrogram(np.zeros(2_400, np.float32), RATE_HZ))) == 0


def test_four_utterances_of_noise_take_less_than_two_megabytes() -> None:
    """Noise is what compresses worst; the default graph's utterances take less than half."""
    audio = np.random.default_rng(0).uniform(-1, 1, 72_000).astype(np.float32)
    sound = Sound(audio, RATE_HZ, np.full(60, 2), ["ə"] * 60, np.full(240, 100.0), np.zeros(240), FRAME_S)
    assert 4 * (len(drawn(sound)) + len(make_player("audio", audio, RATE_HZ))) < 2_000_000
