"""MP3: a tag that says what LAME's own says, before the first sample."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from runner.speech.encoders.formats import make_encoder
from runner.speech.encoders.mp3_tag import Mp3Layout, compute_crc
from tests.runner.speech.encoders.decoding import (
    RATE_HZ,
    cut,
    decode_with_av,
    decode_with_soundfile,
    encode,
    make_audio,
)

RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
LAME_AT, DELAYS_AT, BYTES_AT, CRC_AT = 120, 141, 148, 154  # from "Info"


def encode_with_lame(audio: npt.NDArray[np.float32], rate_hz: int) -> bytes:
    """Encode a whole file, to which LAME puts the tag at the end."""
    file = io.BytesIO()
    level = Mp3Layout(rate_hz).sndfile_level
    soundfile.write(
        file, audio, rate_hz, "MPEG_LAYER_III", format="MP3", compression_level=level, bitrate_mode="CONSTANT"
    )
    return file.getvalue()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_tag_says_what_lame_says_of_the_finished_file(rate_hz: int) -> None:
    tag_bytes = Mp3Layout(rate_hz).tag_bytes
    for samples in (1, 575, 576, 577, 1151, 1152, 1153, 2_304, 10_007, 25_003):
        audio = make_audio(samples, rate_hz)
        ours, lames = encode(make_encoder("mp3", rate_hz, samples), cut(audio, 1_000)), encode_with_lame(audio, rate_hz)
        assert ours[tag_bytes:] == lames[tag_bytes:]
        at = lames.index(b"Info")
        assert ours[: at + 16] == lames[: at + 16]  # header of the frame, number of frames and of bytes
        for start, end in ((LAME_AT, 10), (DELAYS_AT - 1, 4), (BYTES_AT, 4)):  # version; bit rate and delays; bytes
            assert ours[at + start :][:end] == lames[at + start :][:end]
        assert len(ours) == len(lames) == make_encoder("mp3", rate_hz, samples).length


def test_length_is_true_for_every_number_of_samples() -> None:
    chance = np.random.default_rng(20)
    for samples in [*range(1_300), *chance.integers(1_300, 300_000, 60).tolist()]:
        encoder = make_encoder("mp3", RATE_HZ, samples)
        audio = chance.uniform(-1, 1, samples).astype(np.float32) * np.float32(chance.choice([0, 0.1, 1]))
        assert len(encode(encoder, [audio])) == encoder.length


def test_crc_of_the_tag_is_made_as_lame_makes_it() -> None:
    lames = encode_with_lame(make_audio(5_000), RATE_HZ)
    end = lames.index(b"Info") + CRC_AT
    assert struct.unpack(">H", lames[end : end + 2]) == (compute_crc(lames[:end]),)
    ours = make_encoder("mp3", RATE_HZ, 5_000).begin()
    assert struct.unpack(">H", ours[end : end + 2]) == (compute_crc(ours[:end]),)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_decoders_give_exactly_the_samples_when_their_number_was_known(rate_hz: int) -> None:
    for samples in (rate_hz // 2, rate_hz // 2 + 17):
        data = encode(make_encoder("mp3", rate_hz, samples), [make_audio(samples, rate_hz)])
        assert [decode(data)[0].size for decode in (decode_with_av, decode_with_soundfile)] == [samples, samples]


def test_stream_of_unknown_length_has_no_tag() -> None:
    audio = make_audio(9_000)
    data = encode(make_encoder("mp3", RATE_HZ, None), cut(audio, 100))
    assert b"Info" not in data
    assert b"Xing" not in data
    assert data == encode(make_encoder("mp3", RATE_HZ, audio.size), cut(audio, 100))[Mp3Layout(RATE_HZ).tag_bytes :]


def test_places_of_the_tag_lead_to_the_hundredths() -> None:
    tag = make_encoder("mp3", RATE_HZ, 100_000).begin()
    at = tag.index(b"Info") + 16
    places = list(tag[at : at + 100])
    assert places == sorted(places)
    assert (places[0], places[50], places[99]) == (0, 128, 253)


def test_audio_begins_where_it_did() -> None:
    rng = np.random.default_rng(4)
    audio = np.cumsum(rng.normal(0, 0.01, 12_000)).astype(np.float32)
    audio = (audio - np.convolve(audio, np.ones(200) / 200, "same")).astype(np.float32)
    decoded, _ = decode_with_av(encode(make_encoder("mp3", RATE_HZ, audio.size), [audio]))
    match = np.correlate(decoded[1_000:9_000], audio[1_100:8_900], "valid")
    assert np.argmax(match) == 100
