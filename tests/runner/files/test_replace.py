"""Replacing files that the user named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import RunError
from runner.files import atomic, replace
from tests.runner.conftest import Run
from tests.runner.toys import MINI


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing/a.wav", "missing: No such file or directory"),
        ("folder.wav", "cannot be written: it is a folder"),
        ("pipe.wav", "cannot be written: it is no regular file"),
        ("a" * 256, "cannot be written: File name too long"),
    ],
)
def test_check_writable_refuses(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "pipe.wav").symlink_to("/dev/null")
    with pytest.raises(RunError) as error:
        replace.check_writable(tmp_path / path)
    assert message in str(error.value)


KEPT = ("a.wav", "t.srt", "trace.json", "report.html", "ports/tokenize.input_ids.npy")


def test_a_run_and_its_repetition_keep_the_mode_of_every_file(run: Run, timed_graph: Path) -> None:
    files = ("--timestamps", "t.srt", "--trace", "trace.json", "--report", "report.html", "--save-tensors", "ports")
    assert run(timed_graph, "--phonemes", "h", "-o", "a.wav", *files)[0] == 0
    mask = os.umask(0)
    os.umask(mask)
    assert {name: Path(name).stat().st_mode & 0o777 for name in KEPT} == dict.fromkeys(KEPT, 0o666 & ~mask)
    for name in KEPT:
        Path(name).chmod(0o600)
    before = {name: Path(name).stat().st_ino for name in KEPT}
    assert run(timed_graph, "--phonemes", "hh", "-o", "a.wav", *files)[0] == 0
    assert {name: Path(name).stat().st_mode & 0o777 for name in KEPT} == dict.fromkeys(KEPT, 0o600)
    assert not any(Path(name).stat().st_ino == before[name] for name in KEPT)


def test_assets_keep_the_mode_of_the_files_they_replace(run: Run) -> None:
    words = ("assets", MINI / "config.json", MINI / "voices" / "low.npy", "-o", "out")
    assert run(*words)[0] == 0
    for path in Path("out").iterdir():
        path.chmod(0o600)
    assert run(*words)[0] == 0
    assert {path.name: path.stat().st_mode & 0o777 for path in Path("out").iterdir()} == {
        "low.npy": 0o600,
        "vocab.json": 0o600,
    }


@pytest.mark.parametrize("letter", ["a", "語"])
def test_output_may_have_the_longest_name_there_is(run: Run, timed_graph: Path, letter: str) -> None:
    Path("ipa.txt").write_text("h\nhh\n", "utf-8")
    name = letter * (251 // len(letter.encode())) + ".wav"
    name = "b" * (255 - len(name.encode())) + name
    left = Path(f".{atomic.shorten(name)}.zzzzzzzz.part")
    left.touch()
    for _ in range(2):  # the second one replaces the first
        assert run(timed_graph, "--input", "ipa.txt", "-o", name, "--timestamps", ".srt", "-q") == (0, "", "")
        assert sorted(path.name for path in Path().iterdir()) == sorted([name, name[:-4] + ".srt", "ipa.txt"])


@pytest.mark.parametrize("option", ["-o", "--trace", "--report"])
def test_a_name_that_no_file_can_have_is_refused(run: Run, tones_graph: Path, option: str) -> None:
    code, _, err = run(tones_graph, "--phonemes", "h", option, "a" * 252 + ".wav")
    assert (code, "cannot be written: File name too long" in err, "internal error" in err) == (2, True, False)
    assert list(Path().iterdir()) == []
