"""The examples of docs/api.md: each is run, with the default model, and gives what the page says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import runner
from runner.build.build import build
from runner.graph.load import load_graph
from runner.runtime import devices

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def built(cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder, and the default model's libraries in the place that is taken if none is named."""
    build(load_graph("default"), cache_folder / "build")
    monkeypatch.setattr(devices, "default_build_root", lambda: cache_folder / "build")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "api.md").read_text("utf-8")


@pytest.mark.usefixtures("built")
def test_every_example_gives_what_the_page_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser, tested = doctest.DocTestParser(), doctest.DocTestRunner()
    values: dict[str, object] = {}
    for block in _BLOCK.finditer(page):
        line = page.count("\n", 0, block.start(1))
        example = parser.get_doctest(block[1], values, "docs/api.md", "docs/api.md", line)
        assert example.examples, f"docs/api.md:{line + 1}: a block without an example"
        tested.run(example, clear_globs=False)
        values = example.globs
    assert tested.summarize(verbose=False).failed == 0, capsys.readouterr().out


def test_the_page_names_every_public_name(page: str) -> None:
    table = "".join(line for line in page.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([A-Z]\w+)`", table)) == set(runner.__all__)
