"""`kokoro-run voices`: which voices a graph's model has, and where others come from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.runner.graphs import PLAIN
from tests.runner.torch_archive import write_torch_zip
from tests.runner.toys import MINI

Run = Callable[..., tuple[int, str, str]]
KEYS = {"format", "status", "graph", "model", "default", "voices", "hub"}
LOW = np.load(MINI / "voices" / "low.npy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The voices of the default model, and a file of many."""
    shutil.copytree(MINI / "voices", tmp_path / "voices")
    np.savez(tmp_path / "voices" / "more.npz", allow_pickle=False, anna=LOW.astype(">f8"), bert=LOW[:7], low=-LOW)
    return tmp_path / "voices"


def test_voices_lists_those_of_the_default_graph(run: Run) -> None:
    code, out, err = run("voices")
    assert (code, err) == (0, "")
    assert [line.split(maxsplit=2)[::2] for line in out.splitlines()] == [
        ["high", "510 rows"],
        ["low", "510 rows, the default"],
    ]
    assert all("configs/models/mini/voices/" in line for line in out.splitlines())
    assert run("voices", "default") == (code, out, err)


def test_voices_lists_those_of_a_folder_with_a_file_of_many(run: Run, folder: Path) -> None:
    code, out, _ = run("voices", "default", "--set", f"model.voices={folder}", "--json")
    table = json.loads(out)
    assert (code, table.keys(), table["format"], table["model"], table["default"]) == (0, KEYS, 1, "mini", "low")
    assert [(row["name"], Path(row["file"]).name, row["rows"], row["default"]) for row in table["voices"]] == [
        ("anna", "more.npz", 510, False),
        ("bert", "more.npz", 7, False),
        ("high", "high.npy", 510, False),
        ("low", "low.npy", 510, True),
        ("low", "more.npz", 510, False),
    ]
    assert [row["problem"] for row in table["voices"]] == [None] * 4 + [f"'low' is the voice of {folder / 'low.npy'}"]
    assert table["hub"] is None


@pytest.mark.parametrize("model", ["kokoro-82m", "kokoro-82m-int8"])
def test_voices_lists_those_that_come_with_kokoro_and_what_the_hub_would_add(
    run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.chdir(repository)
    code, out, _ = run("voices", "-c", model)
    lines = out.splitlines()
    assert code == 0
    assert lines[:4] == [
        "af_heart  configs/models/kokoro-82m/voices/af_heart.bin  510 rows, the default",
        "am_adam   configs/models/kokoro-82m/voices/am_adam.bin   510 rows",
        "--voice NAME fetches a voice that is not listed (pip install -e '.[hub]'): voices/NAME.pt of "
        "hexgrad/Kokoro-82M at revision f3ff3571791e",
        "the hub has 52 more:",
    ]
    more = " ".join(lines[4:]).replace(",", "").split()
    assert (len(more), more[0], more[-1], {"af_heart", "am_adam"} & {*more}) == (52, "af_alloy", "zm_yunyang", set())
    hub = json.loads(run("voices", "-c", model, "--json")[1])["hub"]
    assert (hub["repo"], hub["names"][3], len(hub["names"])) == ("hexgrad/Kokoro-82M", "af_heart", 54)


def test_voices_says_where_the_hub_s_are_when_the_model_does_not_list_them(run: Run, tmp_path: Path) -> None:
    sets = ["--set", f"model.voices={tmp_path}/none", "--set", "model.hub.names=null"]
    (tmp_path / "none").mkdir()
    code, out, _ = run("voices", "-c", "kokoro-82m", *sets)
    assert code == 0
    first, second, third = out.splitlines()
    assert (first, third) == ("model kokoro-82m has no voices on this machine", "the default is af_heart")
    assert second.endswith("at revision f3ff3571791e; that folder on the hub shows the names")


@pytest.mark.parametrize("suffix", [".bin", ".npy", ".pt", ".npz"])
def test_voices_of_a_folder_of_any_format_are_listed_by_name(run: Run, tmp_path: Path, suffix: str) -> None:
    """A folder as people have it: one voice a file, or all in one."""
    pack = np.ones((510, 1, 256), np.float32)
    path = tmp_path / f"af_mine{suffix}"
    if suffix == ".bin":
        path.write_bytes(pack.tobytes())
    elif suffix == ".npy":
        np.save(path, pack)
    elif suffix == ".npz":
        np.savez(path, allow_pickle=False, af_mine=pack, am_mine=pack)
    else:
        write_torch_zip(path, pack)
    code, out, _ = run("voices", "-c", "kokoro-82m", "--set", f"model.voices={tmp_path}", "--json")
    found = [(row["name"], row["rows"]) for row in json.loads(out)["voices"]]
    assert (code, found) == (0, [("af_mine", 510)] + [("am_mine", 510)] * (suffix == ".npz"))


def test_voices_says_that_a_model_has_none(run: Run) -> None:
    code, out, _ = run("voices", "--set", "model.voices=null", "--set", "model.voice=null")
    assert (code, out) == (0, "model mini has no voices; set model.voices, or give a file: --voice my/voice.npy\n")


def test_voices_says_that_a_graph_has_no_model(run: Run, tmp_path: Path) -> None:
    graph = tmp_path / "plain.yaml"
    graph.write_text(PLAIN, "utf-8")
    code, out, _ = run("voices", graph)
    assert (code, ": has no model, so it has no voices; name one, as in model: FILE" in out) == (0, True)
    table = json.loads(run("voices", graph, "--json")[1])
    assert (table["model"], table["default"], table["voices"], table["hub"]) == (None, None, [], None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--set", "model.voices=/no/voices"), "/no/voices: no such file or folder; set model.voices to the model's"),
        (("-c", "none.yaml"), "none.yaml: no such file"),
        (("nowhere",), "nowhere: no such file, and graphs has no 'nowhere'"),
    ],
)
def test_mistake_is_a_message_and_with_json_an_object(run: Run, given: tuple[str, ...], message: str) -> None:
    code, out, err = run("voices", *given)
    assert (code, out, message in err) == (2, "", True)
    code, out, _ = run("voices", *given, "--json")
    assert (code, json.loads(out)["status"], message in json.loads(out)["error"]) == (2, "error", True)
