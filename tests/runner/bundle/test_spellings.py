"""The table of spellings says what `normalise` does, for hosts that have no tables of Unicode."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.bundle.spellings import list_spellings
from stages.symbols import normalise
from tests.conftest import ROOT

VOCAB = json.loads((ROOT / "configs" / "models" / "kokoro-82m" / "config.json").read_text("utf-8"))["vocab"]
TABLE = list_spellings(VOCAB)
PIECES = sorted(
    {*VOCAB, *TABLE, *"gGdzʒ\u0361\u035c\u0327\u0303\u0344é한%", *(unicodedata.normalize("NFD", c) for c in VOCAB)}
)


def spell(line: str) -> str:
    """What a host does: the longest spelling of the table at each place."""
    spelled, at = "", 0
    while at < len(line):
        size = next((size for size in (3, 2, 1) if line[at : at + size] in TABLE and at + size <= len(line)), 0)
        spelled += TABLE[line[at : at + size]] if size else line[at]
        at += size or 1
    return spelled


@pytest.mark.parametrize(
    ("written", "spelled"), [("g", "ɡ"), ("d\u0361z", "ʣ"), ("t\u035cʃ", "ʧ"), ("c\u0327", "ç"), ("\u00e3", "a\u0303")]
)
def test_the_table_has_every_rule(written: str, spelled: str) -> None:
    assert TABLE[written] == spelled
    assert spelled in TABLE.values()


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_the_table_spells_lines_as_the_tokenizer_does(line: str) -> None:
    assert spell(line) == "".join(symbol.text for symbol in normalise(line, VOCAB))


def test_the_table_spells_every_character_as_the_tokenizer_does() -> None:
    wrong = [
        char for char in map(chr, range(0x20000)) if spell(char) != "".join(s.text for s in normalise(char, VOCAB))
    ]
    assert wrong == []
