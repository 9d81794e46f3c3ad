"""The files of the corpus, made with libespeak-ng."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("parselmouth", reason="the extra [train] is not installed")
pytest.importorskip("torch", reason="the extra [train] is not installed")

from training.corpus import Shard, Spoken, build, load, main, make
from training.errors import TrainingError
from training.sentences import sentences
from training.speakers import SPEAKERS

_HOURS = 3 * 3.84 / 3600  # a shard of three sentences


@pytest.fixture(params=sorted(SPEAKERS))
def speaker_name(request: pytest.FixtureRequest) -> str:
    """A voice of the corpus, where libespeak-ng and the dictionary are installed."""
    name: str = request.param
    try:
        SPEAKERS[name].espeak()
        next(sentences(1))
    except TrainingError as error:
        pytest.skip(str(error))
    return name


def test_make_writes_what_the_corpus_promises(speaker_name: str, tmp_path: Path) -> None:
    for audio in (True, False):
        path = tmp_path / f"{audio}.pt"
        hours = make(Shard(speaker_name, 1, audio, 5, path, sentences=3))
        made = load(path)
        assert sum(len(each["f0"]) for each in made) / 80 / 3600 == pytest.approx(hours)
        for each in made:
            frames = len(each["f0"]) // 2
            assert each["n"].shape == (2 * frames,)
            assert [int(durations.sum()) for _, durations in each["spellings"]] == [frames, frames]
            assert all(len(tokens) == len(durations) for tokens, durations in each["spellings"])
            assert (each["audio"] is not None) == audio
            assert each["audio"] is None or each["audio"].shape == (600 * frames,)
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith(".part")] == []


def test_build_is_the_same_after_an_interruption_and_with_any_number_of_workers(
    speaker_name: str, tmp_path: Path
) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    assert [line for line in build(whole, 2 * _HOURS, 0, seed=1, workers=2, size=3) if "audio.pt" in line]
    for line in build(again, 2 * _HOURS, 0, seed=1, workers=1, size=3):
        if line:  # stopped after the first shard
            break
    made = {path.name: path.stat().st_mtime_ns for path in (again / "shards").iterdir()}
    list(build(again, 2 * _HOURS, 0, seed=1, workers=2, size=3))
    assert all((again / "shards" / name).stat().st_mtime_ns == time for name, time in made.items())
    _assert_same(load(whole / f"{speaker_name}.pt"), load(again / f"{speaker_name}.pt"))


def test_less_than_a_shard_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "corpus"), "--hours", "0.1"]) == 2
    assert capsys.readouterr().err == "error: hours: got 0.1, too little for one shard; give 0.27 or more\n"
    assert not (tmp_path / "corpus").exists()


def _assert_same(one: list[Spoken], other: list[Spoken]) -> None:
    assert [spoken["text"] for spoken in one] == [spoken["text"] for spoken in other]
    for ours, theirs in zip(one, other, strict=True):
        for name in ("audio", "f0", "n"):
            np.testing.assert_array_equal(ours[name], theirs[name])
        for spelling, its in zip(ours["spellings"], theirs["spellings"], strict=True):
            np.testing.assert_array_equal(spelling, its)
