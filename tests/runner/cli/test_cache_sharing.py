"""`kokoro-run cache push` and `pull`, from one machine to another: another home, checkout, graph and build folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from runner.cache.cache import Cache
from runner.cli.exchange_display import LineDisplay, exchange_display
from runner.cli.main import cli
from runner.runtime import devices
from tests.conftest import ROOT
from tests.runner import small_model
from tests.runner.cache_faults import classify, put
from tests.runner.cli.test_progress import on_a_terminal

WORD = "hɛloʊ"
STAGES = """
from tvm.relax.frontend import nn
from stages.contract import In, Out, stage

@stage(t_en=In("float32[1, hidden, text]", "features"), y=Out("float32[1, hidden, text]", "the same, twice"))
class Twice(nn.Module):
    def __init__(self, dims):
        pass

    def forward(self, t_en):
        return t_en + t_en
"""
HALF = """
from stages.contract import In, Out, stage

@stage(y=In("float32[1, hidden, text]", "features"), z=Out("float32[1, hidden, text]", "a quarter"))
def half(y):
    return {"z": y * 0.25}
"""
BESIDE = """
  twice:
    module: build/{model}/{device}/twice.so
    entry: twice_forward
    source: ./twice.py
    device: host
    inputs:
      t_en: float32[1, hidden, text] <- text_encoder.t_en
    outputs:
      y: float32[1, hidden, text]
  half:
    module: ./half.py
    device: host
    inputs:
      y: float32[1, hidden, text] <- twice.y
    outputs:
      z: float32[1, hidden, text]
