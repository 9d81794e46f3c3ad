"""Runs of the default graph that are killed at any moment: nothing wrong stays, and the next run gives the audio."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from runner.api import Pipeline
from runner.build.build import build
from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.graph.load import load_graph
from runner.speech.audio_file import AudioFile
from stages.dims import SAMPLE_RATE_HZ
from tests.conftest import ROOT
from tests.runner.conftest import Show

WORDS = ("hɛlˈO wˈɜɹld", "ðə smˈɔl dˈɔɡ ɹˈæn", "kæn ju tˈɛl mi?")
SPEEDS = (0.8, 1.0, 1.3)
AUDIO = "out.wav"
_UNFINISHED = re.compile(rf"\.{re.escape(AUDIO)}\.[a-z0-9_]{{8}}\.part")  # a name that nobody takes for the audio


@dataclass(frozen=True)
class Speech:
    """What a run is asked for; another seed runs the decoder again, another speed `align` and what follows."""

    words: str
    speed: float
    seed: int
    voice: Path

    @property
    def options(self) -> list[str]:
        numbers = ["--speed", str(self.speed), "--seed", str(self.seed)]
        return ["--phonemes", self.words, "--voice", str(self.voice), *numbers]


class Runs:
    """Runs of the default graph on its own model, each a process in `folder`, all with one cache."""

    def __init__(self, folder: Path, build_root: Path) -> None:
        self.folder, self.cache = folder, Cache(folder / "cache")
        self._work = folder / "work"
        self._work.mkdir()
        self._options = ["--build-dir", str(build_root), "--cache-dir", str(self.cache.root), "-q", "-o", AUDIO]
        self._pipeline = Pipeline(load_graph("default"), build_root)
        pack = self._pipeline.resolve("voice", None)
        self._voices = [folder / "first.npy", folder / "second.npy"]
        for path, values in zip(self._voices, (pack, pack[::-1] * np.float32(0.9)), strict=True):
            np.save(path, values)

    def speeches(self, random_: random.Random) -> Iterator[Speech]:
        """What to say next, without end; sometimes what was said before."""
        said: list[Speech] = []
        while True:
            new = Speech(random_.choice(WORDS), random_.choice(SPEEDS), len(said), random_.choice(self._voices))
            said.append(new)
            yield new
            if random_.random() < 0.25:
                yield random_.choice(said)

    def start(self, speech: Speech) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-m", "runner", "default", *speech.options, *self._options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, cwd=self._work, env=environment, stderr=subprocess.PIPE, text=True)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command on the cache."""
        command = [sys.executable, "-m", "runner", *words, "--cache-dir", str(self.cache.root)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def complete(self, speech: Speech) -> bytes:
        """The audio of a run that nobody kills; it must say nothing, as nothing is damaged."""
        process = self.start(speech)
        _, said = process.communicate()
        assert (process.returncode, said) == (0, "")
        return (self._work / AUDIO).read_bytes()

    def kill(self, speech: Speech, after_s: float, *, at_work: bool) -> bool:
        """Whether a run was killed; False if it ended before.

        Args:
            after_s: from its start or, if `at_work`, from the first stage whose results it has kept.
        """
        known, process = self.records(), self.start(speech)
        while at_work and self.records() == known and process.poll() is None:
            time.sleep(0.001)
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0)
        assert said == ""
        return process.returncode != 0

    def expected(self, speech: Speech) -> bytes:
        """The audio of a run without a cache."""
        params = {"speed": speech.speed, "seed": speech.seed}
        audio = self._pipeline.run({"phonemes": speech.words, "voice": str(speech.voice)}, RunOptions(params=params))[
            "audio"
        ]
        with AudioFile(self.folder / "expected.wav", SAMPLE_RATE_HZ) as file:
            file.write(audio)
        return (self.folder / "expected.wav").read_bytes()

    def take_away(self) -> tuple[bytes | None, int]:
        """The audio that lies there, and how many unfinished files; nothing else may be there, and nothing stays."""
        path = self._work / AUDIO
        audio = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        rest = list(self._work.iterdir())
        assert [file.name for file in rest if not _UNFINISHED.fullmatch(file.name)] == []
        for file in rest:
            file.unlink()
        return audio, len(rest)

    def records(self) -> int:
        return sum(1 for _ in (self.cache.root / "records").rglob("*.json"))


@pytest.fixture
def runs(tmp_path: Path, cache_folder: Path) -> Runs:
    root = cache_folder / "build"
    build(load_graph("default"), root)
    return Runs(tmp_path, root)


def usual_end(runs: Runs, speeches: Iterator[Speech]) -> float:
    """How long a run takes that has something to compute [s]."""
    taken = []
    for _ in range(3):
        begin = time.perf_counter()
        runs.complete(next(speeches))
        taken.append(time.perf_counter() - begin)
    return sorted(taken)[1]


def test_killed_runs_leave_nothing_wrong(runs: Runs, full: bool, show: Show) -> None:
    random_ = random.Random(0)
    speeches = runs.speeches(random_)
    end, counts = usual_end(runs, speeches), Counter[str]()
    runs.take_away()
    while counts["killed"] < (200 if full else 12):
        speech, known = next(speeches), runs.records()
        # Most of the time goes by before the first stage runs, so every other kill waits for that.
        at_work = random_.random() < 0.5
        killed = runs.kill(speech, random_.uniform(0, end / 4 if at_work else end), at_work=at_work)
        new = runs.records() - known
        checked = runs.cache.verify()
        audio, unfinished = runs.take_away()
        right = runs.expected(speech)
        assert checked.damaged == []
        assert audio in (None, right)
        assert killed or audio is not None
        assert runs.complete(speech) == right
        runs.take_away()
        counts["killed" if killed else "ended before the kill"] += 1
        counts["killed when stages had been kept"] += killed and new > 0
        counts["killed when the audio was there"] += killed and audio is not None
        counts["unfinished audio files"] += unfinished
    counts["unfinished files in the cache"] = sum(1 for _ in runs.cache.root.rglob("*.tmp"))
    show("runs", counts)
    assert counts["killed when stages had been kept"] > 0 or not full
    assert_cache_is_whole(runs)


def assert_cache_is_whole(runs: Runs) -> None:
    """By the commands that look at it; and what killed writers left goes with the first eviction once it is old."""
    verified, listed = runs.command("cache", "verify"), runs.command("runs", "-n", "1000")
    assert (verified.returncode, verified.stderr) == (0, "")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert len(listed.stdout.splitlines()) == len(list((runs.cache.root / "runs").iterdir()))
    for path in runs.cache.root.rglob("*.tmp"):
        os.utime(path, (0, 0))
    runs.cache.evict(now=True)
    assert list(runs.cache.root.rglob("*.tmp")) == []
