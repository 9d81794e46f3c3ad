"""Every format in every layout that `datasets` loads: 60 rows of each, with the ids that names of files must bear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.runner.corpus.layouts.checks import assert_audio, assert_records
from tests.runner.corpus.layouts.readers import Rows, load_all
from tests.runner.corpus.layouts.rows import CASES, RATE_HZ, write_output

pytest.importorskip("pyarrow", reason="the extra [corpus] is not installed")
ROWS = 60
LOADED = [case for case in CASES if case[0] in ("parquet", "webdataset", "folder")]
Loaded = dict[tuple[str, str], tuple[Rows, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def loaded(torchcodec: None, tmp_path_factory: pytest.TempPathFactory) -> Loaded:  # noqa: ARG001
    scratch = tmp_path_factory.mktemp("formats")
    entries = [write_output(*case, scratch / "-".join(case), ROWS) for case in LOADED]
    rows = load_all([_request(name, scratch / f"{name}-{codec}") for name, codec in LOADED], scratch)
    return dict(zip(LOADED, zip(rows, entries, strict=True), strict=True))


def _request(name: str, out: Path) -> tuple[str, str, dict[str, str]]:
    """A folder is loaded without its card: an id like `test-1` must not begin a split of its own."""
    return ("datasets", "audiofolder", {"data_dir": str(out)}) if name == "folder" else ("datasets", str(out), {})


@pytest.mark.parametrize(("name", "codec"), LOADED)
def test_datasets_loads_and_decodes(name: str, codec: str, loaded: Loaded) -> None:
    rows, entries = loaded[name, codec]
    assert_records(rows, entries)
    assert_audio(rows, entries, codec)
    rate_hz = 48_000 if (name, codec) == ("folder", "opus") else RATE_HZ  # a folder says nothing of rates
    assert {row["rate"] for row in rows} == {rate_hz}