"""
WEAKER_CPU = """
from pathlib import Path
from runner.runtime import devices
devices._CPUINFO = Path(__file__).with_name("cpuinfo")
"""


@dataclass(frozen=True)
class Machine:
    """A checkout, a home and the folder of a graph, apart from those of other machines."""

    root: Path

    def run(self, *words: object, code: int = 0) -> str:
        """Run the command in the graph's folder; gives both streams."""
        home = self.root / "home"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("KOKORO", "XDG"))}
        env |= {"HOME": str(home), "PYTHONPATH": str(self.root / "checkout"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "runner", *map(str, words)]
        done = subprocess.run(command, cwd=self.root / "graph", env=env, check=False, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def weaken(self, feature: str) -> None:
        """Let the CPU lack a feature, in the workers of a build, too."""
        text = Path("/proc/cpuinfo").read_text("utf-8")
        (self.root / "checkout" / "cpuinfo").write_text(re.sub(rf" {feature}\b", "", text), "utf-8")
        (self.root / "checkout" / "sitecustomize.py").write_text(WEAKER_CPU, "utf-8")

    def plan(self) -> list[str]:
        """The lines of the plan that speak of stages."""
        said = self.run("plan", "words.yaml", "--phonemes", WORD)
        return [line for line in said.splitlines() if re.match(r"  (tokenize|text_encoder|twice|half) ", line)]


def make_machine(root: Path) -> Machine:
    checkout, graph = root / "checkout", root / "graph"
    (root / "home").mkdir(parents=True)
    for name in ("runner", "stages", "graphs", "configs/devices", "configs/models/mini"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", checkout)
    path = small_model.write(graph, small_model.weights())
    text = path.read_text("utf-8").replace("  t_en: text_encoder.t_en\n", "  z: half.z\n")
    path.write_text(text + BESIDE, "utf-8")
    (graph / "twice.py").write_text(STAGES, "utf-8")
    (graph / "half.py").write_text(HALF, "utf-8")
    return Machine(root)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine that has built the graph and run it."""
    machine = make_machine(tmp_path_factory.mktemp("first"))
    said = machine.run("run", "words.yaml", "--phonemes", WORD, "--save-tensors", "ports")
    assert said.count("compiling") == 2
    return machine


@pytest.fixture
def store(first: Machine, tmp_path: Path) -> Path:
    """A folder to which the first machine has pushed."""
    said = first.run("cache", "push", tmp_path / "store")
    sent = r"store: 2 libraries, 7 arrays and 4 records \(\d+\.\d KiB\) sent\n\Z"
    assert re.search(sent, said), said
    return tmp_path / "store"


def test_another_machine_finds_everything_and_builds_nothing(first: Machine, store: Path, tmp_path: Path) -> None:
    other = make_machine(tmp_path / "other" / "place")
    assert [line.split(maxsplit=1)[1] for line in other.plan()][1:3] == [
        "run: its library is built first: not built yet"
    ] * 2
    taken = r"store: 2 libraries, 7 arrays and 4 records \(\d+\.\d KiB\) taken\n\Z"
    assert re.search(taken, other.run("cache", "pull", store))
    assert all(re.match(r"  \w+ +(hit|not needed)", line) for line in other.plan()), other.plan()
    libraries = {path: path.stat().st_mtime_ns for path in other.root.rglob("build/small/cpu/*.so")}
    assert len(libraries) == 2
    said = other.run("run", "words.yaml", "--phonemes", WORD, "--save-tensors", "ports")
    assert "compiling" not in said
    assert {path: path.stat().st_mtime_ns for path in libraries} == libraries
    for path in (first.root / "graph" / "ports").iterdir():
        assert (other.root / "graph" / "ports" / path.name).read_bytes() == path.read_bytes()
    records = list((other.root / "home").rglob("records/*/*.json"))
    assert len(records) == 4  # no stage has run: there is no other result
    again = other.run("cache", "push", store)
    assert again == f"{store}: nothing (0 B) sent; 2 libraries, 7 arrays and 4 records were there before\n"
    for path in (path for path in store.rglob("*") if path.is_file()):
        assert str(first.root.parent).encode() not in path.read_bytes()


def test_a_flipped_byte_is_named_and_the_rest_is_taken(store: Path, tmp_path: Path) -> None:
    array = max((store / "tensors").rglob("*.npy"), key=lambda path: path.stat().st_size)
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    other = make_machine(tmp_path / "other")
    said = other.run("cache", "pull", store, code=1).splitlines()
    assert said[0] == f"{array}: its content is not what was written; not taken"
    assert re.fullmatch(rf"{store}: 2 libraries, 6 arrays and 4 records \(.*\) taken; 1 damaged", said[1])
    other.run("run", "words.yaml", "--phonemes", WORD)  # the stage that gave it runs again


@pytest.mark.skipif("avx2" not in devices.cpu_features(), reason="this machine's CPU lacks avx2")
def test_another_kind_of_cpu_misses_with_the_reason(store: Path, tmp_path: Path) -> None:
    """The other machine lacks what the first one's libraries use; it builds its own, and the plan says what differs."""
    other = make_machine(tmp_path / "other")
    other.weaken("avx2")
    said = other.run("cache", "pull", store).splitlines()
    assert re.fullmatch(rf"{store}: 5 arrays and 4 records \(.*\) taken", said[0])
    lacks = "was built for a CPU with avx2, which this one lacks"
    assert re.fullmatch(rf"  not taken: 2 arrays: results of a library that {lacks}", said[1])
    assert re.fullmatch(rf"  not taken: 2 libraries: each {lacks}", said[2])
    assert not (other.root / "checkout" / "build").exists()
    other.run("build", "words.yaml")
    [plan] = [line for line in other.plan() if line.split()[0] == "text_encoder"]
    assert re.match(r"  text_encoder +run: code changed \(text_encoder\.so\); .*target m(cpu|attr) ", plan), plan


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, ["cache", *map(str, words)])


@pytest.fixture
def cache(stage_cache: Path) -> Cache:
    cache = Cache(stage_cache)
    put(cache, 0)
    return cache


@pytest.mark.usefixtures("cache")
def test_urls_of_fsspec_are_pushed_to_and_pulled_from(tmp_path: Path) -> None:
    for url in (f"memory://{uuid.uuid4()}", f"file://{tmp_path}/store"):
        done = call("push", url, "--only", "results")
        assert (done.exit_code, done.output.partition(" (")[0]) == (0, f"{url}: 3 arrays and 1 record")
        there = tmp_path / url[:4]
        done = call("pull", url, "--cache-dir", there, "--build-dir", tmp_path)
        assert (done.exit_code, done.output.partition(" (")[0]) == (0, f"{url}: 3 arrays and 1 record")
        assert classify(Cache(there), 0) == "right"


@pytest.mark.usefixtures("cache")
def test_dry_run_says_what_would_be_moved(tmp_path: Path) -> None:
    store = tmp_path / "store"
    done = call("push", store, "--only", "results", "--dry-run")
    assert done.output == f"{store}: 3 arrays and 1 record (35.5 KiB) would be sent\n"
    assert not store.exists()


def test_only_results_that_were_used_lately_are_sent(cache: Cache, tmp_path: Path) -> None:
    record = next((cache.root / "records").rglob("*.json"))
    os.utime(record, (1e9, 1e9))
    done = call("push", tmp_path / "store", "--only", "results", "--max-age", "1d")
    assert done.output == f"{tmp_path / 'store'}: nothing (0 B) sent\n"
    assert call("push", tmp_path / "store", "--max-age", "1y").output.startswith("'1y' is no time: expected a number")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("pull", "{tmp}/none"),
            "{tmp}/none: holds no results and no libraries to take; check the URL, or push there first\n",
        ),
        (
            ("pull", "{tmp}/none", "--stage", "trim"),
            "{tmp}/none: holds no results and no libraries of trim to take; check the URL, or push there first\n",
        ),
        (("push", "{tmp}/file"), "{tmp}/file: is no folder; give a folder or a URL\n"),
        (("push", "{cache}"), "{cache}: is the cache itself; give another folder, or another --cache-dir\n"),
        (
            ("push", "nonsense://me:secret@bucket"),
            "nonsense://***@bucket: cannot be opened: Protocol not known: nonsense\n",
        ),
    ],
)
def test_mistakes_are_told_without_a_traceback(
    words: tuple[str, ...], message: str, cache: Cache, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    places = {"tmp": tmp_path, "cache": cache.root}
    done = call(*(word.format(**places) for word in words))
    assert (done.exit_code, done.output) == (2, message.format(**places))


def test_url_without_fsspec_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    done = call("push", "s3://bucket")
    assert done.exit_code == 2
    assert re.fullmatch(r"s3://bucket: URLs need fsspec\. Install it with: pip install .*\[corpus\]'\n", done.output)


@pytest.mark.usefixtures("cache")
def test_a_push_that_ends_early_says_what_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / "records").touch()
    monkeypatch.setattr("runner.files.stores.FolderStore.list_objects", lambda _store, _prefix: {})
    done = call("push", store, "--only", "results")
    assert done.exit_code == 2
    first, second = done.output.splitlines()
    assert first == "3 arrays sent so far: the same command goes on from there"
    assert re.fullmatch(rf"{store}/records/align/\w+\.json: cannot be written: .*(exists|directory)", second)


