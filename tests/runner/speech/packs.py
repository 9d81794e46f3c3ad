"""Voice packs of eight numbers a row, files of them, and checks of what is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.errors import WeightsError
from runner.speech.voices import list_voices, load_voice

ROW = 8

A = np.random.default_rng(1).standard_normal((510, ROW)).astype(np.float32)
B = np.random.default_rng(2).standard_normal((510, ROW)).astype(np.float32)


def write_npy(path: Path, pack: np.ndarray) -> Path:
    with path.open("wb") as file:  # np.save would add a suffix to the name
        np.save(file, pack)
    return path


def write_npz(path: Path, **packs: np.ndarray) -> Path:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **packs)
    return path


def write_raw(path: Path, pack: np.ndarray) -> Path:
    path.write_bytes(pack.tobytes())
    return path


def load(spec: str | None, voices: Path) -> np.ndarray:
    return load_voice(spec, voices, "a", ROW)


def assert_pack(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, expected)


def names_in(voices: Path) -> list[str]:
    return [found.name for found in list_voices(voices, "a", ROW)]


def problems(voices: Path) -> dict[str, str]:
    """The problem of the listed voice of each file."""
    return {found.file.name: found.problem for found in list_voices(voices, "a", ROW)}


def assert_refused(spec: str | None, voices: Path, message: str) -> None:
    with pytest.raises(WeightsError) as refusal:
        load(spec, voices)
    assert message in str(refusal.value)
