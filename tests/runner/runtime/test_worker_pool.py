"""Worker processes: their answers and errors, and that none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from runner.errors import WeightsError
from runner.runtime.worker_pool import WorkerEndedError, WorkerPool
from tests.conftest import ROOT
from tests.systems import is_alive, list_children

LIGHT = "time:time"  # what the workers call first; of no weight
WITHOUT_PRCTL = (
    "from runner.runtime import worker_pool\n"
    "absent = 'import runner.runtime.worker_pool as pool; pool._let_system_end_with_parent = lambda: False; '\n"
    "worker_pool._SERVE = worker_pool._SERVE.replace('from runner', absent + 'from runner')\n"
)
PARENT = (
    "import time; from functools import partial; from runner.runtime.worker_pool import WorkerPool\n"
    "with WorkerPool(2, 'time:time') as pool:\n"
    "    for _ in pool.work([(str(n), partial(time.sleep, 3600)) for n in range(2)], print): pass\n"
)


def refuse(words: str) -> None:
    raise WeightsError(words)


def wait_for_end(processes: list[int]) -> list[int]:
    """Find the processes that still live after a minute; SIGKILL may take long on a busy machine."""
    for _ in range(600):
        if not any(map(is_alive, processes)):
            break
        time.sleep(0.1)
    return [process for process in processes if is_alive(process)]


def test_jobs_begin_in_order_and_all_are_answered() -> None:
    begun: list[str] = []
    jobs = [(name, partial(str.upper, name)) for name in "abcde"]
    with WorkerPool(2, LIGHT) as pool:
        answers = dict(pool.work(jobs, begun.append))
    assert begun == list("abcde")
    assert answers == {name: name.upper() for name in "abcde"}


def test_worker_finds_the_modules_that_its_parent_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugin_of_a_user.py").write_text("def answer(): return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    import plugin_of_a_user  # type: ignore[import-not-found]  # noqa: PLC0415

    with WorkerPool(1, LIGHT) as pool:
        assert list(pool.work([("a", plugin_of_a_user.answer)], str)) == [("a", 42)]


def test_error_of_a_job_is_raised_as_it_was() -> None:
    with WorkerPool(2, LIGHT) as pool, pytest.raises(WeightsError, match=r"^missing: x$") as error:
        list(pool.work([("a", partial(refuse, "missing: x"))], str))
    assert "in refuse" in str(error.value.__cause__)


@pytest.mark.parametrize(
    ("job", "how"),
    [
        (partial(signal.raise_signal, signal.SIGKILL), r"by signal 9 \(Killed\); was there enough memory"),
        (partial(os._exit, 3), "status 3"),
    ],
)
def test_worker_that_dies_is_an_error_that_names_the_job(job: partial[None], how: str) -> None:
    with WorkerPool(2, LIGHT) as pool, pytest.raises(WorkerEndedError, match=f"decoder: the process .* ended .*{how}"):
        list(pool.work([("decoder", job)], str))


def die_the_first_time(path: Path) -> str:
    if not path.exists():
        path.touch()
        signal.raise_signal(signal.SIGKILL)
    return "done"


def test_job_whose_worker_dies_is_begun_again_by_another_one(tmp_path: Path) -> None:
    begun: list[str] = []
    deaths: list[WorkerEndedError] = []
    jobs = [(name, partial(die_the_first_time, tmp_path / name)) for name in "abc"]
    with WorkerPool(2, LIGHT) as pool:
        answers = dict(pool.work(jobs, begun.append, attempts=2, died=deaths.append))
        assert len(set(list_children(os.getpid()))) == 2
    assert answers == dict.fromkeys("abc", "done")
    assert sorted(begun) == list("aabbcc")
    assert sorted((error.name, error.how) for error in deaths) == [
        (name, "by signal 9 (Killed); was there enough memory?") for name in "abc"
    ]


@pytest.mark.parametrize(
    ("job", "begun"), [(partial(signal.raise_signal, signal.SIGKILL), 3), (partial(os._exit, 3), 1)]
)
def test_job_that_ends_each_worker_is_an_error(job: partial[None], begun: int) -> None:
    """A worker that no signal has ended would end so again."""
    names: list[str] = []
    with (
        WorkerPool(1, LIGHT) as pool,
        pytest.raises(WorkerEndedError, match=r"^a: .* ended (by signal 9|with status 3)"),
    ):
        list(pool.work([("a", job)], names.append, attempts=3))
    assert len(names) == begun


def test_jobs_are_taken_when_a_worker_is_free() -> None:
    taken: list[int] = []

    def make_jobs() -> Iterator[tuple[str, partial[str]]]:
        for number in range(10):
            taken.append(number)
            yield str(number), partial(str, number)

    with WorkerPool(1, LIGHT) as pool:
        for name, _ in pool.work(make_jobs(), str):
            assert len(taken) <= int(name) + 1
    assert taken == list(range(10))


def test_no_worker_is_left_after_an_error() -> None:
    others = set(list_children(os.getpid()))  # of tests before this one
    with WorkerPool(2, LIGHT) as pool:
        workers = set(list_children(os.getpid())) - others
        with pytest.raises(WeightsError):
            list(pool.work([("a", partial(time.sleep, 3600)), ("b", partial(refuse, "x"))], str))
    assert len(workers) == 2
    assert set(list_children(os.getpid())) <= others
    assert not any(map(is_alive, workers))


@pytest.mark.usefixtures("heeding_interrupts")
@pytest.mark.parametrize("has_prctl", [True, False], ids=["linux", "elsewhere"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_however_it_ends(end: signal.Signals, has_prctl: bool) -> None:
    pipe = subprocess.PIPE
    script = PARENT if has_prctl else WITHOUT_PRCTL + PARENT
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=pipe, stderr=pipe, text=True, bufsize=1)
    assert parent.stdout is not None
    assert parent.stdout.readline() + parent.stdout.readline() == "0\n1\n"
    workers = list_children(parent.pid)
    assert len(workers) == 2
    parent.send_signal(end)
    _, fact = parent.communicate()
    assert parent.returncode == -end
    assert wait_for_end(workers) == []
    assert fact.count("Traceback") == (end == signal.SIGINT)  # the parent's own
