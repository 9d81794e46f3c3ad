"""All formats: length, the end of the audio, early bytes, and pieces of any size."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from runner.errors import RunError
from runner.speech.encoders.formats import FORMATS, make_encoder
from tests.runner.speech.encoders.decoding import (
    RATE_HZ,
    cut,
    decode_with_av,
    decode_with_soundfile,
    encode,
    make_audio,
    measure_end,
)

CONTAINERS = [name for name in FORMATS if name != "pcm"]  # what a decoder knows without being told
LENGTHS = (2_400, 4_096, 12_345, 24_000, 36_001)
MP3_DELAY, AAC_DELAY = 1105, 1024  # samples before the audio, where no header says so
# Samples of the audio that no decoder can have yet: what the encoders look ahead, and frames that are not full
LATENESS = {"mp3": 1_920, "opus": 2_160, "aac": 3_072, "flac": 4_096, "wav": 0}


def find_delay(name: str, *, known: bool) -> int:
    if name == "mp3" and not known:
        return MP3_DELAY
    return AAC_DELAY if name == "aac" else 0


def test_formats_are_those_of_openai_with_their_media_types() -> None:
    assert dict(FORMATS) == {
        "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
        "pcm": "audio/pcm",
    }  # fmt: skip
    assert {name: make_encoder(name, RATE_HZ, None).media_type for name in FORMATS} == dict(FORMATS)


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", CONTAINERS)
def test_encoder_gives_the_whole_audio_to_an_independent_decoder(name: str, known: bool, samples: int) -> None:
    audio = make_audio(samples)
    encoder = make_encoder(name, RATE_HZ, samples if known else None)
    decoded, rate_hz = decode_with_av(encode(encoder, cut(audio, 1_000)))
    assert rate_hz == (48_000 if name == "opus" else RATE_HZ)
    step, delay = rate_hz // RATE_HZ, find_delay(name, known=known)
    longer = decoded.size - step * samples
    if name == "mp3" and not known:
        assert MP3_DELAY + 47 <= longer < MP3_DELAY + 47 + 576  # LAME's padding less 529 samples of the decoder
    elif name == "aac":
        assert longer == AAC_DELAY + -samples % 1024
    else:
        assert longer == 0
    end = measure_end(decoded[step * delay :][: step * samples], rate_hz)
    loudness = 0.475 if name == "mp3" else 0.5  # LAME takes 0.95 of the amplitude at this bit rate
    np.testing.assert_allclose(end, loudness, rtol=0.15)  # all of it: 10 ms of which 2 are missing have 0.4


@pytest.mark.parametrize("name", ["mp3", "opus", "flac", "wav"])
def test_libsndfile_decodes_the_same_length(name: str) -> None:
    audio = make_audio(12_345)
    decoded, rate_hz = decode_with_soundfile(encode(make_encoder(name, RATE_HZ, audio.size), cut(audio, 2_000)))
    assert (decoded.size, rate_hz) == (audio.size, RATE_HZ)
    np.testing.assert_allclose(measure_end(decoded, rate_hz), 0.475 if name == "mp3" else 0.5, rtol=0.15)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", FORMATS)
def test_encoder_gives_the_same_bytes_when_the_audio_is_cut_into_pieces_of_other_sizes(name: str, known: bool) -> None:
    audio = make_audio(9_001)
    total = audio.size if known else None
    rng = np.random.default_rng(1)
    uneven = np.split(audio, np.sort(rng.integers(0, audio.size + 1, 40)))  # some of them empty
    first = encode(make_encoder(name, RATE_HZ, total), [audio])
    for pieces in (uneven, cut(audio, 1), cut(audio, 576), cut(audio, 1_024), cut(audio, 4_096)):
        assert encode(make_encoder(name, RATE_HZ, total), pieces) == first


@pytest.mark.parametrize("name", FORMATS)
def test_length_is_that_of_all_bytes_where_it_is_known(name: str) -> None:
    for samples in LENGTHS:
        encoder = make_encoder(name, RATE_HZ, samples)
        data = encode(encoder, [make_audio(samples)])
        assert encoder.length == (len(data) if name in {"mp3", "wav", "pcm"} else None)
    assert make_encoder(name, RATE_HZ, None).length is None


@pytest.mark.parametrize("name", CONTAINERS)
def test_bytes_of_audio_come_before_its_end(name: str) -> None:
    """Decode what has been sent after each 20 ms: the rest that is missing must not be more than the encoder needs."""
    encoder = make_encoder(name, RATE_HZ, None)
    sent, missing = encoder.begin(), []
    for number, piece in enumerate(cut(make_audio(24_000), 480), start=1):
        sent += encoder.write(piece)
        if 480 * number > 2 * LATENESS[name]:
            decoded, rate_hz = decode_with_av(sent)
            missing.append(480 * number - (decoded.size * RATE_HZ // rate_hz - find_delay(name, known=False)))
    assert len(missing) > 20
    assert max(missing) <= LATENESS[name]


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_refuses_another_number_of_samples_than_its_header_says(name: str) -> None:
    encoder = make_encoder(name, RATE_HZ, 1_000)
    encoder.write(make_audio(600))
    with pytest.raises(RunError, match=r"^audio: its header promises 1000 samples, and it ended after 600$"):
        encoder.end()
    with pytest.raises(RunError, match=r"^audio: its header promises 1000 samples, and 1200 came$"):
        encoder.write(make_audio(600))


@pytest.mark.parametrize("name", FORMATS)
def test_no_samples_are_a_header_or_nothing(name: str) -> None:
    assert len(encode(make_encoder(name, RATE_HZ, 0), [])) == (44 if name == "wav" else 0)
    assert make_encoder(name, RATE_HZ, 0).length == {"wav": 44, "pcm": 0, "mp3": 0}.get(name)


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_that_is_left_frees_its_memory(name: str) -> None:
    gc.disable()
    try:
        encoder = make_encoder(name, RATE_HZ, None)
        encoder.write(make_audio(5_000))
        gone = weakref.ref(encoder)
        del encoder
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac"])
def test_encoder_clips_what_is_beyond_one(name: str) -> None:
    audio = make_audio(9_000)
    loud = np.where(np.arange(9_000) % 50 == 0, np.float32(3.0), audio)
    total = audio.size
    expected = encode(make_encoder(name, RATE_HZ, total), [np.clip(loud, -1, 1)])
    assert encode(make_encoder(name, RATE_HZ, total), [loud]) == expected


def test_unknown_format_is_refused_with_a_hint() -> None:
    with pytest.raises(RunError, match=r"^format mp4: there is none of this name; did you mean 'mp3'\?$"):
        make_encoder("mp4", RATE_HZ, None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mp3", "mp3 of 23000 Hz: the format has 8000, 11025, 12000, .* 48000 Hz; ask for wav, pcm or flac"),
        ("opus", "opus of 23000 Hz: the format has 8000, 12000, 16000, 24000, 48000 Hz; ask for wav, pcm or flac"),
        ("aac", "aac of 23000 Hz: the format has 7350, 8000, .* 96000 Hz; ask for wav, pcm or flac"),
    ],
)
def test_rate_that_a_format_does_not_have_is_refused(name: str, message: str) -> None:
    with pytest.raises(RunError, match=f"^{message}$"):
        make_encoder(name, 23_000, None)
    assert len(encode(make_encoder("flac", 23_000, None), [make_audio(5_000)])) > 1_000
