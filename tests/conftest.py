"""Fixtures shared by all tests, named after what a test needs."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.parity import read_figures, table

# Torch's threads spin while they wait for each other: beside another busy process a layer takes three times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A machine that is shared may be slow; that says nothing of the code. The examples are the same in each run, so that a
# change answers for what it breaks itself; `make search` makes others.
settings.register_profile("shared", suppress_health_check=[HealthCheck.too_slow], deadline=None, derandomize=True)
settings.register_profile("search", settings.get_profile("shared"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "shared"))

ROOT = Path(__file__).parents[1]
REFERENCE = "the PyTorch reference is not installed: `make test` installs it"


@pytest.fixture(autouse=True)
def stage_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of stages' results of the test's own: what it finds there, it has put there."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KOKORO_RUN_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def tuning(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for measured forms of convolutions: those of this machine decide no test."""
    folder = tmp_path_factory.mktemp("tuning")
    monkeypatch.setenv("KOKORO_RUN_TUNING", str(folder))
    return folder


@pytest.fixture
def heeding_interrupts() -> Iterator[None]:
    """Programs started inside heed SIGINT, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root, where graphs/ and configs/ lie."""
    return ROOT


@pytest.fixture(scope="session")
def reference() -> None:
    """Skips the test, with the reason, where the PyTorch reference cannot be imported."""
    pytest.importorskip("tests.reference", reason=REFERENCE)


@pytest.fixture(scope="session")
def cache_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that outlives the session where pytest keeps a cache."""
    cache = getattr(request.config, "cache", None)  # absent under -p no:cacheprovider
    return cache.mkdir("kokoro") if cache is not None else tmp_path_factory.mktemp("kokoro")


@pytest.fixture(scope="session")
def synthetic(cache_folder: Path) -> Callable[[str, int, str], Path]:
    """`synthetic(size, seed, "pth")`: the model.yaml of a synthetic model, written once for a given generator."""
    pytest.importorskip("tests.reference", reason=REFERENCE)
    from tests import synthetic as generator  # noqa: PLC0415 - imports torch, which may be absent

    def model(size: str, seed: int, suffix: str) -> Path:
        folder = cache_folder / f"{size}-{seed}-{suffix}-{_generator_digest()}"
        if not folder.is_dir():
            # Sessions that run side by side each write a folder of their own; the first to end leaves its one.
            with tempfile.TemporaryDirectory(dir=cache_folder, prefix=".") as unfinished:
                written = generator.write(Path(unfinished) / "model", size, seed, suffix).parent
                if not folder.is_dir():
                    written.rename(folder)
            for outdated in set(cache_folder.glob(f"{size}-{seed}-{suffix}-*")) - {folder}:
                shutil.rmtree(outdated, ignore_errors=True)
        return folder / "model.yaml"

    return model


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, object, object]:
    """Prints what the parity tests have measured, whether they pass or not, and last how many were skipped for what."""
    ended = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    figures = read_figures(report for report in ended if isinstance(report, pytest.TestReport))
    if figures:
        terminalreporter.section("distance from the reference in float64 (in brackets: PyTorch in float32)")
        for line in table(figures):
            terminalreporter.write_line(line)
    result = yield
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if skipped:
        terminalreporter.write_line("skipped: " + "; ".join(f"{n} {reason}" for reason, n in skipped.most_common()))
    return result


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    told = report.longrepr
    return str(told[2]).removeprefix("Skipped: ") if isinstance(told, tuple) else "for an unknown reason"


def _generator_digest() -> str:
    sources = [ROOT / name for name in ("tests/synthetic.py", "runner/speech/reference.py", "runner/speech/philox.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
