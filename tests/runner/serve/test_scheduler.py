"""Tests that workers are shared fairly, and outlive what a request does to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from runner.serve.scheduler import Scheduler


class Units:
    """A job of a number of units, each of which takes some seconds, gives some of audio, and is noted in a list."""

    def __init__(self, name: str, count: int, done: list[str], seconds: float = 0.0, audio_s: float = 0.1) -> None:
        self.name, self.left, self.seconds, self.audio_s = name, count, seconds, audio_s
        self.due = time.perf_counter()
        self.done, self.running = done, 0
        self.error: BaseException | None = None
        self.lock, self.ended = threading.Lock(), threading.Event()

    def take(self) -> Callable[[], None] | None:
        with self.lock:
            if not self.left or self.error:
                return None
            self.left -= 1
            self.running += 1
            return self._do

    def _do(self) -> None:
        time.sleep(self.seconds)
        self.done.append(self.name)
        with self.lock:
            self.running -= 1
            self.due += self.audio_s
        if not self.left:
            self.ended.set()

    def is_done(self) -> bool:
        with self.lock:
            return (not self.left or self.error is not None) and not self.running

    def fail(self, error: BaseException) -> None:
        with self.lock:
            self.running -= 1
            self.error = error
        self.ended.set()


class Failing(Units):
    def _do(self) -> None:
        raise SystemExit(1)


class Held(Units):
    """A job whose one unit waits for a signal."""

    def __init__(self, done: list[str]) -> None:
        super().__init__("held", 1, done)
        self.go = threading.Event()

    def _do(self) -> None:
        assert self.go.wait(10)
        super()._do()


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler(1)
    yield made
    made.close()


def test_a_short_request_is_not_behind_all_of_a_long_one(scheduler: Scheduler) -> None:
    done: list[str] = []
    held, long = Held(done), Units("long", 20, done, 0.002)
    scheduler.add(held)
    scheduler.add(long)
    held.go.set()
    while len(done) < 5:
        time.sleep(0.0005)
    short = Units("short", 1, done, 0.002)
    scheduler.add(short)
    assert long.ended.wait(10)
    assert short.ended.wait(10)
    assert done[0] == "held"
    assert done.index("short") <= 8, done


def test_the_first_units_are_done_in_the_order_of_requests_before_any_second_one(scheduler: Scheduler) -> None:
    done: list[str] = []
    held, jobs = Held(done), [Units(str(number), 2, done) for number in range(6)]
    for job in (held, *jobs):
        scheduler.add(job)
    held.go.set()
    for job in jobs:
        assert job.ended.wait(10)
    assert "".join(done[1:]) == "012345012345"


@pytest.mark.parametrize("workers", [1, 2])
def test_an_old_request_is_due_at_last_while_new_ones_always_wait(workers: int) -> None:
    """Its listener hears 10 ms of each of its parts; six clients always ask for more than is done in that time."""
    scheduler, done, others = Scheduler(workers), list[str](), 6
    old = Units("old", 20, done, 0.004, audio_s=0.01)
    scheduler.add(old)

    def ask_again_and_again() -> None:
        while not old.ended.is_set() and len(done) < 1000:
            new = Units("new", 1, done, 0.004)
            scheduler.add(new)
            new.ended.wait(10)

    threads = [threading.Thread(target=ask_again_and_again) for _ in range(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scheduler.close()
    assert done.count("old") == 20
    assert done.count("new") <= 20 * others * 2, done.count("new")


def test_a_worker_outlives_a_unit_that_fails(scheduler: Scheduler) -> None:
    done: list[str] = []
    failing, after = Failing("failing", 3, done), Units("after", 2, done)
    scheduler.add(failing)
    scheduler.add(after)
    assert failing.ended.wait(10)
    assert after.ended.wait(10)
    assert isinstance(failing.error, SystemExit)
    assert failing.left == 2
    assert done == ["after", "after"]


def test_jobs_under_way_are_counted(scheduler: Scheduler) -> None:
    done: list[str] = []
    held = Held(done)
    scheduler.add(held)
    scheduler.add(Units("next", 1, done))
    assert scheduler.count == 2
    held.go.set()
    deadline = time.monotonic() + 10
    while scheduler.count and time.monotonic() < deadline:
        time.sleep(0.005)
    assert scheduler.count == 0
    assert sorted(done) == ["held", "next"]


def test_several_workers_do_several_units_at_a_time() -> None:
    scheduler, done = Scheduler(2), list[str]()
    first, second = Held(done), Held(done)
    scheduler.add(first)
    scheduler.add(second)
    deadline = time.monotonic() + 10
    while not (first.running and second.running) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert (first.running, second.running) == (1, 1)
    first.go.set()
    second.go.set()
    assert first.ended.wait(10)
    assert second.ended.wait(10)
    scheduler.close()
    assert done == ["held", "held"]


def test_closing_waits_for_the_unit_under_way_and_begins_no_other() -> None:
    scheduler, done = Scheduler(1), list[str]()
    slow = Units("slow", 3, done, 0.05)
    scheduler.add(slow)
    while not slow.running:
        time.sleep(0.001)
    scheduler.close()
    assert done == ["slow"]
    assert slow.running == 0
