"""`DIR/run`: it speaks as `kokoro-run` does, wherever the folder lies, with nothing but libc and Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bare_root import find_python, make_root, require_chroot, run_in_root
from tests.runner.bundle.conftest import Speak

LINE = "həlˈO wˈɜɹld."


def start(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `DIR/run` by an interpreter without packages, in a folder that has none of this project's."""
    command = [str(find_python()), "-I", str(folder / "run"), *map(str, arguments)]
    return subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def spoken(folder: Path, path: Path, *arguments: object) -> bytes:
    done = start(folder, *arguments, "-o", path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.startswith(f"{path}: ")
    return path.read_bytes()


@pytest.mark.parametrize(
    "options",
    [(), ("--voice", "high"), ("--voice", "low*0.3+high*0.7", "--speed", "1.3"), ("--seed", "7", "--threads", "1")],
)
def test_run_writes_the_bytes_of_kokoro_run(
    bundle: Path, speak: Speak, tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert spoken(bundle, tmp_path / "a.wav", "--phonemes", LINE, *options) == speak(
        "default", "--phonemes", LINE, *options
    )


def test_run_speaks_lines_of_a_file_and_cuts_long_ones(bundle: Path, speak: Speak, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text(f"{LINE}\n# a comment\n{' '.join([LINE] * 45)}\n", encoding="utf-8")
    given = ("--input", str(tmp_path / "lines.txt"))
    assert spoken(bundle, tmp_path / "a.wav", *given) == speak("default", *given)


def test_run_speaks_text_and_phonemes_of_a_graph_of_text(text_bundle: Path, speak: Speak, tmp_path: Path) -> None:
    text = ("--text", "It costs $5.50, Dr. Frobnitz. [pause:0.2s] [rate:0.8] And goes on.\n\nAgain.", "--lang", "en-gb")
    expected = speak("text", *text[:2], "--set", "params.lang=en-gb", "--voice", "high")
    assert spoken(text_bundle, tmp_path / "a.wav", *text) == expected
    phonemes = ("--phonemes", LINE)
    assert spoken(text_bundle, tmp_path / "b.wav", *phonemes) == speak("default", *phonemes, "--voice", "high")


def test_run_takes_a_lexicon_from_a_file_and_reads_ssml(text_bundle: Path, speak: Speak, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("Frobnitz\tfɹˈɑbnɪts\n", encoding="utf-8")
    text = ("--text", "<speak>Dr. Frobnitz <break time='200ms'/> spoke.</speak>")
    expected = speak("text", *text, "--voice", "high", "--lexicon", str(tmp_path / "words.txt"))
    assert spoken(text_bundle, tmp_path / "a.wav", *text, "--lexicon", f"@{tmp_path}/words.txt") == expected


def test_a_bundle_may_be_moved_linked_to_and_read_only(bundle: Path, speak: Speak, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "ünder a space"
    shutil.copytree(bundle, moved)
    (tmp_path / "link").symlink_to(moved / "run")
    for place, _, names in os.walk(moved):
        for name in (".", *names):
            os.chmod(f"{place}/{name}", 0o555)  # noqa: PTH101
    done = subprocess.run(
        [find_python(), tmp_path / "link", "--phonemes", LINE, "-o", tmp_path / "a.wav"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.wav").read_bytes() == speak("default", "--phonemes", LINE)


@pytest.mark.parametrize("graph", ["default", "text"])
def test_run_speaks_in_a_root_with_nothing_but_libc_and_python(
    request: pytest.FixtureRequest, speak: Speak, tmp_path: Path, graph: str
) -> None:
    require_chroot()
    folder: Path = request.getfixturevalue("bundle" if graph == "default" else "text_bundle")
    root = make_root(tmp_path / "root", [], python=True)
    assert [path for path in root.rglob("*") if re.search(r"libstdc|libgcc|numpy|tvm", path.name)] == []
    shutil.copytree(folder, root / "speech")
    given = ("--phonemes", LINE) if graph == "default" else ("--text", "Hello, 2 worlds.")
    done = run_in_root(root, find_python(), "/speech/run", *given, "-o", "/tmp/a.wav")
    assert done.returncode == 0, done.stderr
    expected = speak(graph, *given, "--voice", "low" if graph == "default" else "high")
    assert (root / "tmp" / "a.wav").read_bytes() == expected


def test_run_imports_nothing_from_elsewhere(bundle: Path) -> None:
    code = f"""
import runpy, sys
before = set(sys.modules)
sys.argv = ["run", "--phonemes", "h", "-o", "/dev/null"]
try:
    runpy.run_path({str(bundle / "run")!r})
except SystemExit:
    pass
new = [module for name, module in sys.modules.items() if name not in before]
print([m.__file__ for m in new if "site-packages" in (getattr(m, "__file__", None) or "")])
print(any(m.__name__ in ("click", "pydantic", "yaml", "tvm", "soundfile") for m in new))
print("runner.speech.speaker" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "False", "True"]


def test_a_copy_is_checked_like_every_library(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    weights = tmp_path / "copy" / "libraries" / "decoder.weights"
    weights.write_bytes(weights.read_bytes()[:-64] + bytes(64))
    done = start(tmp_path / "copy", "--phonemes", "h", "-o", tmp_path / "a.wav")
    assert done.returncode == 2
    assert f"{weights} is damaged: not the bytes that were built" in done.stderr
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize(
    "name",
    ["python/tvm/lib/libtvm_runtime.so", "python/runner/errors.py", "python/numpy/_core/__init__.py", "bundle.json"],
)
def test_a_copy_that_lacks_a_file_is_refused_in_a_sentence(bundle: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    (copy / name).unlink()
    done = start(copy, "--phonemes", "h", "-o", tmp_path / "a.wav")
    assert (done.returncode, done.stderr) == (2, f"{copy / name} is missing or damaged: copy the bundle again\n")
    assert not (tmp_path / "a.wav").exists()


def test_a_graph_without_a_model_is_damaged(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    path = tmp_path / "copy" / "graph.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "model": None}), "utf-8")
    done = start(tmp_path / "copy", "--phonemes", "h")
    assert (done.returncode, done.stderr) == (2, f"{path} is damaged: it names no model; copy the bundle again\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--phonemes", "h", "-o", "a.mp3"),
            "a.mp3: a bundle writes .wav files alone; give a name that ends in .wav\n",
        ),
        (("--phonemes", "h", "--voice", "anna"), "voice 'anna': not in "),
        (("--phonemes", "h", "--speed", "9"), "params.speed is 9.0, expected 0.25 to 4\n"),
        (("--phonemes", "h%"), "--phonemes: stage 'tokenize': column 2: unknown symbol '%' U+0025"),
        (("--phonemes", " "), "--phonemes: is blank; give at least one symbol\n"),
        (("--input", "/no/such"), "/no/such: cannot be read: No such file or directory\n"),
    ],
)
def test_run_refuses_in_a_sentence(bundle: Path, arguments: tuple[str, ...], message: str) -> None:
    done = start(bundle, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of the arguments --phonemes --input is required"),
        (("--phonemes", "h", "--skip-unknown", "yes"), "'yes' is neither true nor false"),
        (("--phonemes", "h", "--threads", "0"), "'0' is no number from 1 to 1024"),
        (("--phonemes", "h", "--threads", "999999999"), "'999999999' is no number from 1 to 1024"),
        (("--text", "Hello."), "one of the arguments --phonemes --input is required"),
    ],
)
def test_run_refuses_wrong_options(bundle: Path, arguments: tuple[str, ...], message: str) -> None:
    done = start(bundle, *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_help_lists_voices_and_parameters(bundle: Path) -> None:
    done = start(bundle, "--help")
    assert done.returncode == 0
    assert "Speaks with the graph 'kokoro' and the model 'mini'." in done.stdout
    assert "high, low, a file, or a mix as in A*0.4+B*0.6; low" in " ".join(done.stdout.split())
    assert "--skip-unknown VALUE" in done.stdout


def test_another_python_is_told_which_one_the_bundle_is_for(bundle: Path, tmp_path: Path) -> None:
    text = (bundle / "run").read_text("utf-8")
    expected = f"({sys.implementation.cache_tag!r}, {os.uname().machine!r})"
    assert expected in text
    (tmp_path / "run").write_text(text.replace(expected, "('cpython-27', 'vax')"), encoding="utf-8")
    done = start(tmp_path)
    assert done.returncode == 2
    got = f"got {sys.implementation.cache_tag} on {os.uname().machine}, expected cpython-27 on vax"
    assert done.stderr == f"{tmp_path}/run: {got}: start it with that Python, or make a bundle with this one\n"


def test_nothing_in_a_bundle_names_a_place_of_this_machine(bundle: Path, repository: Path, build_root: Path) -> None:
    own = [str(place).encode() for place in (repository, build_root, Path.home())]
    for name in ("bundle.json", "graph.json", "graph.txt", "config.json", "run", "libraries/bert.json"):
        content = (bundle / name).read_bytes()
        assert not [place for place in own if place in content], name
    for path in bundle.glob("python/runner/**/*.pyc"):
        assert str(bundle).encode() not in path.read_bytes()


def test_the_list_of_files_is_complete(bundle: Path) -> None:
    table = json.loads((bundle / "bundle.json").read_text("utf-8"))
    there = {path.relative_to(bundle).as_posix(): path.stat().st_size for path in bundle.rglob("*") if path.is_file()}
    del there["bundle.json"]
    assert table["files"].keys() == there.keys()
    sizes = {name: file["size"] for name, file in table["files"].items() if not name.startswith("libraries/")}
    assert sizes == {name: there[name] for name in sizes}
    assert (table["format"], table["graph"], table["model"]) == (1, "kokoro", "mini")
