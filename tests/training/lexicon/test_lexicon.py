"""The compiler of the lexicon: a small wheel to a file, read again."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from stages.text.lexicon import BLOCK_WORDS, Entry, Lexicon
from training.errors import TrainingError
from training.lexicon import __main__ as command
from training.lexicon.merge import Graded, Word, merge
from training.lexicon.strings import CODES, choose_strings, make_encoder
from training.lexicon.wheel import Phonemes, Sources, read_wheel
from training.lexicon.writer import write_lexicon

FILES: dict[str, dict[str, Phonemes]] = {
    "us_gold": {
        "Polish": "pˈOlɪʃ",
        "polish": "pˈɑlɪʃ",
        "used": {"DEFAULT": "jˈuzd", "VBD": "jˈust"},
        "water": "wˈɔɾəɹ",
    },
    "us_silver": {"polish": "hidden", "zyx": "zˈɪks", "Used": "hidden"},
    "gb_gold": {"polish": "pˈɒlɪʃ", "AA": {"DEFAULT": "ˈɑːˌɑː", "NOUN": None}, "used": {"DEFAULT": "jˈuːzd"}},
    "gb_silver": {"zyx": "zˈɪks", "zyxes": "zˈɪksɪz"},
}


def write_wheel(path: Path, files: Mapping[str, Mapping[str, Phonemes]] = FILES) -> str:
    """Write a wheel with these lexicons; returns its digest."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, words in files.items():
            archive.writestr(f"misaki/data/{name}.json", json.dumps(words))
        archive.writestr("misaki/__init__.py", "raise SystemError('imported')")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compile_words(folder: Path, words: list[Word]) -> Lexicon:
    path = folder / "test.lexicon"
    path.write_bytes(write_lexicon(words))
    return Lexicon(path)


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    digest = write_wheel(tmp_path / "some.whl")
    return compile_words(tmp_path, merge(read_wheel(tmp_path / "some.whl", digest)))


def test_entries_are_read_as_they_were_in_the_wheel(lexicon: Lexicon) -> None:
    assert lexicon.find("used") == {"DEFAULT": "jˈuzd", "VBD": "jˈust"}
    assert lexicon.find("used", british=True) == {"DEFAULT": "jˈuːzd"}
    assert lexicon.find("AA", british=True) == {"DEFAULT": "ˈɑːˌɑː", "NOUN": None}
    assert lexicon.find("AA") is None
    assert lexicon.find("zyx") == lexicon.find("zyx", british=True) == "zˈɪks"
    assert lexicon.find("zyxes") is None
    assert lexicon.find("zyxes", british=True) == "zˈɪksɪz"


def test_header_counts_words_and_entries(lexicon: Lexicon) -> None:
    assert (lexicon.words, lexicon.american, lexicon.british) == (7, 5, 5)


def test_gold_hides_silver_in_either_spelling(lexicon: Lexicon) -> None:
    assert lexicon.find("polish") == "pˈɑlɪʃ"
    assert lexicon.find("Used") == {"DEFAULT": "jˈuzd", "VBD": "jˈust"}
    assert lexicon.find_gold("zyx") is None
    assert lexicon.find_gold("polish") == "pˈɑlɪʃ"


def test_first_letter_may_have_the_other_case(lexicon: Lexicon) -> None:
    assert lexicon.find("Polish") == "pˈOlɪʃ"
    assert lexicon.find("Polish", british=True) == "pˈɒlɪʃ"
    assert lexicon.find("Zyx") == "zˈɪks"
    assert lexicon.find("ZYX") is None
    assert lexicon.find("aa", british=True) is None


def test_flap_and_glottal_stop_become_the_symbols_of_the_model(lexicon: Lexicon) -> None:
    assert lexicon.find("water") == "wˈɔTəɹ"


def test_gold_comes_before_silver_whatever_the_case(tmp_path: Path) -> None:
    lexicon = compile_words(tmp_path, [Word("Abc", Graded(True, "ɡ"), None), Word("abc", Graded(False, "s"), None)])
    assert lexicon.find("abc") == "ɡ"


def test_words_that_are_not_ascii_are_not_found(lexicon: Lexicon) -> None:
    for word in ("", "café", "\udc80", "zzz", "!", "💧"):
        assert lexicon.find(word) is None


