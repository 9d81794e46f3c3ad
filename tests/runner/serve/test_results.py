"""Results: found under their id, for their time, within the limit of bytes."""

from __future__ import annotations

import re
import tempfile
import threading
from pathlib import Path

import pytest

from runner.serve.results import Result, ResultStore
from tests.systems import count_open_files, needs_full_device, needs_proc


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> ResultStore:
    return ResultStore(most_bytes=100, life_s=60, clock=clock)


def spell(result: Result | None) -> tuple[str, bytes, float]:
    """The attributes of a result that is there."""
    assert result is not None
    return result.media_type, bytes(result.data), result.end_s


def test_result_is_found_by_its_id(store: ResultStore) -> None:
    first, second = store.add("audio/mpeg", b"one"), store.add("audio/wav", b"three")
    assert spell(store.find(first)) == ("audio/mpeg", b"one", 160.0)
    assert spell(store.find(second)) == ("audio/wav", b"three", 160.0)
    assert store.held_bytes == 8
    assert store.find(first[:-1]) is None


def test_id_is_random_and_fits_into_an_address(store: ResultStore) -> None:
    ids = {store.add("audio/wav", b"") for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", name) for name in ids)


def test_draft_is_found_when_it_is_whole(store: ResultStore) -> None:
    with store.open("audio/flac") as draft:
        draft.write(b"ab")
        draft.write(b"cd")
        assert store.find(draft.id) is None
        assert store.held_bytes == 4
    assert spell(store.find(draft.id)) == ("audio/flac", b"abcd", 160.0)


def test_system_without_a_folder_for_files_loses_the_result_alone(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/dev/none"])  # as with a disk that is read-only
    with store.open("audio/wav") as draft:
        draft.write(b"ab")
    assert store.find(draft.id) is None
    assert store.held_bytes == 0
    assert "No usable temporary directory" in caplog.text


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_draft_that_fails_leaves_nothing(store: ResultStore, error: type[BaseException]) -> None:
    draft = store.open("audio/flac")

    def fail() -> None:
        with draft:
            draft.write(b"ab")
            raise error

    with pytest.raises(error):
        fail()
    assert store.find(draft.id) is None
    assert store.held_bytes == 0


def test_result_is_gone_when_its_time_is_over(store: ResultStore, clock: Clock) -> None:
    first = store.add("audio/wav", b"first")
    clock.now += 59.9
    second = store.add("audio/wav", b"second")
    assert store.find(first) is not None
    clock.now += 0.1
    assert store.find(first) is None
    assert store.find(second) is not None
    assert store.held_bytes == 6
    clock.now += 60
    store.drop_expired()
    assert store.held_bytes == 0


def test_time_begins_when_a_draft_is_whole(store: ResultStore, clock: Clock) -> None:
    with store.open("audio/wav") as draft:
        clock.now += 1_000
        other = store.add("audio/wav", b"")
        clock.now += 10
    clock.now += 55
    assert store.find(draft.id) is not None
    assert store.find(other) is None


def test_oldest_go_when_there_is_no_place(store: ResultStore) -> None:
    first, second, third = (store.add("audio/wav", bytes(40)) for _ in range(3))
    assert [store.find(name) is not None for name in (first, second, third)] == [False, True, True]
    assert store.held_bytes == 80
    fourth = store.add("audio/wav", bytes(20))
    assert [store.find(name) is not None for name in (second, third, fourth)] == [True, True, True]
    assert store.held_bytes == 100


def test_result_larger_than_the_store_is_not_kept(store: ResultStore) -> None:
    with store.open("audio/wav") as draft:
        draft.write(bytes(100))
        draft.write(b"x")
        assert store.held_bytes == 0
        draft.write(b"y")
    assert store.find(draft.id) is None
    assert store.held_bytes == 0


def test_drafts_count_before_they_are_whole(store: ResultStore) -> None:
    kept = store.add("audio/wav", bytes(10))
    with store.open("audio/wav") as first, store.open("audio/wav") as second:
        first.write(bytes(60))
        second.write(bytes(30))
        assert store.find(kept) is not None
        second.write(bytes(10))  # the last place, that of the one which is whole
        assert store.find(kept) is None
        second.write(b"x")
        assert store.held_bytes == 60
    assert store.find(first.id) is not None
    assert store.find(second.id) is None


def test_result_that_cannot_fit_drives_no_other_out(store: ResultStore) -> None:
    kept = store.add("audio/wav", bytes(10))
    with store.open("audio/wav") as draft:
        draft.write(bytes(90))
        draft.write(bytes(11))
    assert store.find(draft.id) is None
    assert store.find(kept) is not None
    assert store.held_bytes == 10


def test_start_of_a_draft_is_replaced(store: ResultStore) -> None:
    with store.open("audio/wav") as draft:
        draft.replace_start(b"zz")  # of nothing
        draft.write(b"abcd")
        draft.write(b"ef")
        draft.replace_start(b"AB")
    assert spell(store.find(draft.id))[1] == b"ABcdef"
    assert store.held_bytes == 6


def test_times_of_words_are_no_result_of_their_own(store: ResultStore) -> None:
    ids = []
    for _ in range(2):
        with store.open("audio/wav") as draft:
            draft.write(bytes(30))
            draft.add_timing(bytes(10))
        ids.append(draft.id)
    assert store.held_bytes == 80
    found = store.find(ids[0])
    assert found is not None
    assert (len(found.data), found.timing) == (30, bytes(10))
    with store.open("audio/wav") as large:
        large.write(bytes(30))
        large.add_timing(bytes(71))  # the two do not fit: neither is kept
    assert store.find(large.id) is None
    store.add("audio/wav", bytes(100))
    assert store.held_bytes == 100


def test_store_of_no_bytes_keeps_nothing(clock: Clock) -> None:
    store = ResultStore(most_bytes=0, life_s=60, clock=clock)
    assert store.find(store.add("audio/wav", b"x")) is None


def test_threads_share_a_store() -> None:
    store = ResultStore(most_bytes=5_000, life_s=60)
    ids: list[str] = []

    def write() -> None:
        for _ in range(200):
            with store.open("audio/wav") as draft:
                for _ in range(5):
                    draft.write(bytes(10))
            ids.append(draft.id)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [result for result in map(store.find, ids) if result is not None]
    assert store.held_bytes == 50 * len(found)
    assert 80 < len(found) <= 100


@needs_proc
def test_results_are_no_memory_of_the_process_and_leave_no_file_behind(clock: Clock) -> None:
    store = ResultStore(most_bytes=1 << 30, life_s=60, clock=clock)

    def find_memory() -> int:
        return int(re.findall(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))[0])

    memory, files, names = find_memory(), count_open_files(), set(Path(tempfile.gettempdir()).glob("kokoro-run-*"))
    ids = [store.add("audio/wav", bytes(1 << 20)) for _ in range(64)]
    assert find_memory() - memory < 16 << 10  # of 64 MiB
    assert set(Path(tempfile.gettempdir()).glob("kokoro-run-*")) <= names
    clock.now += 60
    store.drop_expired()
    assert all(store.find(name) is None for name in ids)
    assert count_open_files() == files


def test_no_more_results_are_kept_than_a_process_may_have_open(store: ResultStore) -> None:
    first = store.add("audio/wav", b"")
    ids = [store.add("audio/wav", b"") for _ in range(256)]
    assert store.find(first) is None
    assert store.find(ids[0]) is not None


@needs_full_device
def test_a_disk_that_is_full_loses_the_result_alone(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115, PTH123
    with store.open("audio/wav") as draft:
        draft.write(b"ab")
        draft.write(b"cd")
    assert store.find(draft.id) is None
    assert store.held_bytes == 0
    assert "No space left on device" in caplog.text
