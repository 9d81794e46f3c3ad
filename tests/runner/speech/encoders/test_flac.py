"""FLAC: no bit lost, and a header that says the number of samples."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from runner.errors import RunError
from runner.speech.encoders.formats import make_encoder
from runner.speech.pcm import round_to_16_bits
from tests.runner.speech.encoders.decoding import RATE_HZ, cut, decode_with_av, encode

AUDIO = np.random.default_rng(3).uniform(-1.2, 1.2, 30_011).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 4_095, 4_096, 4_097, 30_011])
@pytest.mark.parametrize("known", [True, False])
def test_flac_has_the_samples_of_wav(samples: int, known: bool) -> None:
    audio = AUDIO[:samples]
    decoded, _ = decode_with_av(encode(make_encoder("flac", RATE_HZ, samples if known else None), cut(audio, 999)))
    np.testing.assert_array_equal(decoded * 2**15, round_to_16_bits(audio))


def test_header_says_the_number_of_samples_and_nothing_else_changes() -> None:
    known, unknown = (encode(make_encoder("flac", RATE_HZ, total), [AUDIO]) for total in (AUDIO.size, None))
    file = soundfile.SoundFile(io.BytesIO(known))
    assert (file.frames, file.samplerate, file.subtype) == (30_011, RATE_HZ, "PCM_16")
    assert [at for at in range(len(known)) if known[at] != unknown[at]] == [24, 25]
    assert int.from_bytes(unknown[21:26], "big") & (2**36 - 1) == 0  # that is: unknown


def test_total_of_more_than_32_bits_is_written() -> None:
    total = 2**35 + 5
    data = make_encoder("flac", RATE_HZ, total).write(AUDIO)
    assert int.from_bytes(data[21:26], "big") & (2**36 - 1) == total
    assert data[20:21] + bytes([data[21] & 0xF0]) == make_encoder("flac", RATE_HZ, None).write(AUDIO)[20:22]


def test_rate_beyond_the_formats_is_refused() -> None:
    with pytest.raises(RunError, match=r"^FLAC of 700000 Hz: cannot be made: "):
        make_encoder("flac", 700_000, None)
