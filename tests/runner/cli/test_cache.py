"""`kokoro-run cache`: what it prints, and with which status it ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from runner.cache import keys
from runner.cache.cache import Cache, Entry
from runner.cli.main import cli
from runner.errors import RunError
from runner.inspect import cache_text
from tests.conftest import ROOT
from tests.runner.cache.test_faults import unprivileged

AUDIO = np.zeros(120_000, np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def put(cache: Cache, seed: int, stage: str = "decoder") -> Entry:
    made = {"format": 1, "stage": stage, "params": {"seed": seed}, "inputs": {"asr": "0"}}
    return cache.store(keys.key(made), made, {"audio": AUDIO + np.float32(seed)}, 0.5)


def call(cache: Cache, *words: str) -> Result:
    return CliRunner().invoke(cli, ["cache", *words, "--cache-dir", str(cache.root)])


def test_ls_lists_entries_and_missing_arrays(cache: Cache) -> None:
    gone, there = put(cache, 1), put(cache, 2, "trim")
    Cache(cache.root, max_bytes=0).evict({there.key}, now=True)
    lines = call(cache, "ls").output.splitlines()
    assert lines[-1] == f"{cache.root}: 2 entries, 1 arrays of 468.9 KiB; the limits are 2.0 GiB and 30 d"
    states = {line.split()[0]: line.split()[-1] for line in lines[:-1]}
    assert states == {cache_text.shorten(gone.key): "evicted", cache_text.shorten(there.key): "kept"}
    assert [line.split()[1:5] for line in lines[:-1]] == [["468.8", "KiB", "0.500", "s"]] * 2


def test_ls_lists_one_stage(cache: Cache) -> None:
    put(cache, 1)
    trim = put(cache, 2, "trim")
    assert call(cache, "ls", "trim").output.splitlines()[0].startswith(cache_text.shorten(trim.key))


def test_ls_of_no_cache_is_empty(cache: Cache) -> None:
    done = call(cache, "ls")
    assert done.output.startswith(f"{cache.root}: 0 entries, 0 arrays of 0 B")
    assert done.exit_code == 0
    assert not cache.root.exists()


def test_why_says_how_an_entry_differs_from_the_nearest(cache: Cache) -> None:
    first = put(cache, 1)
    time.sleep(0.01)
    last = put(cache, 2)
    lines = call(cache, "why", "decoder").output.splitlines()
    assert lines[0] == f"{cache_text.shorten(last.key)}: computed 0 s ago in 0.500 s"
    assert lines[1] == f"  audio: float32[120000], kept, {last.outputs['audio'].digest[:12]}"
    assert lines[2] == f"  against {cache_text.shorten(first.key)}: params.seed 1 -> 2"


def test_why_compares_two_entries(cache: Cache) -> None:
    entries = [put(cache, seed) for seed in (1, 2, 3)]
    done = call(cache, "why", *(cache_text.shorten(entries[at].key) for at in (0, 2)))
    assert done.output.splitlines()[-1].endswith("params.seed 3 -> 1")


def test_why_of_an_only_entry_has_nothing_to_compare(cache: Cache) -> None:
    put(cache, 1)
    assert call(cache, "why", "decoder").output.splitlines()[-1] == "  no other entry of decoder to compare it with"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("decodr", "has no entry 'decodr'; did you mean 'decoder'?"),
        ("decoder/xyz", "has no entry 'decoder/xyz'; those of decoder are listed by: kokoro-run cache ls decoder"),
    ],
)
def test_why_of_an_unknown_entry_is_an_error(cache: Cache, name: str, message: str) -> None:
    put(cache, 1)
    done = call(cache, "why", name)
    assert done.exit_code == 2
    assert done.output == f"cache {cache.root} {message}\n"


def test_why_of_several_entries_is_an_error(cache: Cache) -> None:
    entries = [put(cache, seed) for seed in range(17)]  # more than there are first digits
    first = max("0123456789abcdef", key=lambda digit: sum(entry.key[8] == digit for entry in entries))
    with pytest.raises(RunError, match=rf"'decoder/{first}' is the beginning of \d+ keys: decoder/{first}"):
        cache_text.find(cache, f"decoder/{first}")


def test_verify_ends_with_1_if_something_was_damaged(cache: Cache) -> None:
    entry = put(cache, 1)
    assert call(cache, "verify").output == f"{cache.root}: 1 arrays (468.9 KiB) and 1 records read, 0 damaged\n"
    path = cache.root / "records" / f"{entry.key}.json"
    path.write_text("{")
    done = call(cache, "verify")
    assert done.exit_code == 1
    assert done.output.splitlines()[0] == f"{path}: it is no record; removed"
    assert call(cache, "verify").exit_code == 0


def test_gc_removes_arrays_beyond_the_limits(cache: Cache) -> None:
    for seed in range(3):
        put(cache, seed)
    done = call(cache, "gc", "--max-size", "1M")
    assert done.output == (f"{cache.root}: 1 arrays (468.9 KiB) and 0 records removed, 2 arrays (937.8 KiB) kept\n")
    assert "2 arrays (937.8 KiB) and 0 records removed" in call(cache, "gc", "--max-age", "0s").output


@pytest.mark.parametrize(("option", "given"), [("--max-size", "big"), ("--max-size", "1X"), ("--max-age", "1y")])
def test_gc_refuses_a_limit_that_is_no_amount(cache: Cache, option: str, given: str) -> None:
    done = call(cache, "gc", option, given)
    assert done.exit_code == 2
    assert done.output.startswith(f"'{given}' is no {'size' if option == '--max-size' else 'time'}: expected a number")


def test_clear_removes_everything(cache: Cache) -> None:
    put(cache, 1)
    assert "1 arrays (468.9 KiB) and 1 records removed, 0 arrays (0 B) kept" in call(cache, "clear").output


@pytest.fixture
def others_cache() -> Iterator[Cache]:
    """The cache of another user, which this one may reach."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    yield Cache(root)
    for folder in (root, *root.rglob("*/")):
        folder.chmod(0o755)
    shutil.rmtree(root)


