"""`run --stream`: what a reader of the pipe gets, and when."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runner.errors import RunError
from runner.speech.pcm import PcmWriter
from tests.runner.conftest import Run

TOKEN = 600  # samples
PAUSE = 7200  # samples of 0.3 s


def start(graph: Path, *args: object, **how: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "error", "-m", "runner", str(graph), "--stream", "--no-cache", *map(str, args)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{**pipes, **how})  # type: ignore[call-overload]


def streamed(graph: Path, *args: object, data: bytes = b"") -> tuple[int, bytes, str]:
    out, err = (process := start(graph, *args)).communicate(data, timeout=60)
    return process.returncode, out, err.decode()


def test_the_samples_are_those_of_a_wav_file(run: Run, tones_graph: Path) -> None:
    Path("ipa.txt").write_text("hɛ\nɛ\n", encoding="utf-8")
    assert run(tones_graph, "--input", "ipa.txt", "-o", "a.wav", "-q")[0] == 0
    wanted, _ = soundfile.read("a.wav", dtype="int16")
    code, out, err = streamed(tones_graph, "--input", "ipa.txt")
    assert code == 0
    np.testing.assert_array_equal(np.frombuffer(out, "<i2"), wanted)
    assert err.startswith("0.47 s of audio in ")
    assert "the first of it after " in err
    assert sorted(path.name for path in Path().iterdir()) == ["a.wav", "ipa.txt"]


def test_floats_are_not_rounded(run: Run, tones_graph: Path) -> None:
    run(tones_graph, "--phonemes", "hɛ", "-o", "a.wav", "--subtype", "FLOAT", "-q")
    _, out, _ = streamed(tones_graph, "--phonemes", "hɛ", "--subtype", "FLOAT", "-q")
    np.testing.assert_array_equal(np.frombuffer(out, "<f4"), soundfile.read("a.wav", dtype="float32")[0])


def test_a_line_is_spoken_before_the_next_is_written(tones_graph: Path) -> None:
    with start(tones_graph, "--input", "-", "-q") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("hɛ\n".encode())
        process.stdin.flush()
        first = process.stdout.read(4 * TOKEN * 2)  # would wait for ever if the line were held back
        assert [round(level / 32.767) for level in np.frombuffer(first, "<i2")[::TOKEN]] == [0, 50, 86, 0]
        assert process.poll() is None
        process.stdin.write(b"h\n")
        process.stdin.close()
        assert len(process.stdout.read()) == 2 * (PAUSE + 3 * TOKEN)
        assert process.wait(30) == 0


def test_lines_before_a_bad_line_are_written(tones_graph: Path) -> None:
    code, out, err = streamed(tones_graph, "--input", "-", "-q", data=b"h\n7\nh\n")
    assert code == 2
    assert len(out) == 2 * 3 * TOKEN
    assert "standard input:2" in err
    code, out, err = streamed(tones_graph, "--input", "-", "-q", "--keep-going", data=b"h\n7\nh\n")
    assert code == 1
    assert len(out) == 2 * (6 * TOKEN + PAUSE)
    assert err.startswith("1 line failed:\nstandard input:2")


def test_a_reader_that_goes_ends_the_run_quietly(tones_graph: Path) -> None:
    with start(tones_graph, "--input", "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"h\n")
        process.stdin.flush()
        process.stdout.read(TOKEN)
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            while process.poll() is None:
                process.stdin.write(b"h\n")
                process.stdin.flush()
                time.sleep(0.01)
        assert process.wait(30) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "a.wav"], "leave --output out"),
        (["--json"], "leave --json out"),
        (["--timestamps", ".srt"], "leave --timestamps out"),
        (["--until", "tokenize"], "leave --until out"),
        (["--load", "tokenize.input_ids=absent.npy"], "leave --load out"),
        (["--timings"], "leave --timings out"),
        (["--subtype", "PCM_24"], "PCM_16 or FLOAT"),
    ],
)
def test_options_without_meaning_for_a_stream_are_refused(tones_graph: Path, options: list[str], message: str) -> None:
    code, out, err = streamed(tones_graph, "--phonemes", "h", *options)
    assert (code, out) == (2, b"")
    assert message in err


def test_closed_standard_streams_are_reported(tones_graph: Path) -> None:
    for closing, message in (
        ("--stream >&-", "standard output is closed"),
        ("--input - <&-", "standard input is closed"),
    ):
        phonemes = [] if "--input" in closing else ["--phonemes", "h"]
        words = [sys.executable, "-m", "runner", str(tones_graph), "--no-cache", *phonemes]
        done = subprocess.run(f"{shlex.join(words)} {closing}", shell=True, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert message in done.stderr


def test_samples_of_any_level_are_those_of_a_wav_file(tmp_path: Path) -> None:
    audio = (np.random.default_rng(0).standard_normal(20_000) * 0.5).astype(np.float32)  # some beyond [-1, 1]
    soundfile.write(tmp_path / "a.wav", audio, 24_000, "PCM_16")
    with (tmp_path / "a.pcm").open("wb") as file, PcmWriter(file, "a.pcm") as writer:
        writer.write(audio)
    wanted, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    np.testing.assert_array_equal(np.fromfile(tmp_path / "a.pcm", "<i2"), wanted)


def test_a_terminal_is_refused(tones_graph: Path) -> None:
    ours, theirs = os.openpty()
    try:
        with start(tones_graph, "--phonemes", "h", stdout=theirs) as process:
            assert process.stderr is not None
            assert b"aplay -t raw -f S16_LE -r 24000 -c 1" in process.stderr.read()
            assert process.wait(30) == 2
    finally:
        os.close(ours)
        os.close(theirs)


def test_writer_computes_ahead_of_a_slow_reader_and_no_further() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as file, PcmWriter(file, "a.pcm") as writer:
        begin = time.monotonic()
        for _ in range(3):  # 100 kB each: the pipe holds less than one
            writer.write(np.zeros(50_000, np.float32))
        assert time.monotonic() - begin < 5
        taken = 0
        while taken < 300_000:
            taken += len(os.read(reading, 65536))
    os.close(reading)
    assert writer.samples == 150_000


def test_writer_reports_a_full_disk() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(RunError, match="cannot be written: No space"),
        PcmWriter(full, "full") as writer,
    ):
        writer.write(np.zeros(10, np.float32))
