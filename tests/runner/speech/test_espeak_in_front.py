"""Text of another language through espeak-ng: a stage in front of the tokenizer."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.runner.timed_speech import TOKEN

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="espeakng-loader is not installed: extra [espeak]"
)
FOREIGN = """
name: foreign
extends: {base}
dims: {{words: {{max: 1000}}}}
params: {{lang: fr, alphabet: null}}
inputs: {{phonemes: null, text: str}}
outputs: {{words: espeak.words}}
stages:
  espeak:
    module: stages.espeak
    device: host
    inputs:
      text: str <- input.text
      lang: str <- params.lang
    outputs:
      phonemes: str
      words: int64[words, 4]
  tokenize:
    inputs:
      phonemes: str <- espeak.phonemes
      alphabet: str <- "kokoro"
"""


@pytest.fixture
def foreign(timed_graph: Path) -> Path:
    path = timed_graph.with_name("foreign.yaml")
    path.write_text(FOREIGN.format(base=timed_graph.name), "utf-8")
    return path


def test_text_is_spoken_in_its_language(run: Callable[..., tuple[int, str, str]], foreign: Path) -> None:
    assert run(foreign, "--in", "text=Le bon vin.", "-o", "a.wav", "-o", "words=w.npy")[0] == 0
    assert soundfile.info("a.wav").frames == TOKEN * (len("lə bˈɔ̃ vˈɛ̃.") + 2)
    assert np.load("w.npy").tolist() == [[0, 2, 0, 2], [3, 6, 3, 7], [7, 10, 8, 12]]
    assert run(foreign, "--in", "text=Buenos días.", "--set", "params.lang=e", "-o", "b.wav")[0] == 0
    code, _, err = run(foreign, "--in", "text=Bonjour", "--set", "params.lang=klingon", "-o", "c.wav")
    assert (code, "stage 'espeak': lang: no language 'klingon'; expected one of en-us (a)" in err) == (2, True)