@pytest.mark.parametrize("words", [("clear",), ("gc", "--max-size", "0")])
def test_removing_without_the_right_to_is_an_error(others_cache: Cache, words: tuple[str, ...]) -> None:
    put(others_cache, 1)
    for folder in others_cache.root.rglob("*/"):
        folder.chmod(0o555)
    with unprivileged():
        done = call(others_cache, *words)
    assert done.exit_code == 2
    assert done.output.endswith(": cannot be read and written by this user; nothing was removed\n")
    assert others_cache.tensor_bytes()[0] == 1


@pytest.mark.parametrize("place", ["", "/records", "/records/decoder", "/tensors"])
def test_verify_of_a_folder_that_cannot_be_read_is_an_error(others_cache: Cache, place: str) -> None:
    put(others_cache, 1)
    Path(f"{others_cache.root}{place}").chmod(0o000)
    with unprivileged():
        done = call(others_cache, "verify")
    assert (done.exit_code, done.output.startswith(f"cache {others_cache.root}{place}: cannot be read")) == (2, True)


def test_verify_reads_the_cache_of_another_user_and_tells_what_it_cannot_remove(others_cache: Cache) -> None:
    entry = put(others_cache, 1)
    with unprivileged():
        assert call(others_cache, "verify").exit_code == 0
    path = others_cache.root / "records" / f"{entry.key}.json"
    path.write_text("{")
    with unprivileged():
        done = call(others_cache, "verify")
    assert (done.exit_code, done.output.splitlines()[0]) == (1, f"{path}: it is no record; cannot be removed")
    path.chmod(0o000)
    with unprivileged():
        done = call(others_cache, "verify")
    assert done.output.splitlines()[0] == f"{path}: cannot be read: Permission denied; not removed"
    assert path.exists()


def test_cache_that_is_a_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KOKORO_RUN_CACHE", str(tmp_path / "file"))
    done = CliRunner().invoke(cli, ["cache", "clear"])
    assert (done.exit_code, "file: is no folder; name another with --cache-dir" in done.output) == (2, True)


def test_commands_of_the_cache_import_nothing_that_checks_or_runs_graphs(cache: Cache) -> None:
    put(cache, 1)
    heavy = "{'pydantic', 'networkx', 'tvm', 'tvm_ffi', 'torch', 'numpy'}"
    code = "import sys; from runner.cache.cache import Cache; from pathlib import Path; "
    code += f"c = Cache(Path({str(cache.root)!r})); "
    code += f"assert len(list(c.entries())) == 1; c.evict(now=True); sys.exit(str({heavy} & set(sys.modules) or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stderr.strip() == ""
