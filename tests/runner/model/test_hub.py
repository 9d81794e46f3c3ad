from __future__ import annotations

import dataclasses
import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runner.errors import WeightsError
from runner.files.locate import install_command
from runner.graph.load import HubSpec, ModelSpec, load_graph
from runner.model.hub import checkpoint, fetch, voices
from runner.speech.voices import load_voice
from tests.runner.graphs import model_of
from tests.runner.torch_archive import write_torch_zip

REPO, COMMIT = "owner/name", "0123456789abcdef" * 2 + "01234567"
HUB = HubSpec(REPO, COMMIT, "model.pth", "voices")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty hub cache on a machine without a network; gives the folder of the commit's files."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub, an extra, is not installed")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--owner--name" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    return snapshot


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:-1], COMMIT.upper()])
def test_fetch_refuses_a_revision_that_is_not_a_commit(revision: str) -> None:
    with pytest.raises(WeightsError, match=f"revision '{revision}' is not a commit; give its 40 hexadecimal digits"):
        fetch(REPO, revision, "model.pth")


def test_fetch_says_what_to_install_when_the_extra_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError) as refusal:
        fetch(REPO, COMMIT, "model.pth")
    assert "model.pth of owner/name: downloading needs huggingface_hub" in str(refusal.value)
    assert f"Install it with: {install_command('hub')} - or set model.checkpoint to a local file" in str(refusal.value)


def test_fetch_says_how_to_download_elsewhere_when_the_hub_is_unreachable(cache: Path) -> None:
    assert not list(cache.iterdir())
    with pytest.raises(WeightsError) as refusal:
        fetch(REPO, COMMIT, "model.pth")
    assert str(refusal.value).startswith(f"model.pth of owner/name at {COMMIT}: cannot be fetched: ")
    assert f"hf download owner/name model.pth --revision {COMMIT} --local-dir DIR" in str(refusal.value)


ASK = f"""
import logging, time
from runner.errors import WeightsError
from runner.model.hub import fetch

logging.basicConfig(format="%(message)s")
time.sleep = lambda seconds: print("waited")
try:
    fetch("{REPO}", "{COMMIT}", "model.pth")
except WeightsError as error:
    print(error)
"""


