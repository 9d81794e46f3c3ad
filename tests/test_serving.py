"""docs/serving.md, the unit for systemd and the image: their examples and options, with a server that is started."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.build.build import build
from runner.cli.serve import serve
from runner.graph.load import load_graph
from runner.speech.speaker import with_durations
from tests.conftest import ROOT
from tests.served import start_server

PAGE = (ROOT / "docs" / "serving.md").read_text("utf-8")
UNIT = ROOT / "docs" / "kokoro-run.service"
ADDRESS = "http://127.0.0.1:8880"


@pytest.fixture(scope="module")
def url(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the default model, which is started as the page says."""
    build(with_durations(load_graph("text")), cache_folder / "build")
    with start_server(cache_folder / "build", tmp_path_factory.mktemp("cache")) as served:
        yield served.url
    assert served.process.wait() == 0


def list_commands(program: str) -> list[str]:
    """The indented lines of the page that begin with a program's name."""
    return re.findall(rf"^    ({program} .*)$", PAGE, re.MULTILINE)


def list_first_column(heading: str) -> list[str]:
    """What is in backquotes in the first column of the tables under a row of headings."""
    tables = re.findall(rf"^{re.escape(heading)}\n(.*?)\n\n", f"{PAGE}\n\n", re.MULTILINE | re.DOTALL)
    rows = [row for table in tables for row in table.splitlines()]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", list_commands("curl"))
def test_curl_examples_are_answered(url: str, tmp_path: Path, command: str) -> None:
    done = subprocess.run(
        ["sh", "-c", command.replace(ADDRESS, url) + " --silent --show-error --fail-with-body"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = re.search(r" -o (\S+)", command)
    answer = (tmp_path / written[1]).read_bytes() if written else done.stdout
    kinds = {"mp3": answer[:2] in {b"\xff\xfb", b"\xff\xf3"} or answer[:3] == b"ID3", "wav": answer[:4] == b"RIFF"}
    if written:
        assert kinds[written[1].rpartition(".")[2]]
    elif "sse" in command:
        types = [json.loads(line[6:])["type"] for line in answer.decode().splitlines() if line]
        assert types[0] == "speech.audio.timing"
        assert types[-2:] == ["speech.audio.delta", "speech.audio.done"]
    else:
        assert {"id": "low", "name": "low"} in json.loads(answer)["voices"]


def test_python_examples_give_what_the_page_says(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openai", reason="openai is not installed (extra dev)")
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    tested = doctest.DocTestRunner()
    tested.run(doctest.DocTestParser().get_doctest(block.replace(ADDRESS, url), {}, "serving.md", "serving.md", 0))
    assert tested.summarize(verbose=False) == doctest.TestResults(0, len(re.findall("^>>>", block, re.MULTILINE)))
    assert capsys.readouterr().out == ""


def test_addresses_are_answered(url: str) -> None:
    addresses = list_first_column("| address | has |\n| --- | --- |")
    assert len(addresses) == 7
    for address in [*addresses, "/v1/models/kokoro"]:
        with urllib.request.urlopen(url + address) as answer:
            assert answer.status == 200


def test_figures_are_exposed(url: str) -> None:
    names = list_first_column("| name | |\n| --- | --- |")
    assert len(names) > 10
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        families = set(re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.MULTILINE))
    assert [name for name in names if name not in families] == []


def test_fields_are_those_of_the_endpoint(url: str) -> None:
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        described = json.load(answer)["components"]["schemas"]
    (fields,) = [
        schema["properties"] for schema in described.values() if "response_format" in schema.get("properties", {})
    ]
    assert set(list_first_column("| field | |\n| --- | --- |")) == set(fields)


def list_options() -> set[str]:
    return {name for parameter in serve.params for name in parameter.opts if name.startswith("--")}


def test_the_page_has_every_option() -> None:
    listed = set(list_first_column("| option | says |\n| --- | --- |"))
    assert {name if name != "-c" else "--config" for name in listed} == list_options() - {"--debug", "--help"}


@pytest.mark.parametrize("name", ["docs/serving.md", "docs/kokoro-run.service", "Dockerfile"])
def test_commands_have_options_that_there_are(name: str) -> None:
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    lines = re.findall(r"kokoro-run serve.*", text)
    found = {option for line in lines for option in re.findall(r"(?<=\s)--[a-z-]+", line)}
    assert lines
    assert found <= list_options()


def test_unit_is_valid(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/kokoro-run/bin/kokoro-run", sys.executable), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr  # what it says of other units is not ours


def test_image_has_what_the_package_is_built_of_and_no_library_under_the_gpl() -> None:
    allowed = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line for line in allowed if line.startswith("!")} == {
        f"!{name}"
        for name in (
            "LICENSE",
            "NOTICE",
            "README.md",
            "configs",
            "graphs",
            "kokoro_run.py",
            "pyproject.toml",
            "runner",
            "stages",
        )
    }
    image = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^ARG EXTRAS=(.*)$", image, re.MULTILINE) == ["serve,wyoming"]
    assert re.findall(r"^USER (.*)$", image, re.MULTILINE) == ["kokoro"]


def test_image_writes_to_one_folder_alone() -> None:
    image = (ROOT / "Dockerfile").read_text("utf-8")
    folders = re.findall(r"\b(?:KOKORO_RUN_CACHE|TMPDIR)=(\S+)", image)
    assert folders == ["/var/cache/kokoro-run"] * 2
    (mounted,) = re.findall(r"--read-only --tmpfs\s+(\S+):uid=10001", PAGE)
    assert mounted == folders[0]
