"""The report of a graph that does not speak: texts, numbers and audio at another rate, without a module of speech."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.graph.load import load_graph
from runner.inspect.mermaid import draw_mermaid
from tests.conftest import ROOT

GRAPH = """
graph: 1
name: beep
devices:
  host: cpu:0
dims:
  count: {max: 16}
inputs:
  word: str
  gains: float32[count]
outputs:
  greeting: beep.greeting
  length: beep.length
  sound: {from: beep.sound, as: audio, rate: 8000}
stages:
  beep:
    module: ./beep.py
    device: host
    inputs:
      word: str <- input.word
      gains: float32[count] <- input.gains
      punctuation: str <- "<!>"
    outputs:
      greeting: str
      length: int64[]
      sound: float32[1, 800*count]
"""
STAGE = """
import numpy as np
from stages.contract import In, Out, stage

@stage(
    word=In("str", "a word"), gains=In("float32[count]", "loudness of each beep"), punctuation=In("str", "its end"),
    greeting=Out("str", "a text"), length=Out("int64[]", "its letters"), sound=Out("float32[1, 800*count]", "beeps"),
)
def beep(word, gains, punctuation):
    greeting = f"hello {word}{punctuation}"
    sound = np.sin(np.arange(800) / 4) * gains[:, None]
    return {"greeting": greeting, "length": np.array(len(greeting)), "sound": sound.reshape(1, -1).astype(np.float32)}
"""
PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.engine.trace import Trace, write_trace
from runner.graph.load import load_graph
from runner.inspect.report import make_page

pipeline, trace = Pipeline(load_graph("beep.yaml"), cache=Cache(Path("cache"))), Trace()
pipeline.observers.append(trace)
for word in ("world", "again", "world"):
    inputs = {"word": word, "gains": np.array([0.5, 0.25], np.float32)}
    pipeline.run(inputs, RunOptions(keep=True, explain=True))
Path("page.html").write_text(make_page(pipeline.graph, trace, 1.5), "utf-8")
write_trace(Path("trace.json"), trace.events, "beep")
print([name for name in sys.modules if name.startswith("runner.speech") or name == "matplotlib"])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "beep.yaml").write_text(GRAPH, "utf-8")
    (tmp_path / "beep.py").write_text(STAGE, "utf-8")
    return tmp_path


@pytest.fixture
def page(folder: Path) -> str:
    """The page about three runs, the last of which is a hit; made without a module of speech."""
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("[]\n", "")
    return (folder / "page.html").read_text("utf-8")


def test_page_shows_every_output_for_what_it_is(page: str) -> None:
    assert page.count("<pre>hello world&lt;!&gt;</pre>") == 2 * 2  # as an output and as a port, of two runs
    assert page.count("<code>int64[]</code> = 14</td>") == 3 * 2
    assert page.count("<code>float32[1, 1600]</code></td><td class=num>6.2 KiB</td><td class=num>-0.5</td>") == 3 * 2
    assert page.count("<audio controls") == 3
    assert "sound: 0.20 s at 8 kHz, peak 0.500" in page
    assert "<h3>Sound</h3>" not in page
    assert "<span>model</span>" not in page
    assert "command" not in page.partition("</style>")[2]


def test_page_says_why_the_stage_ran_or_did_not(page: str) -> None:
    for reason in ("nothing is kept for this stage", "input word changed", "its results are in the cache"):
        assert page.count(f"<br>{reason}</small>") == 1


def test_trace_names_text_and_no_constant(page: str, folder: Path) -> None:  # noqa: ARG001 - the fixture writes it
    trace = (folder / "trace.json").read_text("utf-8")
    assert '"greeting": "str", "length": "int64[]", "sound": "float32[1, 1600]"' in trace
    assert '"args": {"input.word": "world"}' in trace


def test_drawings_show_a_constant_with_its_value(page: str, folder: Path) -> None:
    assert '<g class="constant">' in page
    assert "punctuation = &quot;&lt;!&gt;&quot;</text>" in page
    mermaid = draw_mermaid(load_graph(str(folder / "beep.yaml")))
    box = 'constant_beep_punctuation{{"punctuation = &quot;&lt;!&gt;&quot;"}}'
    assert f'    {box} -- "punctuation: str" --> stage_beep\n' in mermaid
