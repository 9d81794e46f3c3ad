"""WAV and raw samples: the bits of the command line's files, and headers that say the right sizes."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest
import soundfile

from runner.errors import SizeError
from runner.speech.encoders.formats import make_encoder
from runner.speech.pcm import PcmWriter
from tests.runner.speech.encoders.decoding import RATE_HZ, cut, decode_with_av, encode, make_audio

# Ties, both ends of the range, what is beyond it, and values next to a step
VALUES = np.array([0, 0.5, -0.5, 1, -1, 1.5, -7, 1 / 65536, -1 / 65536, 3 / 65536, 0.99999, 1e-9, -1e-9], np.float32)
AUDIO = np.concatenate((VALUES, np.random.default_rng(2).uniform(-1.2, 1.2, 5_000).astype(np.float32)))


def test_pcm_has_the_bits_of_the_command_lines_stream() -> None:
    stream = io.BytesIO()
    with PcmWriter(stream, "stream") as writer:
        writer.write(AUDIO)
    assert encode(make_encoder("pcm", RATE_HZ, None), cut(AUDIO, 700)) == stream.getvalue()


def test_wav_is_the_file_that_libsndfile_writes() -> None:
    file = io.BytesIO()
    soundfile.write(file, AUDIO, RATE_HZ, "PCM_16", format="WAV")
    assert encode(make_encoder("wav", RATE_HZ, AUDIO.size), cut(AUDIO, 700)) == file.getvalue()


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
def test_wav_without_sizes_is_read_to_its_end(rate_hz: int) -> None:
    audio = make_audio(7_001)
    data = encode(make_encoder("wav", rate_hz, None), cut(audio, 700))
    assert struct.unpack("<I", data[4:8]) == struct.unpack("<I", data[40:44]) == (2**32 - 1,)
    assert decode_with_av(data)[0].size == 7_001
    read, rate = soundfile.read(io.BytesIO(data))
    assert (read.size, rate) == (7_001, rate_hz)
    with wave.open(io.BytesIO(data)) as file:
        assert len(file.readframes(2**31 - 1)) == 2 * 7_001


def test_wav_refuses_more_than_its_sizes_hold() -> None:
    most = (2**32 - 2 - 36) // 2
    header = make_encoder("wav", RATE_HZ, most).begin()
    assert struct.unpack("<I", header[40:44]) == (2 * most,)
    message = r"^wav: holds at most 4 GB, and this is 4294967260 bytes; ask for flac or mp3$"
    with pytest.raises(SizeError, match=message):
        make_encoder("wav", RATE_HZ, most + 1)
