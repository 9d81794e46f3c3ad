"""`run --stream`: what a reader of the pipe gets, and when."""

from __future__ import annotations

import contextlib
import json
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


def speak(graph: Path, *args: object, output: str = "-") -> tuple[int, bytes, str]:
    command = [sys.executable, "-W", "error", "-m", "runner", str(graph), "--no-cache", "-o", output, *map(str, args)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("subtype", ["PCM_16", "float"])
@pytest.mark.parametrize("output", ["-", "/dev/stdout", "/dev/fd/1"])
def test_output_to_standard_output_and_a_raw_file_are_the_samples_of_a_wav_file(
    run: Run, timed_graph: Path, output: str, subtype: str
) -> None:
    Path("ipa.txt").write_text("hɛ\nɛ\n", encoding="utf-8")
    lines = ("--input", "ipa.txt", "--subtype", subtype)
    for name, times in (("a.wav", "a.srt"), ("b.raw", "b.srt")):
        assert run(timed_graph, *lines, "-o", name, "--timestamps", times, "-q")[0] == 0
    dtype = {"PCM_16": "int16", "float": "float32"}[subtype]
    wanted, _ = soundfile.read("a.wav", dtype=dtype)
    code, out, err = speak(timed_graph, *lines, "--timestamps", "c.srt", output=output)
    assert (code, err.startswith("/dev/stdout: 0.47 s of audio in ")) == (0, True)
    assert out == wanted.astype(np.dtype(dtype).newbyteorder("<")).tobytes() == Path("b.raw").read_bytes()
    assert Path("a.srt").read_bytes() == Path("b.srt").read_bytes() == Path("c.srt").read_bytes()


@pytest.mark.parametrize("pipe", ["p", "a.wav"])  # whatever it is called, it is no file that could be replaced
def test_named_pipe_gets_the_samples_and_stays(run: Run, timed_graph: Path, pipe: str) -> None:
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        code, out, _ = run(timed_graph, "--phonemes", "h", "-o", pipe, "--json", "-q")
        samples, _ = reader.communicate(timeout=30)
    assert (code, json.loads(out)["output"], Path(pipe).is_fifo()) == (0, pipe, True)
    assert len(samples) == 2 * 3 * TOKEN


def test_reader_of_a_named_pipe_that_goes_is_an_error(run: Run, tones_graph: Path) -> None:
    os.mkfifo("p")
    Path("ipa.txt").write_text("h\n" * 200, encoding="utf-8")
    with subprocess.Popen(["head", "-c", "10", "p"], stdout=subprocess.DEVNULL):
        code, _, err = run(tones_graph, "--input", "ipa.txt", "-o", "p", "-q", "--no-cache")
    assert (code, err) == (2, "p: cannot be written: Broken pipe\n")


def test_line_is_written_to_standard_output_before_the_last_is_spoken(tones_graph: Path, tmp_path: Path) -> None:
    lines = tmp_path / "ipa.txt"
    lines.write_text("h\n" * 3000, encoding="utf-8")
    command = [sys.executable, "-m", "runner", str(tones_graph), "--no-cache", "-q", "--input", str(lines), "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert len(process.stdout.read(TOKEN)) == TOKEN
        assert process.poll() is None
        process.stdout.close()
        assert process.wait(30) == 141


def test_line_that_fails_leaves_nothing_in_the_stream(tones_graph: Path, tmp_path: Path) -> None:
    (tmp_path / "ipa.txt").write_text("h\n7\nh\n", encoding="utf-8")
    code, out, err = speak(tones_graph, "--input", tmp_path / "ipa.txt", "-q")
    assert (code, out, "ipa.txt:2" in err) == (2, b"", True)  # lines are checked before the first is spoken
    code, out, err = speak(tones_graph, "--input", tmp_path / "ipa.txt", "-q", "--keep-going")
    assert (code, len(out), err.startswith("1 of 3 lines failed:")) == (1, 2 * (6 * TOKEN + PAUSE), True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--json"], "-o - and --json both write standard output"),
        (["--subtype", "PCM_24"], "subtype PCM_24: a stream takes PCM_16 or FLOAT"),
        (["--timestamps", ".srt"], ".srt: an extension names a file beside the audio, which is a stream; give a file"),
        (["--timestamps", "missing/a.srt"], "missing/a.srt: cannot be written"),
    ],
)
def test_options_that_do_not_go_with_standard_output_are_refused(
    timed_graph: Path, options: list[str], message: str
) -> None:
    code, out, err = speak(timed_graph, "--phonemes", "h", *options)
    assert (code, out) == (2, b"")
    assert message in err


def test_standard_output_that_is_a_file_which_is_read_is_refused(run: Run, tones_graph: Path) -> None:
    del run  # which has made the folder
    Path("ipa.txt").write_text("h\n", encoding="utf-8")
    command = [sys.executable, "-m", "runner", str(tones_graph), "--input", "ipa.txt", "--no-cache", "-o", "-"]
    with Path("ipa.txt").open("ab") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, Path("ipa.txt").read_bytes()) == (2, b"h\n")
    assert b"ipa.txt: --input reads the same file; give another" in done.stderr


@pytest.mark.parametrize("output", ["-", "/dev/stdout", "/dev/tty"])
def test_terminal_is_refused_as_output(tones_graph: Path, output: str) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "runner", str(tones_graph), "--phonemes", "h", "--no-cache", "-o", output]
    try:
        done = subprocess.run(
            ["setsid", "--ctty", "--wait", *command], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert b"is a terminal; give it to a player, as in `| aplay -t raw -f S16_LE -r 24000 -c 1`" in done.stderr


def test_output_that_is_no_audio_is_not_written_to_a_stream(run: Run, timed_graph: Path) -> None:
    code, _, err = run(timed_graph, "--phonemes", "h", "-o", "durations=-")
    assert (code, "the graph has no output 'durations'" in err) == (2, True)
    text = timed_graph.read_text("utf-8").replace(
        "outputs:\n  audio:", "outputs:\n  lengths: tones.durations\n  audio:"
    )
    timed_graph.write_text(text, "utf-8")
    code, _, err = run(timed_graph, "--phonemes", "h", "-o", "lengths=-")
    assert (code, err) == (2, "-o -: output 'lengths' is no audio, and a stream takes only audio\n")
    code, out, _ = run(timed_graph, "--phonemes", "h", "-o", "audio=/dev/null", "-o", "lengths=a.npy", "--json", "-q")
    assert json.loads(out)["outputs"] == {"audio": "/dev/null", "lengths": "a.npy"}


def test_replay_of_a_run_to_a_stream_writes_to_the_stream(run: Run, tones_graph: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "-o", "/dev/null", "-q")[0] == 0
    assert run("replay", "--json", "-q")[1].count('"output": "/dev/null"') == 1


def test_samples_that_a_stream_has_clipped_are_told(run: Run, tones_graph: Path) -> None:
    code, _, err = run(tones_graph, "--phonemes", "h", "--set", "params.speed=30", "-o", "/dev/null", "-q")
    assert (code, err.startswith("warning: /dev/null: 600 of 1800 samples are beyond [-1, 1] (up to 1.5)")) == (0, True)


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
