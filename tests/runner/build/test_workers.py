"""Worker processes: their answers and errors, and that none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from runner.build.workers import WorkerPool
from runner.errors import BuildError, WeightsError
from tests.conftest import ROOT

LIGHT = "runner.errors"  # what the workers import first; of no weight
PARENT = (
    "import time; from functools import partial; from runner.build.workers import WorkerPool\n"
    "with WorkerPool(2, 'runner.errors') as pool:\n"
    "    for _ in pool.work([(str(n), partial(time.sleep, 3600)) for n in range(2)], print): pass\n"
)


def refuse(words: str) -> None:
    raise WeightsError(words)


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


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
def test_worker_that_dies_is_an_error_that_names_the_stage(job: partial[None], how: str) -> None:
    with (
        WorkerPool(2, LIGHT) as pool,
        pytest.raises(BuildError, match=f"stage 'decoder': the process .* ended .*{how}"),
    ):
        list(pool.work([("decoder", job)], str))


def test_no_worker_is_left_after_an_error() -> None:
    others = set(children(os.getpid()))  # of tests before this one
    with WorkerPool(2, LIGHT) as pool:
        workers = set(children(os.getpid())) - others
        with pytest.raises(WeightsError):
            list(pool.work([("a", partial(time.sleep, 3600)), ("b", partial(refuse, "x"))], str))
    assert len(workers) == 2
    assert set(children(os.getpid())) <= others
    assert not any(map(is_alive, workers))


@pytest.mark.usefixtures("heeding_interrupts")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_however_it_ends(end: signal.Signals) -> None:
    pipe = subprocess.PIPE
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=pipe, stderr=pipe, text=True, bufsize=1)
    assert parent.stdout is not None
    assert parent.stdout.readline() + parent.stdout.readline() == "0\n1\n"
    workers = children(parent.pid)
    assert len(workers) == 2
    parent.send_signal(end)
    _, fact = parent.communicate()
    assert parent.returncode == -end
    assert wait_for_end(workers) == []
    assert fact.count("Traceback") == (end == signal.SIGINT)  # the parent's own