def test_every_word_of_many_blocks_is_found_and_no_neighbour(tmp_path: Path) -> None:
    names = sorted(f"w{'x' * (number % 40)}{number}" for number in range(5 * BLOCK_WORDS + 3))
    words = [Word(name, Graded(True, f"ˈA{'bdfɡ'[place % 4]}"), None) for place, name in enumerate(names)]
    lexicon = compile_words(tmp_path, words)
    assert [lexicon.find(name) for name in names] == [f"ˈA{'bdfɡ'[place % 4]}" for place in range(len(names))]
    assert [name for name in names if lexicon.find(f"{name}0") or lexicon.find(name[:-1])] == [
        name for name in names if f"{name}0" in names or name[:-1] in names
    ]
    assert list(lexicon.read()) == [
        (word.spelling, Entry(True, f"ˈA{'bdfɡ'[at % 4]}")) for at, word in enumerate(words)
    ]
    assert list(lexicon.read(british=True)) == []


def test_same_words_make_the_same_bytes(tmp_path: Path) -> None:
    digest = write_wheel(tmp_path / "some.whl")
    reversed_files = {name: dict(reversed(words.items())) for name, words in FILES.items()}
    other = write_wheel(tmp_path / "other.whl", reversed_files)
    first, second = (
        write_lexicon(merge(read_wheel(tmp_path / name, sha256)))
        for name, sha256 in (("some.whl", digest), ("other.whl", other))
    )
    assert first == second


def test_strings_encode_what_stands_side_by_side_as_one() -> None:
    entries = ["ˈAʃən", "ˈAʃən", "nˈAʃən"] * 32
    strings = choose_strings(entries)
    assert len(strings) <= CODES
    assert "ˈAʃən" in strings
    assert len(make_encoder(strings)("nˈAʃən")) <= 2
    assert "".join(strings[code] for code in make_encoder(strings)("nəʃˈA")) == "nəʃˈA"


def test_wheel_with_another_digest_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = write_wheel(tmp_path / "some.whl")
    assert command.main(["compile", str(tmp_path / "some.whl"), str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert f"got a file with the SHA-256 digest {found}, expected 90e2eeb1" in message
    assert "pip download misaki==0.9.4 --no-deps" in message
    assert not (tmp_path / "out").exists()


def test_wheel_without_a_lexicon_is_refused(tmp_path: Path) -> None:
    digest = write_wheel(tmp_path / "some.whl", {"us_gold": {}})
    with pytest.raises(TrainingError, match=r"misaki/data/us_silver.json is missing; give the wheel of misaki 0.9.4"):
        read_wheel(tmp_path / "some.whl", digest)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"café": "kæfˈA"}, "word 'café': got letters outside ASCII"),
        ({"use": {"NOUN": "jˈus"}}, "word 'use': got the variants NOUN; expected DEFAULT"),
        ({"use": {"DEFAULT": "jˈus", "XYZ": "jˈuz"}}, "word 'use': got the variants DEFAULT, XYZ; expected DEFAULT"),
    ],
)
def test_entry_that_the_format_lacks_is_refused(words: dict[str, Phonemes], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        merge(Sources(words, {}, {}, {}))


def test_word_too_long_for_its_count_is_refused() -> None:
    with pytest.raises(TrainingError, match="got 300 bytes, but a count has one byte"):
        write_lexicon([Word("w" * 300, Graded(True, "ˈA"), None)])


@pytest.mark.usefixtures("lexicon")
def test_measure_prints_the_words_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.tsv").write_text(
        "# comment\nPolish water, used zyx zyxq.\tpˈOlɪʃ wˈɔTəɹ, jˈust zˈɪks x.\n", "utf-8"
    )
    assert command.main(["measure", str(tmp_path / "test.lexicon"), str(tmp_path / "text.tsv")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["5", "words,", "2", "differ:", "60.00", "%", "are", "equal"],
        ["1", "used", "jˈuzd", "jˈust"],
        ["1", "zyxq", "❓", "x"],
    ]


def test_file_that_is_no_lexicon_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad").write_bytes(b"no lexicon, but long enough to have a header")
    assert command.main(["measure", str(tmp_path / "bad"), str(tmp_path / "bad")]) == 2
    message = capsys.readouterr().err
    assert "bad: got the first bytes b'no lexicon', expected a lexicon of version 1" in message
    assert "python -m training.lexicon" in message