def test_progress_is_told_in_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    display = LineDisplay(every_s=0)
    display.begin("array", 2, 3072)
    display.advance(1024)
    display.advance(2048)
    display.begin("record", 1, 0)
    display.advance(0)
    display.wait("decoder")
    assert capsys.readouterr().err.splitlines() == [
        "arrays 1 of 2, 1.0 KiB of 3.0 KiB",
        "arrays 2 of 2, 3.0 KiB of 3.0 KiB",
        "records 1 of 1",
        "decoder: waiting for another process that builds or pulls it ...",
    ]


BARS = """
import time
from runner.cli.exchange_display import exchange_display

with exchange_display() as display:
    display.begin("array", 2, 3072)
    display.advance(1024)
    display.wait("decoder")
    time.sleep(0.3)
"""


def test_a_terminal_shows_a_bar_with_count_and_bytes(tmp_path: Path) -> None:
    text = on_a_terminal(BARS, cwd=tmp_path)
    assert re.search(r"arrays +━.*1/2 1\.0 KiB of 3\.0 KiB", text)
    assert "decoder: waiting for another process that builds or pulls it ..." in text


def test_quiet_shows_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with exchange_display(quiet=True) as display:
        display.begin("array", 1, 1)
        display.advance(1)
        display.wait("decoder")
    assert capsys.readouterr() == ("", "")
