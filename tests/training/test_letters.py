"""The recipe of the model of unknown words: alignment, words held out, measures, and a training of a few steps."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from training.letters.alignment import Aligner
from training.letters.evaluate import measure
from training.letters.lexicon import Entry
from training.letters.stems import hold_out, stems
from training.measures import word_errors

WORDS = {
    "cat": "kˈæt", "act": "ˈækt", "tack": "tˈæk", "phase": "fˈAz", "phone": "fˈOn", "graph": "ɡɹˈæf", "tax": "tˈæks",
    "axe": "ˈæks", "ace": "ˈAs", "case": "kˈAs", "hat": "hˈæt", "path": "pˈæθ", "hope": "hˈOp", "pan": "pˈæn",
}  # fmt: skip


def test_letters_are_aligned_with_what_they_say() -> None:
    aligner = Aligner("".join(sorted(set("".join(WORDS)))))
    aligner.learn(list(WORDS), list(WORDS.values()), rounds=10)
    found = dict(zip(WORDS, aligner.align(list(WORDS), list(WORDS.values())), strict=True))
    assert found["tax"] == ["t", "ˈæ", "ks"]
    assert found["cat"] == ["k", "ˈæ", "t"]
    phase = found["phase"]
    assert phase is not None
    assert ("".join(phase), phase[2], phase[3]) == ("fˈAz", "ˈA", "z")


def test_a_word_that_cannot_be_aligned_has_no_alignment() -> None:
    aligner = Aligner("ab")
    aligner.learn(["ab"], ["ɑb"], rounds=1)
    assert aligner.align(["a"], ["ɑbɑbɑ"]) == [None]


@pytest.mark.parametrize(
    ("word", "stem"), [("stopping", "stop"), ("vilified", "vilif"), ("unhappiness", "hap"), ("well-known", "known")]
)
def test_words_are_cut_to_their_stems(word: str, stem: str) -> None:
    assert stem in stems(word)


def test_no_stem_of_a_word_held_out_is_learned() -> None:
    drawing = random.Random(3)
    roots = [
        "".join(drawing.choices("bdglmnprstv", k=1)) + "".join(drawing.choices("aeioubdglmnprstv", k=5))
        for _ in range(300)
    ]
    entries = [
        Entry(root + ending, british, "ə", "gold")
        for root in roots
        for ending in ("", "s", "ing")
        for british in (False, True)
    ]
    held_out, development, rest = hold_out(entries, (20, 10), seed=1)
    assert (len(held_out), len(development), sum(entry.british for entry in held_out)) == (20, 10, 10)
    sets = [set().union(*(stems(entry.word) for entry in some)) for some in (held_out, development, rest)]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]


@pytest.mark.parametrize(
    ("expected", "got", "edits"),
    [("kˈæt", "kˈæt", 0), ("kˈæt", "kæt", 1), ("kˈæt", "", 4), ("ab", "ba", 2), ("", "ab", 2)],
)
def test_edits_are_counted(expected: str, got: str, edits: int) -> None:
    assert word_errors(expected, got) == edits


def test_errors_are_shares_of_phonemes_and_of_words() -> None:
    entries = [Entry("cat", False, "kˈæt", "gold"), Entry("hat", False, "hˈæt", "gold")]
    assert measure(entries, ["kˈæt", "hæd"]) == pytest.approx((2 / 8, 1 / 2, 1 / 6, 1 / 2))


def test_a_training_learns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="the extra [train] is not installed")
    import json  # noqa: PLC0415

    from stages.text.chunks import CHUNKS  # noqa: PLC0415
    from training.letters import trainer  # noqa: PLC0415
    from training.letters.prepare import DEVELOPMENT, write_entries  # noqa: PLC0415

    ids = {chunk: at for at, chunk in enumerate(CHUNKS)}
    said = {"b": ids["b"], "d": ids["d"], "i": ids["ˈɪ"], "t": ids["t"]}
    words = [first + "i" + last for first in "bdt" for last in "bdt"] * 30
    aligned = [(word, False, [said[letter] for letter in word]) for word in words]
    (tmp_path / "training.json").write_text(json.dumps(aligned), "utf-8")
    write_entries(tmp_path / DEVELOPMENT, [Entry("bid", False, "bˈɪd", "gold"), Entry("tib", False, "tˈɪb", "gold")])
    trainer.train(tmp_path, steps=60, threads=1, seed=1)
    assert "development phonemes 0.0 %, words 0.0 %" in capsys.readouterr().out.splitlines()[-1]
