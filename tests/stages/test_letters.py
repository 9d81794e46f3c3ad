"""The stage of unknown words, compiled: equal to PyTorch, word by word alone, and as good as its card says."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from runner.engine.pipeline import Pipeline
from runner.graph.contracts import read_contract
from stages.text.chunks import CHUNKS
from stages.text.spelling import GAP, LETTERS, decode, encode
from tests.stages.spelled import build_letters, run_ids, score
from training.measures import word_errors

STAGE = "stages.letters"
SAMPLE = Path(__file__).parent / "text" / "heldout_words.tsv"
PHONEME_BAR, WORD_BAR = 0.12, 0.40


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return build_letters(tmp_path_factory.mktemp("letters"))


def draw_words(count: int, seed: int) -> list[str]:
    drawing = random.Random(seed)
    return ["".join(drawing.choices(LETTERS, k=drawing.randint(1, 20))) for _ in range(count)]


def test_contract_has_a_score_for_each_chunk() -> None:
    assert str(read_contract(STAGE).outputs["scores"].type) == f"float32[1, letters, {len(CHUNKS)}]"


@pytest.mark.parametrize("british", [False, True])
def test_stage_equals_pytorch(letters: Pipeline, british: bool) -> None:
    torch = pytest.importorskip("torch", reason="the extra [train] is not installed")
    from training.letters.export import read_weights  # noqa: PLC0415 - imports torch, which may be absent

    words = draw_words(200, seed=1)
    with torch.no_grad():
        expected = read_weights()(torch.tensor([encode(words, british=british)]))[0].numpy()
    np.testing.assert_allclose(score(letters, words, british=british), expected, rtol=0, atol=1e-4)


def test_word_is_scored_as_it_is_alone_bit_for_bit(letters: Pipeline) -> None:
    words = draw_words(100, seed=2)
    together, at = score(letters, words), 0
    for word in words:
        np.testing.assert_array_equal(together[at : at + len(word)], score(letters, [word]))
        at += len(word) + GAP


def test_scores_past_the_valid_letters_are_zero_and_no_letters_are_no_error(letters: Pipeline) -> None:
    ids = encode(["word", "other"], british=False)
    padded = run_ids(letters, [*ids, 0, 0, 0, 0], len(ids))
    np.testing.assert_array_equal(padded[: len(ids)], run_ids(letters, ids))
    assert not padded[len(ids) :].any()
    assert not run_ids(letters, [0], 0).any()


def test_words_held_out_of_training_are_within_the_bars(letters: Pipeline) -> None:
    rows = [line.split("\t") for line in SAMPLE.read_text("utf-8").splitlines()]
    assert len(rows) == 200
    edits = wrong = symbols = 0
    for dialect in ("us", "gb"):
        words, expected = zip(*((word, said) for where, _, word, said in rows if where == dialect), strict=True)
        for want, got in zip(
            expected, decode(words, score(letters, words, british=dialect == "gb").tolist()), strict=True
        ):
            edits += word_errors(want, got)
            wrong += want != got
            symbols += len(want)
    assert edits / symbols <= PHONEME_BAR
    assert wrong / len(rows) <= WORD_BAR


def test_weights_are_small() -> None:
    path = Path(__file__).parents[2] / "stages" / "letters.safetensors"
    assert path.stat().st_size < 1.5e6
    assert {array.dtype.name for array in load_file(path).values()} == {"float16"}
