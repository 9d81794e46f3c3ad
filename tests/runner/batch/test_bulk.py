"""Many lines: in bounded memory, past bad ones, and on from where a kill has stopped them."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runner.cli import main
from runner.speech import audio_file
from tests.runner.timed_speech import TOKEN
from tests.systems import needs_proc

Run = Callable[..., tuple[int, str, str]]
OPTIONS = ("--no-cache", "--subtype", "FLOAT")
FOLDER, ONE_FILE = ("-o", "out/"), ("-o", "out.wav")

MEASURED = """
import sys
from runner.cli import main

sys.argv = ["kokoro-run", *sys.argv[1:]]
try:
    main.main()
except SystemExit as ended:
    code = ended.code or 0
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(code, line.split()[1])
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, timed_graph: Path) -> Run:
    """The console script on the graph that tells times, in an empty folder: exit code, output, error."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kokoro-run", str(timed_graph), *OPTIONS, *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def ipa(text: str) -> None:
    Path("ipa.txt").write_text(text, encoding="utf-8")


def levels(path: str) -> list[int]:
    audio_file, _ = soundfile.read(path, dtype="float32")
    return [round(float(level) * 1000) for level in audio_file[::TOKEN]]


def names(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def subprocess_of(graph: Path, *args: object) -> list[str]:
    return [sys.executable, "-c", MEASURED, str(graph), *OPTIONS, "-q", *map(str, args)]


def environment(repository: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(repository)}


# what stands in line 2, what is said of it
BAD = {
    "unknown symbol": (b"%", "stage 'tokenize': column 1: unknown symbol '%'"),
    "no UTF-8": (b"h\xff", "not UTF-8: byte 0xff; save the file as UTF-8"),
    "a word too long": (
        b"h" * 15,
        "column 1: 15 symbols without a space or a mark to split at, but the model takes at",
    ),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize(("output", "made"), [(FOLDER, ["0001.wav", "0003.wav"]), (ONE_FILE, None)])
def test_keep_going_leaves_bad_lines_out(run: Run, case: str, output: tuple[str, str], made: list[str] | None) -> None:
    line, fact = BAD[case]
    Path("ipa.txt").write_bytes(b"h\n" + line + b"\nhh\n")
    code, _, err = run("--input", "ipa.txt", *output, "--keep-going", "--pause", 0.025)
    assert code == 1
    head, listed = err.splitlines()[-2:]
    assert head == "1 of 3 lines failed:"
    assert listed.startswith(f"ipa.txt:2: {fact}")
    if made is None:
        assert levels("out.wav") == [0, 50, 0, 0, 0, 50, 50, 0]
        assert names() == ["ipa.txt", "out.wav"]
    else:
        assert [name for name in names("out") if name.endswith("wav")] == made


def test_keep_going_saves_the_arrays_of_the_other_lines(run: Run) -> None:
    ipa("h\n%\nhh\n")
    assert run("--input", "ipa.txt", *ONE_FILE, "--keep-going", "--save-tensors", "t")[0] == 1
    assert names("t") == ["0001", "0003"]


def test_arrays_of_a_line_that_fails_later_leave_no_gap_in_the_names(run: Run) -> None:
    ipa("h\nh. hhhhhhhhhhhhh\nhh\n")
    small = ("--set", "dims.samples.max=4800", "--keep-going")
    assert run("--input", "ipa.txt", *ONE_FILE, *small, "--save-tensors", "t")[0] == 1
    assert np.load("t/0003/tokenize.input_ids.npy").shape == (1, 4)


def test_arrays_of_a_line_that_takes_two_runs_lie_in_two_folders(run: Run) -> None:
    ipa("# note\nhh. hɛhɛhɛh, hhɛ hhh.\nh\n")
    assert run("--input", "ipa.txt", *ONE_FILE, "--save-tensors", "t")[0] == 0
    assert (names("t"), [name for name in names("t/0002") if "." not in name]) == (["0002", "0003"], ["2"])
    sizes = [np.load(f"t/0002/{part}tones.audio.npy").size for part in ("", "2/")]
    assert sum(sizes) == (sum(len(part) + 2 for part in ("hh. hɛhɛhɛh,", "hhɛ hhh."))) * TOKEN


def test_files_of_a_folder_have_the_numbers_of_the_lines(run: Run) -> None:
    ipa("# a note\n\nh\n# another\nhh\n")
    assert run("--input", "ipa.txt", *FOLDER)[0] == 0
    assert names("out") == ["0003.wav", "0005.wav"]


WITH_IDS = "utt1\th\n# note\nutt.2\thh\n"


def test_ids_name_what_is_written(run: Run) -> None:
    ipa(WITH_IDS)
    options = ("--timestamps", ".json", "--save-tensors", "t")
    assert run("--input", "ipa.txt", "--ids", *FOLDER, *options)[0] == 0
    assert names("out") == ["utt.2.json", "utt.2.wav", "utt1.json", "utt1.wav"]
    assert names("t") == ["utt.2", "utt1"]
    line = json.loads(Path("out/utt.2.json").read_text("utf-8"))["utterances"][0]
    assert (line["line"], line["id"], line["phonemes"]) == ("ipa.txt:3", "utt.2", "hh")
    run("--input", "ipa.txt", "--ids", *ONE_FILE, "--timestamps", "t.tsv")
    head, first, *_ = Path("t.tsv").read_text("utf-8").splitlines()
    assert head.split("\t")[-3:] == ["line", "column", "id"]
    assert first.split("\t")[-3:] == ["ipa.txt:1", "1", "utt1"]


def test_ids_name_bad_lines(run: Run) -> None:
    ipa(f"{WITH_IDS}UTT1\th\nx/y\th\nbad\t%\n")
    code, out, err = run("--input", "ipa.txt", "--ids", *FOLDER, "--keep-going", "--json")
    assert code == 1
    found = [(error["line"], error.get("id"), error["error"][:26]) for error in json.loads(out)["failed"]]
    assert found == [
        ("ipa.txt:4", "UTT1", "id 'UTT1' names line 1 alr"),
        ("ipa.txt:5", None, "id 'x/y' holds '/', which "),
        ("ipa.txt:6", "bad", "stage 'tokenize': column 1"),
    ]
    assert "ipa.txt:6 (bad): stage 'tokenize': column 1: unknown symbol '%'" in err
    assert [name for name in names("out") if name.endswith("wav")] == ["utt.2.wav", "utt1.wav"]


def test_ids_need_lines(run: Run) -> None:
    code, _, err = run("--phonemes", "h", "--ids")
    assert (code, "--ids: the ids are in the lines of --input FILE" in err) == (2, True)


def test_without_keep_going_nothing_is_spoken(run: Run) -> None:
    ipa("h\n%\nh\n")
    code, _, err = run("--input", "ipa.txt", *ONE_FILE)
    assert code == 2
    assert err.startswith("ipa.txt:2: stage 'tokenize'")
    assert names() == ["ipa.txt"]


def test_a_run_of_bad_lines_alone_writes_nothing(run: Run) -> None:
    ipa("%\n&\n")
    code, _, err = run("--input", "ipa.txt", *ONE_FILE, "--keep-going")
    assert code == 1
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["2 of 2 lines failed:", "ipa.txt:1", "ipa.txt:2"]
    assert names() == ["ipa.txt"]


@pytest.mark.parametrize("output", [FOLDER, ONE_FILE])
def test_a_line_that_fails_while_it_is_spoken_leaves_nothing_of_itself(run: Run, output: tuple[str, str]) -> None:
    # The second chunk of line 2 is longer than what the graph allows for its audio.
    ipa("h\nh. hhhhhhhhhhhhh\nhh\n")
    small = ("--set", "dims.samples.max=4800")
    code, _, err = run("--input", "ipa.txt", *output, *small, "--keep-going", "--pause", 0.025)
    assert code == 1
    assert "1 of 3 lines failed:\nipa.txt:2: tones.audio: expected float32[samples]" in err
    if output is ONE_FILE:
        assert levels("out.wav") == [0, 50, 0, 0, 0, 50, 50, 0]
        assert names() == ["ipa.txt", "out.wav"]
    else:
        assert names("out") == [".kokoro-run.jsonl", "0001.wav", "0003.wav"]


CAUSE = "once the cause of the error is removed"
KEPT = {
    (): CAUSE,
    ("--keep-going", *FOLDER): CAUSE,
    ("--no-resume",): f"{CAUSE} and without --no-resume",
    ("--trace", "t.json", "--save-tensors", "all"): f"{CAUSE} and without --save-tensors and --trace",
}


@pytest.mark.parametrize("options", KEPT)
def test_a_repetition_that_would_fail_again_is_not_promised(run: Run, options: tuple[str, ...]) -> None:
    ipa("h\nhhhhhhhhhhhhh\n")
    place = () if "-o" in options else ONE_FILE
    _, _, err = run("--input", "ipa.txt", *place, "--set", "dims.samples.max=4800", *options)
    assert f"1 finished line is kept: the same command goes on from there, {KEPT[options]}\n" in err


def test_a_file_that_its_format_cannot_hold_ends_the_run_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audio_file._MAX_BYTES, "AIFF", audio_file._HEADER_BYTES + 4 * 4000)
    ipa("h\nh\nh\n")
    code, _, err = run("--input", "ipa.txt", "-o", "a.aiff", "--pause", 0.1, "--keep-going")
    assert code == 2
    fact = "a.aiff: AIFF holds at most 4000 samples of FLOAT, and this is more; give .w64, .rf64 or .flac"
    assert err == f"{fact}; with the output a.w64 the same command goes on from here\n"
    assert (
        "1 of 3 lines were finished by an earlier run\n" in run("--input", "ipa.txt", "-o", "a.w64", "--pause", 0.1)[2]
    )
    assert soundfile.info("a.w64").frames == 3 * 3 * TOKEN + 2 * 2400
    assert names(".") == ["a.w64", "ipa.txt"]


@pytest.mark.parametrize(("output", "name"), [(FOLDER, "out/0001.wav"), (ONE_FILE, "out.wav")])
def test_a_wav_too_large_is_an_rf64(
    run: Run, monkeypatch: pytest.MonkeyPatch, output: tuple[str, str], name: str
) -> None:
    ipa("hhhh\n")
    formats = []
    for most in (3600, 3599):
        monkeypatch.setitem(audio_file._MAX_BYTES, "WAV", audio_file._HEADER_BYTES + 4 * most)
        assert run("--input", "ipa.txt", *output, "-q")[0] == 0
        formats.append(soundfile.info(name).format)
        assert levels(name) == [0, 50, 50, 50, 50, 0]
    assert formats == ["WAV", "RF64"]


def test_mended_lines_alone_are_spoken_into_a_folder(run: Run) -> None:
    ipa("h\n%\nhh\n")
    run("--input", "ipa.txt", *FOLDER, "--keep-going")
    stamp = Path("out/0001.wav").stat().st_mtime_ns
    ipa("h\nɛ\nhh\n")
    code, _, err = run("--input", "ipa.txt", *FOLDER)
    assert code == 0
    assert err.startswith("2 of 3 lines were finished by an earlier run\n")
    assert levels("out/0002.wav") == [0, 86, 0]
    assert Path("out/0001.wav").stat().st_mtime_ns == stamp
    assert names("out") == ["0001.wav", "0002.wav", "0003.wav"]


# what changes after three lines, two of them good, which of these are spoken again
CHANGES = {
    "nothing": ((), "h\n%\nhh\n", 0),
    "a line": ((), "ɛ\n%\nhh\n", 1),
    "a parameter": (("--speed", 2), "h\n%\nhh\n", 2),
    "how samples are stored": (("--subtype", "PCM_16"), "h\n%\nhh\n", 2),
    "timestamps": (("--timestamps", ".json"), "h\n%\nhh\n", 2),
    "the graph": (("--set", "params.seed=7"), "h\n%\nhh\n", 2),
    "no wish to resume": (("--no-resume",), "h\n%\nhh\n", 2),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_has_changed_is_spoken_again(run: Run, case: str) -> None:
    more, text, spoken = CHANGES[case]
    ipa("h\n%\nhh\n")
    run("--input", "ipa.txt", *FOLDER, "--keep-going")
    ipa(text)
    _, out, _ = run("--input", "ipa.txt", *FOLDER, "--keep-going", "--json", *more)
    assert json.loads(out)["utterances"] == {"total": 3, "spoken": spoken, "resumed": 2 - spoken, "failed": 1}


@pytest.mark.parametrize("damage", ["removed", "cut", "changed"])
def test_a_file_that_is_not_what_was_written_is_made_again(run: Run, damage: str) -> None:
    ipa("h\n%\nhh\n")
    run("--input", "ipa.txt", *FOLDER, "--keep-going")
    path = Path("out/0001.wav")
    data, wanted = path.read_bytes(), soundfile.read(path, dtype="float32")[0]
    path.unlink()
    if damage != "removed":
        path.write_bytes(data[:-8] if damage == "cut" else data[:-8] + b"\x01" * 8)
    _, out, _ = run("--input", "ipa.txt", *FOLDER, "--keep-going", "--json")
    assert json.loads(out)["utterances"]["spoken"] == 1
    # The file itself says when it was made: libsndfile puts a time into the header of floats.
    np.testing.assert_array_equal(soundfile.read(path, dtype="float32")[0], wanted)


@pytest.mark.parametrize("junk", [b'{"number": 1, "dig', b"\x00\xff\n", b"[]\n{}\n", b'{"number": "x"}\n'])
def test_a_torn_journal_is_no_obstacle(run: Run, junk: bytes) -> None:
    ipa("h\n%\nhh\n")
    run("--input", "ipa.txt", *FOLDER, "--keep-going")
    with Path("out/.kokoro-run.jsonl").open("ab") as file:
        file.write(junk)
    for text, spoken, resumed in (("h\nɛ\n%\n", 1, 1), ("h\nɛ\nhɛ\n", 1, 2)):
        ipa(text)
        _, out, _ = run("--input", "ipa.txt", *FOLDER, "--keep-going", "--json")
        counts = json.loads(out)["utterances"]
        assert (counts["spoken"], counts["resumed"]) == (spoken, resumed)


def test_two_runs_do_not_write_to_one_place(run: Run) -> None:
    ipa("h\nh\n")
    Path("out").mkdir()
    with Path("out/.kokoro-run.jsonl").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, _, err = run("--input", "ipa.txt", *FOLDER)
    assert (code, "another run is writing there; wait for its end, or choose another output" in err) == (2, True)


@pytest.mark.parametrize(
    ("output", "journal"), [(FOLDER, "out/.kokoro-run.jsonl"), (ONE_FILE, ".out.wav.kokoro-run.jsonl")]
)
def test_a_killed_run_goes_on_where_it_was(
    run: Run, timed_graph: Path, repository: Path, output: tuple[str, str], journal: str
) -> None:
    count = 800
    ipa("".join(f"{'h' * (number % 7 + 1)}\n" for number in range(count)))
    options = ("--subtype", "PCM_16", "--timestamps", ".tsv")  # with FLOAT, libsndfile writes the time of day
    command = subprocess_of(timed_graph, "--input", "ipa.txt", *output, *options)
    for finished in (10, 60, 200):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment(repository)) as process:
            while process.poll() is None and entries(journal) < finished:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    done = entries(journal)
    code, out, _ = run("--input", "ipa.txt", *output, *options, "--json")
    counts = json.loads(out)["utterances"]
    assert code == 0
    assert done - 1 <= counts["resumed"] <= done  # the last entry may be torn
    assert counts["spoken"] == count - counts["resumed"]
    run("--input", "ipa.txt", *(("-o", "whole/") if output is FOLDER else ("-o", "whole.wav")), *options)
    if output is FOLDER:
        assert names("out") == names("whole")
        assert all(Path("out", name).read_bytes() == Path("whole", name).read_bytes() for name in names("whole"))
    else:
        assert Path("out.wav").read_bytes() == Path("whole.wav").read_bytes()
        assert Path("out.tsv").read_bytes() == Path("whole.tsv").read_bytes()
        assert names() == ["ipa.txt", "out.tsv", "out.wav", "whole.tsv", "whole.wav"]


def entries(journal: str) -> int:
    path = Path(journal)
    return path.read_bytes().count(b"\n") if path.exists() else 0


@needs_proc
@pytest.mark.parametrize(("output", "counts"), [(FOLDER, (200, 1_000)), (ONE_FILE, (200, 10_000))])
def test_ten_thousand_lines_take_the_memory_of_a_few(
    run: Run, timed_graph: Path, repository: Path, output: tuple[str, str], counts: tuple[int, int]
) -> None:
    del run  # which has made the folder
    peaks = []
    for count in counts:
        ipa("hɛhɛhɛhɛ\n" * count)
        command = subprocess_of(timed_graph, "--input", "ipa.txt", *output, "--timestamps", ".json")
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(repository))
        code, peak = map(int, done.stdout.split())
        assert code == 0
        peaks.append(peak / 1024)
    assert peaks[1] - peaks[0] < 8, f"{peaks} MiB"


def test_a_line_split_over_chunks_is_spoken_whole(run: Run) -> None:
    ipa("h\nhh. hɛhɛhɛh, hhɛ hhh.\n")
    assert run("--input", "ipa.txt", *ONE_FILE, "--timestamps", ".json", "--pause", 0.1)[0] == 0
    audio_file, rate = soundfile.read("out.wav", dtype="float32")
    table = json.loads(Path("out.json").read_text(encoding="utf-8"))
    line = table["utterances"][1]
    assert [word["text"] for word in line["words"]] == ["hh", "hɛhɛhɛh", "hhɛ", "hhh"]
    assert [word["column"] for word in line["words"]] == [1, 5, 14, 18]
    assert table["seconds"] == round(len(audio_file) / rate, 6) == line["end"]
    assert line["start"] == pytest.approx(3 * TOKEN / rate + 0.1)
    for word in line["words"]:
        for symbol in (s for s in line["symbols"] if word["start"] <= s["start"] < word["end"]):
            middle = audio_file[round((symbol["start"] + symbol["end"]) / 2 * rate)]
            assert middle == pytest.approx({"h": 0.05, "ɛ": 0.086}[symbol["text"]])
    assert np.abs(np.diff(audio_file)).max() <= 0.0861  # the toy's own step, from ɛ to 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("t.txt", "t.txt: no format of timestamps is called '.txt'; there are .json, .tsv, .TextGrid, .srt, .vtt"),
        ("none/t.srt", "none/t.srt: cannot be written: "),
    ],
)
def test_bad_timestamps_are_refused_before_any_work(run: Run, given: str, message: str) -> None:
    code, _, err = run("--phonemes", "h", "--timestamps", given)
    assert (code, names()) == (2, [])
    assert message in err


def test_timestamps_lie_beside_each_file_of_a_folder(run: Run) -> None:
    ipa("h\nhh\n")
    _, out, _ = run("--input", "ipa.txt", *FOLDER, "--timestamps", "t.srt", "--json")
    assert names("out") == ["0001.srt", "0001.wav", "0002.srt", "0002.wav"]
    assert json.loads(out)["timestamps"] == "out/*.srt"
    assert Path("out/0002.srt").read_text("utf-8") == "1\n00:00:00,025 --> 00:00:00,075\nhh\n\n"
