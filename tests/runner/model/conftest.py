"""Exports of a small model, each made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`exported("waveform")`: the float32 export of that family; one is folded before, the other by the exporter."""
    pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")
    from tests import onnx_exports  # noqa: PLC0415 - imports torch, which may be absent

    folder, made = tmp_path_factory.mktemp("onnx"), dict[str, Path]()

    def export(family: str) -> Path:
        if family not in made:
            config = onnx_exports.settings()
            weights = onnx_exports.random_weights(config)
            path = folder / f"{family}.onnx"
            made[family] = onnx_exports.export(path, config, weights, family, fold=family == "waveform")
        return made[family]

    return export
