"""The value of an input of type `voice`, from all that a caller in Python may give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.api import Graph, Pipeline
from runner.engine.options import RunOptions
from runner.errors import WeightsError
from runner.speech.model import make_voice_resolver
from runner.speech.voices import load_voice
from tests.runner.graphs import PLAIN, write
from tests.runner.toys import MINI

LOW = load_voice("low", MINI / "voices", None, 64)
ARRAYS: dict[str, Callable[[], np.ndarray]] = {
    "as it is": lambda: LOW,
    "float64": lambda: LOW.astype(np.float64),
    "big-endian": lambda: LOW.astype(">f4"),
    "big-endian float64": lambda: LOW.astype(">f8"),
    "with an axis": lambda: LOW[:, None],
    "float64 with an axis": lambda: LOW[:, None].astype(np.float64),
    "in Fortran's order": lambda: np.asfortranarray(LOW),
}
REFUSED: dict[str, tuple[Any, str]] = {
    "integers": (LOW.astype(np.int64), "the voice: holds int64, expected float32, float16 or float64"),
    "wide": (
        np.zeros((510, 256), np.float32),
        "the voice: is [510, 256], expected [N, 64]: a row is 2*style of the model",
    ),
    "scalar": (np.array(1.0), "the voice: is [], expected [N, 64]"),
    "nan": (np.full((510, 64), np.nan), "the voice: has values that are not finite"),
    "beyond": (np.full((510, 64), 1e39), "the voice: has values beyond the range of float32"),
    "list": ([1.0], "the voice is a list, expected a name, a file, a mix, or a NumPy array [N, 2*style]"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_array_gives_what_the_file_gives(voiced_graph: Path, case: str) -> None:
    pipeline = Pipeline(Graph.load(voiced_graph))
    keep = RunOptions(keep=True)
    named = pipeline.run({"phonemes": "h", "voice": "low"}, keep)
    given = pipeline.run({"phonemes": "h", "voice": ARRAYS[case]()}, keep)
    assert given["voice.style_decoder"].tobytes() == named["voice.style_decoder"].tobytes()


def test_path_of_a_file_is_a_voice(voiced_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that a name would be taken for."""
    monkeypatch.chdir(tmp_path)
    with Path("low").open("wb") as file:
        np.save(file, 2 * LOW)
    resolve = make_voice_resolver(Graph.load(voiced_graph))
    np.testing.assert_array_equal(resolve(Path("low")), 2 * LOW)
    np.testing.assert_array_equal(resolve("low"), LOW)


def test_array_is_a_voice_of_a_graph_without_a_model(tmp_path: Path) -> None:
    pipeline = Pipeline(Graph.load(write(tmp_path, PLAIN)[0]))
    pack = np.arange(40, dtype=">f8").reshape(10, 1, 4)
    style = pipeline.run({"length": np.array([3]), "voice": pack})["style"]
    np.testing.assert_array_equal(style, np.array([[0, 1]], np.float32))
    with pytest.raises(WeightsError, match=r"^the voice: is \[\], expected \[N, 0\]"):
        pipeline.run({"length": np.array([3]), "voice": np.array(1.0)})
    with pytest.raises(WeightsError, match=r"^the graph has no model, which says what a voice is"):
        pipeline.run({"length": np.array([3]), "voice": "low"})


@pytest.mark.parametrize("case", REFUSED)
def test_voice_that_fits_no_model_is_refused(voiced_graph: Path, case: str) -> None:
    given, message = REFUSED[case]
    with pytest.raises(WeightsError) as refusal:
        Pipeline(Graph.load(voiced_graph)).run({"phonemes": "h", "voice": given})
    assert str(refusal.value).startswith(message)
