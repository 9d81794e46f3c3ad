"""Loads outputs by packages for data sets, in a process of its own: `datasets` 5.2 decodes by torchcodec and FFmpeg.

python -m tests.runner.corpus.layouts.readers '[["datasets", "OUT", {}]]'    # rows as JSON lines

A row is {"record": its columns, "samples", "rate", "sha256": of the samples in 16 bits, "file": name of the audio}.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from tests.conftest import ROOT
from tests.runner.corpus.layouts.rows import hash_samples

Rows = list[dict[str, Any]]


def load(reader: str, path: str, scratch: Path, **options: str) -> Rows:
    """Load the rows of an output by one of `READERS`.

    Args:
        reader: its name.
        path: what the package loads: a folder, a pattern or the name of a builder.
        scratch: takes what the package caches.
        options: of the package's function.
    """
    return load_all([(reader, path, options)], scratch)[0]


def load_all(requests: Sequence[tuple[str, str, dict[str, str]]], scratch: Path) -> list[Rows]:
    """Load several outputs in one process; a request is (reader, path, options) of `load`."""
    cached = {name: str(scratch / name) for name in ("HF_HOME", "HF_DATASETS_CACHE")}
    environment = {**os.environ, **cached, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    environment["LD_LIBRARY_PATH"] = _link_ffmpeg(scratch / "ffmpeg")
    command = [sys.executable, "-m", "tests.runner.corpus.layouts.readers", json.dumps(requests)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=scratch, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    loaded: list[Rows] = [[] for _ in requests]
    for line in done.stdout.splitlines():
        number, row = json.loads(line)
        loaded[number].append(row)
    return loaded


def _link_ffmpeg(folder: Path) -> str:
    """Give the libraries of FFmpeg that PyAV brings the names by which torchcodec looks for them."""
    found = importlib.util.find_spec("av")
    assert found is not None
    assert found.origin is not None
    bundled = Path(found.origin).parents[1] / "av.libs"
    folder.mkdir(exist_ok=True)
    for path in bundled.iterdir():
        match = re.fullmatch(r"(lib(?:av|sw)[a-z]+)-\w+(\.so\.\d+)[.\d]*", path.name)
        if match and not (folder / f"{match[1]}{match[2]}").exists():
            (folder / f"{match[1]}{match[2]}").symlink_to(path)
    return f"{folder}:{bundled}"


def read_by_datasets(path: str, **options: str) -> Iterator[dict[str, Any]]:
    """Read by `datasets`, and decode as it does."""
    import datasets  # noqa: PLC0415 - only in the process that reads

    rows = datasets.load_dataset(path, **options)
    assert list(rows) == ["train"]
    audio = next(name for name, kind in rows["train"].features.items() if isinstance(kind, datasets.Audio))
    for row in rows["train"]:
        decoder = row.pop(audio)
        record = row.pop("json", row) | {name: row[name] for name in ("txt", "__key__") if name in row}
        yield _describe(record, decoder["array"], decoder["sampling_rate"], decoder.metadata.path)


def read_encoded_by_datasets(path: str, **options: str) -> Iterator[dict[str, Any]]:
    """Read by `datasets` without its decoder; libsndfile decodes the bytes."""
    import datasets  # noqa: PLC0415

    rows = datasets.load_dataset(path, **options, split="train")
    for row in rows.cast_column("audio", datasets.Audio(decode=False)):
        audio = row.pop("audio")
        yield _decode(row, audio["bytes"], audio["path"])


def read_by_webdataset(path: str) -> Iterator[dict[str, Any]]:
    """Read by `webdataset`, with its decoders of JSON and text; libsndfile decodes the audio."""
    import webdataset  # noqa: PLC0415

    shards = sorted(map(str, Path(path).glob("shards/*.tar")))
    for sample in webdataset.WebDataset(shards, shardshuffle=False).decode():
        codec = next(name for name in sample if not name.startswith("__") and name not in ("json", "txt"))
        record = sample["json"] | {"txt": sample["txt"], "__key__": sample["__key__"]}
        yield _decode(record, sample[codec], f"{sample['__key__']}.{codec}")


def read_by_pandas(path: str) -> Iterator[dict[str, Any]]:
    """Read Parquet files by pandas; libsndfile decodes the audio."""
    import pandas as pd  # noqa: PLC0415

    table = pd.read_parquet(path, dtype_backend="numpy_nullable")  # a seed has more digits than a float
    for row in table.to_dict("records"):
        audio = row.pop("audio")
        lists = {name: row[name].tolist() for name in ("words", "symbols")}
        record = {name: None if value is pd.NA else value for name, value in (row | lists).items()}
        yield _decode(record, audio["bytes"], audio["path"])


def read_lines_by_pandas(path: str) -> Iterator[dict[str, Any]]:
    """Read JSON lines by pandas, and decode the files that they name as `file_name` or `file`."""
    import pandas as pd  # noqa: PLC0415

    # Its own parser makes floats of whole numbers in a column that has nulls.
    table = pd.read_json(path, lines=True, engine="pyarrow", dtype_backend="pyarrow")
    for row in table.to_dict("records"):
        record: dict[str, Any] = {name: None if value is pd.NA else value for name, value in row.items()}
        file: str = record.get("file_name") or record["file"]
        yield _decode(record, (Path(path).parent / file).read_bytes(), file)


def _decode(record: dict[str, Any], data: bytes, file: str) -> dict[str, Any]:
    audio, rate_hz = soundfile.read(io.BytesIO(data), dtype="float32")
    return _describe(record, audio, rate_hz, file)


def _describe(record: dict[str, Any], audio: npt.NDArray[np.float32], rate_hz: int, file: str) -> dict[str, Any]:
    sha256 = hash_samples(audio)
    return {"record": record, "samples": audio.size, "rate": rate_hz, "sha256": sha256, "file": file}


READERS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    "datasets": read_by_datasets,
    "datasets-encoded": read_encoded_by_datasets,
    "webdataset": read_by_webdataset,
    "pandas": read_by_pandas,
    "pandas-lines": read_lines_by_pandas,
}

if __name__ == "__main__":
    for number, (reader, path, options) in enumerate(json.loads(sys.argv[1])):
        for row in READERS[reader](path, **options):
            print(json.dumps([number, row]))  # noqa: T201
