"""A build of the full model from nothing, in a folder of its own."""

from __future__ import annotations

import shutil
from typing import Any

from benchmarks import process
from benchmarks.model import WORK
from benchmarks.ours import variants
from benchmarks.session import Session


def measure(session: Session) -> dict[str, Any]:
    """Seconds, once: it is minutes long and varies little."""
    folder = WORK / "built-anew"
    shutil.rmtree(folder, ignore_errors=True)
    *arguments, _ = next(variants()).arguments()
    command = process.kokoro_run("build", *arguments, str(folder))
    seconds = process.seconds_of(command, session.threads)
    shutil.rmtree(folder)
    return {"build_s": seconds}
