"""Equal content has one digest in every memory layout and spelling; other content has another."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cache.digest import Memo, array_digest, module_digest, module_digests, value_digest
from runner.files.digest import file_sha256
from runner.graph import contracts
from runner.graph.contracts import ContractError
from runner.runtime.values import Array

OTHER_ARRAYS: dict[str, Array] = {
    "another element": np.array([[1, 2, 4]], np.float32),
    "another dtype of the same bytes": np.array([[1, 2, 3]], np.float32).view(np.int32),
    "another shape": np.array([[1], [2], [3]], np.float32),
    "one axis fewer": np.array([1, 2, 3], np.float32),
    "the other order": np.array([[3, 2, 1]], np.float32),
    "the sign of zero": np.array([[1, 2, -0.0]], np.float32),
    "zero": np.array([[1, 2, 0.0]], np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "empty otherwise": np.zeros((3, 0), np.float32),
    "a scalar": np.array(1, np.float32),
    "true": np.array(True),
    "one as a byte": np.array(1, np.uint8),
}
OLD = time.time() - 3600


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a package `outside` that offers a stage and has another module; gives its folder."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    write(
        folder / "gain.py", "from stages.contract import stage\nfrom .tables import LEVEL\n\ndef gain(): return LEVEL\n"
    )
    write(folder / "tables.py", "LEVEL = 2  # dB\n")
    write(folder / "unused.py", "ANYTHING = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("outside.gain", "outside.gain", contracts.ENTRY_POINTS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "outside"]:
        del sys.modules[name]


def write(path: Path, text: str, modified: float = OLD) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (modified, modified))


def test_every_other_array_has_another_digest() -> None:
    arrays: dict[str, Array] = {"itself": np.array([[1, 2, 3]], np.float32), **OTHER_ARRAYS}
    assert len({array_digest(array) for array in arrays.values()}) == len(arrays)


@settings(max_examples=50, deadline=None)
@given(shape=st.lists(st.integers(0, 4), max_size=3), dtype=st.sampled_from(["bool", "int64", "float32", "float64"]))
def test_an_array_has_one_digest_however_it_lies_in_memory(shape: list[int], dtype: str) -> None:
    array: Array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    steps: tuple[Any, ...] = (..., *(slice(None, None, 2) for _ in shape))
    strided = np.zeros([2 * size for size in shape], dtype)
    strided[steps] = array
    swapped = array.astype(array.dtype.newbyteorder())
    others: list[Array] = [array.copy(order="F"), array.T.copy().T, strided[steps], swapped]
    assert {array_digest(other) for other in others} == {array_digest(array)}


def test_a_digest_is_the_same_in_every_release() -> None:
    """Entries are found by it: another spelling would make every cache useless."""
    array = np.array([[0.5, -1]], np.float32)
    assert array_digest(array) == "f7e0946516beb5ead57ef1e891ea79137c5717ce61b34fcd224d3657ad4e2d33"


def test_values_of_other_kinds_have_other_digests() -> None:
    values = [True, 1, 1.0, "1", None, "", [], {}, [1], {"1": 1}, 0, 0.0, -0.0]
    assert len({value_digest(value) for value in values}) == len(values)


def test_a_table_has_one_digest_in_any_order() -> None:
    assert value_digest({"a": 1, "b": [2, 3]}) == value_digest({"b": [2, 3], "a": 1})
    assert value_digest([2, 3]) != value_digest([3, 2])


def test_a_stage_brings_every_module_that_it_imports() -> None:
    assert {"stages/align.py", "stages/contract.py", "stages/__init__.py"} == set(module_digests("stages.align"))
    assert "stages/dims.py" in module_digests("stages.tokenize")


@pytest.mark.usefixtures("package")
def test_a_stage_of_another_package_brings_that_package() -> None:
    assert {name for name in module_digests("outside.gain") if name.startswith("outside")} == {
        "outside/__init__.py",
        "outside/gain.py",
        "outside/tables.py",
    }


def test_a_stage_in_a_folder_of_a_package_brings_what_it_imports_from_all_of_it(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "inner").mkdir()
    (package / "inner" / "__init__.py").write_text("")
    write(package / "inner" / "limit.py", "from outside.tables import LEVEL\n\ndef limit(): return LEVEL\n")
    point = EntryPoint("outside.limit", "outside.inner.limit", contracts.ENTRY_POINTS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    assert set(module_digests("outside.limit")) == {
        "outside/__init__.py",
        "outside/inner/limit.py",
        "outside/tables.py",
    }


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("tables.py", "LEVEL = 3  # dB\n", True),
        ("tables.py", "# decibels\nLEVEL = (\n    2\n)\n", False),
        (
            "gain.py",
            "from stages.contract import stage\nfrom .tables import LEVEL\n\ndef gain(): return 2 * LEVEL\n",
            True,
        ),
        ("unused.py", "ANYTHING = 2\n", False),
        ("__init__.py", "import stages.dims\n", True),
    ],
)
def test_code_changes_a_digest_and_comments_do_not(package: Path, file: str, text: str, changes: bool) -> None:
    before = module_digest("outside.gain")
    write(package / file, text)
    assert (module_digest("outside.gain") != before) == changes


def test_no_such_stage_is_an_error() -> None:
    with pytest.raises(ContractError, match=r"no stage 'stages\.aling'; did you mean 'stages\.align'"):
        module_digest("stages.aling")


@pytest.mark.usefixtures("package")
def test_a_memo_spares_reading_what_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "cache" / "files.json"
    monkeypatch.setattr("runner.cache.digest._FRESH_NS", 0)
    memo = Memo(record)
    digest = module_digest("outside.gain", memo)
    memo.save()
    text = record.read_text()
    record.write_text(text.replace(module_digests("outside.gain")["outside/tables.py"], "0" * 64))
    assert module_digest("outside.gain", Memo(record)) != digest, "it has read the file"


def test_a_memo_is_saved_when_it_has_learnt_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.cache.digest._FRESH_NS", 0)
    (tmp_path / "library.so").write_bytes(b"abc")
    record = tmp_path / "files.json"
    memo = Memo(record)
    memo.file(tmp_path / "library.so")
    memo.save()
    record.unlink()
    memo.file(tmp_path / "library.so")
    memo.save()
    assert not record.exists()


def test_a_memo_sees_a_change_whose_time_was_set_back(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.cache.digest._FRESH_NS", 0)
    memo = Memo()
    before = module_digest("outside.gain", memo)
    write(package / "tables.py", "LEVEL = 3  # dB\n", OLD)
    assert module_digest("outside.gain", memo) != before


@pytest.mark.parametrize("later", [b"ab", b"abcd"])
def test_a_memo_does_not_remember_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: bytes
) -> None:
    def read(path: Path) -> str:
        digest = file_sha256(path)
        path.write_bytes(later)
        return digest

    monkeypatch.setattr("runner.cache.digest._FRESH_NS", -(10**18))
    path, memo = tmp_path / "library.so", Memo()
    path.write_bytes(b"abc")
    with monkeypatch.context() as patch:
        patch.setattr("runner.cache.digest.file_sha256", read)
        before = memo.file(path)
    assert memo.file(path) == file_sha256(path) != before


def test_a_memo_does_not_remember_a_file_that_has_just_changed(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(b"abc")
    memo = Memo(tmp_path / "files.json")
    memo.file(path)
    memo.save()
    assert not (tmp_path / "files.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1, "files": 3}', '{"format": 99, "files": {}}', "\xff"])
def test_a_damaged_memo_remembers_nothing(tmp_path: Path, text: str) -> None:
    record = tmp_path / "files.json"
    record.write_text(text, encoding="latin-1")
    path = tmp_path / "library.so"
    path.write_bytes(b"abc")
    assert Memo(record).file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
