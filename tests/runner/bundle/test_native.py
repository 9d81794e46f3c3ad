"""examples/native: the host in C++ writes the bytes of `DIR/run`, also in a root without Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bare_root import make_root, require_chroot, run_in_root
from tests.conftest import ROOT
from tests.runner.bundle.conftest import Speak

SOURCES = ROOT / "examples" / "native"
LINE = "həlˈO wˈɜɹld."
MOST_LINES = 600


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host, built by its Makefile."""
    compiler = next(filter(None, map(shutil.which, ("g++", "clang++"))), None)
    if compiler is None or shutil.which("make") is None:
        pytest.skip("a C++ compiler or make is not installed")
    folder = tmp_path_factory.mktemp("native")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    command = ["make", "-C", str(folder), f"CXX={compiler}", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "speak"


@pytest.fixture(scope="module")
def folder(bundle: Path, program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the graph `default` with the host in it."""
    copy = tmp_path_factory.mktemp("with-host") / "bundle"
    shutil.copytree(bundle, copy)
    shutil.copy(program, copy)
    return copy


def start(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(folder / "speak"), str(folder), *map(str, arguments)]
    return subprocess.run(command, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        (LINE, ()),
        ("ʤ", ("--voice", "high")),
        ("d\u0361z g c\u0327\u00e3 ", ("--seed", "7", "--threads", "1")),
        (" ".join([LINE] * 12), ("--speed", "1.2")),
        ("h%", ("--skip-unknown", "true", "--speed", "0.25")),
    ],
)
def test_the_host_writes_the_bytes_of_kokoro_run(
    folder: Path, speak: Speak, tmp_path: Path, line: str, options: tuple[str, ...]
) -> None:
    given = ("--phonemes", line, *options)
    done = start(folder, *given, "-o", tmp_path / "a.wav")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    expected = speak("default", *(word for word in given if word != "true"))
    assert (tmp_path / "a.wav").read_bytes() == expected


def test_the_host_speaks_phonemes_with_a_bundle_of_text(
    text_bundle: Path, program: Path, speak: Speak, tmp_path: Path
) -> None:
    shutil.copytree(text_bundle, tmp_path / "bundle")
    shutil.copy(program, tmp_path / "bundle")
    done = start(tmp_path / "bundle", "--phonemes", LINE, "-o", tmp_path / "a.wav")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.wav").read_bytes() == speak("default", "--phonemes", LINE, "--voice", "high")


def test_the_host_speaks_in_a_root_without_python(folder: Path, speak: Speak, tmp_path: Path) -> None:
    require_chroot()
    linked = [folder / "speak", *(folder / "python" / "tvm" / "lib").iterdir(), *(folder / "lib").iterdir()]
    root = make_root(tmp_path / "root", linked)
    assert [path for path in root.rglob("*") if re.search(r"python|libstdc|libgcc|libtvm", path.name)] == []
    shutil.copytree(folder, root / "speech", ignore=shutil.ignore_patterns("*.py", "*.pyc", "numpy*", "run"))
    paths = ("/speech/python/tvm_ffi/lib", "/speech/lib")
    done = run_in_root(root, "/speech/speak", "/speech", "--phonemes", LINE, "-o", "/tmp/a.wav", paths=paths)
    assert done.returncode == 0, done.stderr
    assert (root / "tmp" / "a.wav").read_bytes() == speak("default", "--phonemes", LINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--phonemes", "h%"), "unknown symbol '%'; --skip-unknown true drops it\n"),
        (("--phonemes", " "), "no phonemes: give at least one symbol\n"),
        (("--phonemes", "h" * 511), "511 symbols, the model takes at most 510; split the line\n"),
        (("--phonemes", "h", "--voice", "anna"), "voice 'anna' is not in the bundle\n"),
        (("--phonemes", "h", "--speed", "9"), "speed is 9, expected a number from 0.25 to 4\n"),
        (("--phonemes", "h", "--alphabet", "espeak"), "alphabet espeak: this host reads kokoro alone\n"),
        (("--phonemes", "h", "--tempo", "1"), "--tempo: the graph has no such parameter\n"),
        (("--phonemes",), "--phonemes: expected an option and its value\n"),
    ],
)
def test_the_host_refuses_in_a_sentence(folder: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = start(folder, *arguments[:2], *arguments[2:], *(("-o", tmp_path / "a.wav") if len(arguments) > 1 else ()))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    assert not (tmp_path / "a.wav").exists()


def test_the_host_refuses_a_folder_that_is_no_bundle_and_weights_that_are_cut(folder: Path, tmp_path: Path) -> None:
    command = [str(folder / "speak"), str(tmp_path), "--phonemes", "h"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"{tmp_path}/graph.txt: cannot be read; give the folder of a bundle\n")
    shutil.copytree(folder, tmp_path / "copy")
    weights = tmp_path / "copy" / "libraries" / "bert.weights"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = start(tmp_path / "copy", "--phonemes", "h", "-o", tmp_path / "a.wav")
    assert (done.returncode, done.stderr) == (2, f"{weights}: is truncated\n")


def test_the_host_refuses_another_processor(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / "graph.txt"
    path.write_text(path.read_text("utf-8") + "cpu\tavx9000\n", encoding="utf-8")
    done = start(tmp_path / "copy", "--phonemes", "h", "-o", tmp_path / "a.wav")
    assert (done.returncode, done.stderr) == (2, "the bundle needs a CPU with avx9000\n")


def test_the_host_is_short() -> None:
    assert (
        sum(path.read_text("utf-8").count("\n") for path in SOURCES.glob("*.*") if path.suffix in (".h", ".cc"))
        <= MOST_LINES
    )
