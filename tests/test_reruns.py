"""What runs again after each change: makes the table of docs/reruns.md by doing each, and compares it.

`KOKORO_WRITE_DOCS=1 pytest tests/test_reruns.py` writes the file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from runner.build.build import build
from runner.engine import record
from runner.graph.load import load_graph
from tests.runner.graphs import model_of

ORDER = ["tokenize", "voice", "bert", "duration", "text_encoder", "align", "f0n", "decoder", "trim"]
WORDS = "hɛlˈoʊ wˈɜɹld"
_HEAD = """# What runs again

Each row is one change after a run of `graphs/default.yaml` of which everything is kept: `run` where the stage ran
again, blank where it did not. `tests/test_reruns.py` makes this table by doing each change, and fails if it is another.

"""
_COMMENT = ("from __future__", "# a comment\nfrom __future__")
_NOTES = """
What a stage gives is known by its content: where one runs again and gives the same, nothing below it runs. So it is
with `skip_unknown`, and with other code of `align` for the same numbers. A comment in the source of `f0n` has its
library built again, to the same bytes, so that nothing runs. `bert` does not depend on the voice; `duration` does.

`kokoro-run replay` does a run again with the files that it read, from any folder: the last one (`replay last`), or one
that `kokoro-run runs` lists. It takes the options of `run`, each of which replaces that of the run:

    kokoro-run replay last --speed 1.2 --voice am_adam --until f0n --save-tensors ports

With `--input` or `--phonemes` other lines are spoken as those of the run were; arrays of its `--load` are then left
out, since they belong to its lines. Not taken over are the options that force stages to run, that name files (the
audio is put beside that of the run, as `NAME.replay.wav`) and that say what is printed. A voice, `--vocab` or `--load`
file that has changed since, or is gone, is refused, unless an option gives another. Other code, libraries, weights and
versions are told.
"""


class Change(NamedTuple):
    """One change: options of the run, and an edit of the checkout that is taken back afterwards."""

    what: str
    options: tuple[str, ...] = ()
    edit: tuple[str, str, str] | None = None
    phonemes: str = WORDS


@pytest.fixture(scope="module")
def checkout(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a run needs, to be edited."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("runner", "stages", "graphs", "configs"):
        shutil.copytree(repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def model(synthetic: Callable[[str, int, str], Path], cache_folder: Path, checkout: Path) -> Path:
    """The tiny model, its libraries built in the copy's `build`, and the decoder's of operators too: these sum in
    another order than the kernels, and so give other audio on every CPU."""
    path, root = synthetic("tiny", 0, "pth"), cache_folder / "build"
    build(load_graph("default", [str(path)]), root)
    build(load_graph("default", [str(path)], ["devices.accel=cpu-operators:0"]), root, only=["decoder"])
    shutil.copytree(root / "synthetic-tiny-0", checkout / "build" / "synthetic-tiny-0")
    return path


@pytest.fixture
def speak(checkout: Path, model: Path, stage_cache: Path) -> Callable[[Change], list[str]]:
    """Runs the command on the copy; the stages that ran."""

    def run(change: Change) -> list[str]:
        original = None
        if change.edit is not None:
            path = checkout / change.edit[0]
            original = path.read_text("utf-8")
            assert change.edit[1] in original
            path.write_text(original.replace(change.edit[1], change.edit[2], 1), "utf-8")
        command = [sys.executable, "-m", "runner", "default", "-c", str(model), "-o", "a.wav", "-q", *change.options]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        try:
            subprocess.run([*command, "--phonemes", change.phonemes], cwd=checkout, env=environment, check=True)
        finally:
            if original is not None:
                path.write_text(original, "utf-8")
        ran = record.find(stage_cache / "runs", None).statuses()
        return [name for name in ORDER if ran[name] == "run"]

    return run


def changes(folder: Path, pack: Path) -> list[Change]:
    other = folder / "other.npy"
    np.save(other, np.load(pack)[::-1] * np.float32(0.5))
    operators = folder / "build" / "synthetic-tiny-0" / "cpu-operators" / "decoder.so"
    return [
        Change("nothing"),
        Change("a comment in the graph", edit=("graphs/default.yaml", "graph: 1 ", "# a comment\ngraph: 1 ")),
        Change("a comment in a stage's source", edit=("stages/align.py", *_COMMENT)),
        Change("another voice", ("--voice", str(other))),
        Change("another speed", ("--speed", "1.3")),
        Change("another seed", ("--seed", "1")),
        Change("one symbol of the text", phonemes=WORDS.replace("ɛ", "æ")),
        Change("`skip_unknown`, where nothing is unknown", ("--skip-unknown",)),
        Change("the decoder's device: cpu to cpu-operators", ("--set", "devices.accel=cpu-operators:0")),
        Change(
            "the decoder's library: another file",
            ("--set", "stages.decoder.source=null", "--set", f"stages.decoder.module={operators}"),
        ),
        Change(
            "the code of `align`, with the same result",
            edit=(
                "stages/align.py",
                "np.maximum(np.rint(expected / pace), 1)",
                "np.maximum(1, np.rint(expected / pace))",
            ),
        ),
        Change(
            "the code of `trim`",
            edit=("stages/trim.py", "import numpy as np\n", "import numpy as np\n\n_UNUSED = 1\n"),
        ),
        Change("the source of `f0n`: a comment", edit=("stages/f0n.py", *_COMMENT)),
    ]


def table(rows: list[tuple[str, list[str]]]) -> str:
    head = f"| change | {' | '.join(ORDER)} |\n|---|{'---|' * len(ORDER)}\n"
    lines = [f"| {what} | {' | '.join('run' if name in ran else '' for name in ORDER)} |\n" for what, ran in rows]
    return _HEAD + head + "".join(lines) + _NOTES


def test_the_documented_table_is_what_happens(
    speak: Callable[[Change], list[str]],
    checkout: Path,
    model: Path,
    repository: Path,
    stage_cache: Path,
    tmp_path: Path,
) -> None:
    assert speak(Change("first run")) == ORDER
    first = shutil.copytree(stage_cache, tmp_path / "first")
    pack = model_of(load_graph("default", [str(model)])).voices
    assert pack is not None
    rows = []
    for change in changes(checkout, pack):
        rows.append((change.what, speak(change)))
        shutil.rmtree(stage_cache)
        shutil.copytree(first, stage_cache)
    made = table(rows)
    path = repository / "docs" / "reruns.md"
    if os.environ.get("KOKORO_WRITE_DOCS"):
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made
    ran = dict(rows)
    assert ran["nothing"] == ran["a comment in the graph"] == []
    assert ran["another speed"] == ["align", "f0n", "decoder", "trim"]
    assert ran["another seed"] == ["decoder", "trim"]
    assert ran["the source of `f0n`: a comment"] == []
