"""The examples of README.md and docs/api.md: each is run, with the default model, and gives what the page says."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import re
from pathlib import Path

import pytest

import kokoro_run
from kokoro_run import Observer, RunOptions
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
@pytest.mark.parametrize("name", ["README.md", "docs/api.md"])
def test_every_example_gives_what_the_page_says(
    repository: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / name).read_text("utf-8")
    parser, tested = doctest.DocTestParser(), doctest.DocTestRunner()
    values: dict[str, object] = {}
    for block in _BLOCK.finditer(page):
        line = page.count("\n", 0, block.start(1))
        example = parser.get_doctest(block[1], values, name, name, line)
        assert example.examples, f"{name}:{line + 1}: a block without an example"
        tested.run(example, clear_globs=False)
        values = example.globs
    assert tested.summarize(verbose=False).failed == 0, capsys.readouterr().out


def first_column(page: str, heading: str) -> str:
    """The first column of the table under a row of headings."""
    rows = page.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()
    return "".join(f"{row.split('|')[1]}\n" for row in rows if row.startswith("| `"))


def test_the_page_names_every_public_name(page: str) -> None:
    table = page.partition("| name | is |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([A-Z]\w+)`", table)) | {"stage", "warn"} == set(kokoro_run.__all__)
    assert {"`stage`", "`warn`"} <= set(re.findall(r"`\w+`", first_column(page, "name | is")))


def test_the_page_has_every_event_with_its_arguments(page: str) -> None:
    events = [name for name in vars(Observer) if not name.startswith("_")]
    signatures = {name: [*inspect.signature(getattr(Observer, name)).parameters.values()][1:] for name in events}
    spelled = [f"{name}({_spell(parameters)})" for name, parameters in signatures.items()]
    assert re.findall(r"`(.+)`", first_column(page, "event | what has happened")) == spelled


def _spell(parameters: list[inspect.Parameter]) -> str:
    names = [parameter.name for parameter in parameters]
    keywords = [each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters]
    return ", ".join([*names[: keywords.index(True)], "*", *names[keywords.index(True) :]] if any(keywords) else names)


def test_the_page_has_every_field_of_the_options(page: str) -> None:
    fields = re.findall(r"`(.+)`", first_column(page, "field of `RunOptions` | means"))
    assert fields == [field.name for field in dataclasses.fields(RunOptions)]
