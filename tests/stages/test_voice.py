from __future__ import annotations

import numpy as np
import pytest

from stages.contract import StageError
from stages.voice import voice

PACK = np.arange(510 * 8, dtype=np.float32).reshape(510, 8)

# rows of the pack, tokens, row taken
ROWS = [(510, 3, 0), (510, 4, 1), (510, 102, 99), (510, 512, 509), (510, 600, 509), (510, 2, 0), (7, 8, 5), (7, 200, 6)]


@pytest.mark.parametrize(("rows", "length", "row"), ROWS)
def test_voice_takes_the_row_of_the_symbol_count(rows: int, length: int, row: int) -> None:
    ports = voice(PACK[:rows], np.array([length]))
    np.testing.assert_array_equal(ports["style_decoder"], PACK[row : row + 1, :4])
    np.testing.assert_array_equal(ports["style_prosody"], PACK[row : row + 1, 4:])


def test_voice_gives_contiguous_float32() -> None:
    for port in voice(PACK, np.array([9])).values():
        assert port.dtype == np.float32
        assert port.flags.c_contiguous


@pytest.mark.parametrize("shape", [(0, 8), (510, 7), (510, 1, 8)])
def test_voice_refuses_a_pack_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(StageError) as refusal:
        voice(np.zeros(shape, np.float32), np.array([5]))
    expected = "expected [N, 2*style] with at least one row"
    assert str(refusal.value) == f"the voice pack has the shape {list(shape)}, {expected}"


def test_voice_refuses_a_length_without_the_two_zeros() -> None:
    with pytest.raises(StageError, match="length is 1, expected at least 2: the zeros at both ends"):
        voice(PACK, np.array([1]))