def test_fetch_repeats_a_warning_of_the_hub_s_package_once(tmp_path: Path, repository: Path) -> None:
    """The package gives two lines for each of five retries. A new process is used: it sets up the package's log."""
    pytest.importorskip("huggingface_hub", reason="huggingface_hub, an extra, is not installed")
    hub = {"HF_ENDPOINT": f"http://127.0.0.1:{closed_port()}", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    environment = {**os.environ, **hub, "NO_PROXY": "*", "PYTHONPATH": str(repository)}
    command = [sys.executable, "-W", "error", "-c", ASK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    *waits, last = done.stdout.splitlines()
    assert len(waits) > 1
    assert last.startswith(f"model.pth of owner/name at {COMMIT}: cannot be fetched: ")
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("model.pth of owner/name: huggingface_hub reports: ")
    assert warning.endswith("; it gives up after up to half a minute")


def closed_port() -> int:
    """Find a port that no program listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_fetch_gives_a_file_of_the_cache_when_its_digest_is_right(cache: Path) -> None:
    (cache / "model.pth").write_bytes(b"weights")
    pin = hashlib.sha256(b"weights").hexdigest()
    assert fetch(REPO, COMMIT, "model.pth", pin).read_bytes() == b"weights"
    with pytest.raises(WeightsError, match=f"its sha256 is {pin}, expected {'0' * 64}"):
        fetch(REPO, COMMIT, "model.pth", "0" * 64)


def test_fetch_refuses_a_name_that_is_no_repository(cache: Path) -> None:
    assert cache.is_dir()
    with pytest.raises(WeightsError, match=r"model\.pth of a/b/c at .*: cannot be fetched"):
        fetch("a/b/c", COMMIT, "model.pth")


def test_checkpoint_takes_the_local_file_before_the_hub(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(b"weights")
    assert checkpoint(model(path, HUB)) == path


def test_checkpoint_goes_to_the_hub_when_there_is_no_local_file(cache: Path, tmp_path: Path) -> None:
    (cache / "model.pth").write_bytes(b"weights")
    for local in (None, tmp_path / "none.pth"):
        assert checkpoint(model(local, HUB)) == cache / "model.pth"


def test_checkpoint_that_an_option_names_is_not_replaced_by_that_of_the_hub(cache: Path, tmp_path: Path) -> None:
    (cache / "model.pth").write_bytes(b"weights")
    mistyped = dataclasses.replace(model(tmp_path / "none.pth", HUB), overridden=("checkpoint",))
    with pytest.raises(WeightsError) as refusal:
        checkpoint(mistyped)
    assert str(refusal.value) == (
        f"{tmp_path / 'none.pth'}: no such file; correct model.checkpoint, or do not set it: "
        "then model.pth of owner/name is fetched"
    )


def test_voices_that_an_option_names_are_not_replaced_by_those_of_the_hub(tmp_path: Path) -> None:
    spec = dataclasses.replace(model(None, HUB), overridden=("voices",))
    assert voices(dataclasses.replace(spec, voices=tmp_path / "none")) is None
    assert voices(dataclasses.replace(spec, voices=tmp_path)) is not None


def test_overridden_paths_are_those_that_the_file_of_the_model_does_not_name(tmp_path: Path) -> None:
    def overridden(*sets: str) -> tuple[str, ...]:
        return model_of(load_graph("default", ["configs/models/kokoro-82m.yaml"], sets)).overridden

    assert overridden() == overridden("model.sha256=null") == ()
    assert overridden(f"model.checkpoint={tmp_path}/a.pth") == ("checkpoint",)
    assert overridden("model.voices=b", "model.checkpoint=a.pth") == ("checkpoint", "voices")


def test_checkpoint_refuses_a_model_that_has_neither(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth: no such file, and model 'small' names no hub"):
        checkpoint(model(tmp_path / "none.pth", None))


def test_checkpoint_refuses_a_model_that_names_none() -> None:
    with pytest.raises(
        WeightsError, match=r"model 'small' names neither a checkpoint nor a hub; set model\.checkpoint"
    ):
        checkpoint(model(None, None))


def test_voices_gets_a_voice_of_the_repository(cache: Path, tmp_path: Path) -> None:
    pack = np.ones((510, 1, 8), np.float32)
    (cache / "voices").mkdir()
    write_torch_zip(cache / "voices" / "a.pt", pack)
    for folder in (tmp_path, tmp_path / "none"):
        np.testing.assert_array_equal(load_voice("a", folder, "a", 8, voices(model(None, HUB))), pack[:, 0])


def test_voices_says_both_where_it_looked_and_what_to_do(cache: Path, tmp_path: Path) -> None:
    assert cache.is_dir()
    with pytest.raises(WeightsError) as refusal:
        load_voice("zzz", tmp_path, "a", 8, voices(model(None, HUB)))
    assert str(refusal.value).startswith(f"voice 'zzz': not in {tmp_path}. It cannot be fetched either: ")
    assert f"hf download owner/name voices/zzz.pt --revision {COMMIT}" in str(refusal.value)
    assert str(refusal.value).endswith("then set model.voices to the file in DIR")


def test_voices_refuses_at_once_a_name_that_the_hub_is_known_not_to_have(cache: Path) -> None:
    (cache / "voices").mkdir()
    (cache / "voices" / "af_hart.pt").touch()
    fetch_voice = voices(model(None, dataclasses.replace(HUB, names=("af_heart", "am_adam"))))
    assert fetch_voice is not None
    with pytest.raises(WeightsError, match=r"^owner/name has no voice 'af_hart'; did you mean 'af_heart'\?$"):
        fetch_voice("af_hart")


def test_voices_is_none_when_the_model_names_no_hub() -> None:
    assert voices(model(None, None)) is None


def model(local: Path | None, hub: HubSpec | None) -> ModelSpec:
    return ModelSpec("small", Path("config.json"), local, None, Path("voices"), "a", hub, "kokoro")
