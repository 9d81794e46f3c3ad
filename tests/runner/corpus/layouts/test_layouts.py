"""The layouts by name, the formats they take, and bytes that follow from the rows alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.corpus.layouts.encoding import FORMATS
from runner.corpus.layouts.layouts import LAYOUTS, choose_format, find_layout
from runner.errors import RunError
from tests.conftest import ROOT
from tests.runner.corpus.layouts.rows import CASES, hash_files, write_output

DEFAULTS = {"ljspeech": "wav", "nemo": "wav", "parquet": "flac", "webdataset": "flac", "folder": "flac"}


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """Whatever the seed of hashes, the time or the folder."""
    pytest.importorskip("pyarrow", reason="the extra [corpus] is not installed")
    there = tmp_path / "other" / "place"
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT), "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-m", "tests.runner.corpus.layouts.rows", str(there), "45"]
    subprocess.run(command, env=environment, check=True)
    for name, codec in CASES:
        write_output(name, codec, tmp_path / "here" / f"{name}-{codec}", 45)
    here = hash_files(tmp_path / "here")
    assert (
        len(here) == 45 * 9 + 2 + 4 + 4 * 2 + 4 * 2 * 3
    )  # audio files; metadata and cards; two outputs of two shards and a card
    assert hash_files(there) == here


def test_every_layout_has_its_default_and_knows_all_formats_but_ljspeech() -> None:
    assert {name: choose_format(layout, None, 24_000) for name, layout in LAYOUTS.items()} == DEFAULTS
    others = [set(layout.formats) for name, layout in LAYOUTS.items() if name != "ljspeech"]
    assert others == [set(FORMATS)] * 4
    assert choose_format(LAYOUTS["nemo"], "opus", 24_000) == "opus"


def test_format_that_readers_do_not_open_is_refused() -> None:
    message = (
        r"^format flac: the readers of the layout ljspeech open wav; ask for that, or one of the layouts "
        r"nemo, parquet, webdataset, folder$"
    )
    with pytest.raises(RunError, match=message):
        choose_format(LAYOUTS["ljspeech"], "flac", 24_000)
    with pytest.raises(
        RunError, match=r"^format aac: the readers of the layout folder open flac, wav, opus, mp3; ask for that$"
    ):
        choose_format(LAYOUTS["folder"], "aac", 24_000)


def test_rate_that_a_format_does_not_have_is_refused_before_a_row_is_spoken() -> None:
    with pytest.raises(RunError, match=r"^opus of 22050 Hz: the format has "):
        choose_format(LAYOUTS["folder"], "opus", 22_050)


def test_unknown_layout_is_refused_with_the_close_one() -> None:
    assert find_layout("nemo") is LAYOUTS["nemo"]
    with pytest.raises(
        RunError, match=r"^layout web-dataset: there is none of this name; did you mean 'webdataset'\?$"
    ):
        find_layout("web-dataset")
