"""Audio files, and the ways of not writing them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runner.errors import RunError
from runner.speech import audio_file
from runner.speech.audio_file import AudioFile

RATE = 24_000

OVER_THE_LIMIT = """
import resource, sys
from pathlib import Path
import numpy as np
from runner.speech.audio_file import AudioFile
from runner.errors import RunError

resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
noise = np.random.default_rng(0).normal(0, 0.1, 240_000).astype(np.float32)
try:
    with AudioFile(Path(sys.argv[1]), 24_000) as file:
        file.write(noise)
except RunError as error:
    print(error)
"""


def tone(samples: int = 2400) -> np.ndarray:
    return (0.5 * np.sin(np.arange(samples) * 0.1)).astype(np.float32)


def write(path: Path, *parts: np.ndarray, subtype: str | None = None) -> AudioFile:
    with AudioFile(path, RATE, subtype) as file:
        for part in parts:
            file.write(part)
    return file


@pytest.mark.parametrize(
    ("name", "subtype", "expected"),
    [
        ("a.wav", None, ("WAV", "PCM_16")),
        ("a.WAV", None, ("WAV", "PCM_16")),
        ("a.wav", "float", ("WAV", "FLOAT")),
        ("a.flac", None, ("FLAC", "PCM_16")),
        ("a.flac", "PCM_24", ("FLAC", "PCM_24")),
        ("a.ogg", None, ("OGG", "VORBIS")),
        ("a.opus", None, ("OGG", "OPUS")),
        ("a.aif", None, ("AIFF", "PCM_16")),
    ],
)
def test_format_follows_the_extension(
    tmp_path: Path, name: str, subtype: str | None, expected: tuple[str, str]
) -> None:
    write(tmp_path / name, tone(), subtype=subtype)
    info = soundfile.info(str(tmp_path / name))
    assert (info.format, info.subtype) == expected
    assert (info.samplerate, info.channels, info.frames) == (RATE, 1, 2400)


@pytest.mark.parametrize(
    ("subtype", "dtype"), [(None, "<i2"), ("PCM_16", "<i2"), ("PCM_32", "<i4"), ("FLOAT", "<f4"), ("DOUBLE", "<f8")]
)
def test_raw_file_holds_little_endian_samples_and_nothing_else(tmp_path: Path, subtype: str | None, dtype: str) -> None:
    write(tmp_path / "a.raw", tone(), tone(), subtype=subtype)
    found = np.fromfile(tmp_path / "a.raw", dtype)
    full = np.iinfo(dtype).max if dtype[1] == "i" else 1.0
    np.testing.assert_allclose(found / full, np.tile(tone(), 2), rtol=0, atol=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["a.raw"]


@pytest.mark.parametrize(
    ("name", "subtype", "message"),
    [
        ("a.xyz", None, "no audio format is called '.xyz'; there are .aif, .aiff"),
        ("a", None, "its name says no audio format"),
        ("a.flac", "FLOAT", "FLAC has no subtype 'FLOAT'; it has PCM_S8, PCM_16, PCM_24"),
    ],
)
def test_choose_format_refuses(name: str, subtype: str | None, message: str) -> None:
    with pytest.raises(RunError) as error:
        audio_file.choose_format(Path(name), subtype)
    assert message in str(error.value)


def test_float_keeps_every_bit_and_nothing_is_clipped(tmp_path: Path) -> None:
    samples = tone() * 3
    file = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_array_equal(read, samples)
    assert file.clipped == 0


def test_clipped_samples_are_counted_and_kept_at_the_limit(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", np.array([0.0, 1.5, -2.0, 1.0], np.float32))
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert read.tolist() == [0, 32767, -32768, 32767]
    assert (file.clipped, file.peak) == (2, 2.0)


def test_parts_are_joined_with_silence(tmp_path: Path) -> None:
    with AudioFile(tmp_path / "a.wav", RATE) as file:
        file.write(tone(10))
        file.silence(0.5)
        file.write(tone(10))
    read, _ = soundfile.read(tmp_path / "a.wav")
    assert len(read) == 20 + RATE // 2
    assert not read[10:-10].any()


# samples of each format at which libsndfile 1.2.2 wraps round, or reads less than it has written
TOO_MANY = {
    ("a.wav", "ULAW"): ("RF64", 2**32),
    ("a.wav", "PCM_16"): ("RF64", 2**31),
    ("a.wav", "DOUBLE"): ("RF64", 2**29),
    ("a.aiff", "PCM_16"): (None, 2**31),
    ("a.voc", "PCM_16"): (None, 2**23),
    ("a.htk", "PCM_16"): (None, 2**30),
    ("a.mat4", "DOUBLE"): (None, 2**31 + 1),
    ("a.sds", "PCM_16"): (None, 2**21 + 1),
    ("a.w64", "PCM_16"): ("W64", 2**31),
    ("a.flac", "PCM_16"): ("FLAC", 2**31),
    ("a.au", "PCM_16"): ("AU", 2**31),
}


@pytest.mark.parametrize(("name", "subtype"), TOO_MANY)
def test_format_holds_the_samples_or_is_refused(name: str, subtype: str) -> None:
    format_, samples = TOO_MANY[name, subtype]
    if format_ is not None:
        assert audio_file.choose_format(Path(name), subtype, samples) == (format_, subtype)
        return
    with pytest.raises(RunError, match=f"^{name}: .* holds at most .* samples of {subtype}, and this is more; give"):
        audio_file.choose_format(Path(name), subtype, samples)


def test_wav_below_the_limit_is_a_plain_one() -> None:
    assert audio_file.choose_format(Path("a.wav"), "PCM_16", 2**31 - 2048) == ("WAV", "PCM_16")


def test_format_with_its_header_in_another_file_is_refused() -> None:
    with pytest.raises(RunError, match=r"a\.sd2: no audio format is called '\.sd2'"):
        audio_file.choose_format(Path("a.sd2"))


def test_same_audio_makes_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone())
    write(tmp_path / "b.wav", tone(1200), tone()[1200:])
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write(tmp_path / "a.wav", tone())
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "plain").stat().st_mode


def write_and_raise(path: Path, error: type[BaseException]) -> None:
    with AudioFile(path, RATE) as file:
        file.write(tone())
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_old_file_stays_when_writing_ends_early(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(error):
        write_and_raise(path, error)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_nothing_is_left_when_the_disk_takes_no_more(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    command = [sys.executable, "-c", OVER_THE_LIMIT, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: cannot be written: File too large\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_nothing_is_left_on_a_full_disk(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        with pytest.raises(RunError, match=r"a\.wav: cannot be written: No space left on device"):
            write(tmp_path / "a.wav", tone(240_000))
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
