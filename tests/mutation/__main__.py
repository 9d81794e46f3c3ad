"""The command of `make mutate`."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import tests.mutation
from tests.mutation.copies import Copies
from tests.mutation.mutants import Mutant, draw
from tests.mutation.survey import survey
from tests.mutation.trials import NOT_EXECUTED, SURVIVED, Bench, Trial

ROOT = Path(__file__).parents[2]
FILES = ("runner/graph/*.py", "runner/cache/*.py", "runner/engine/*.py")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Draw mutants of the checkout at `root`, try them and tell; the exit status."""
    options = _parse(arguments)
    copies = Copies(root)
    surveyed = survey(copies, _matching(root, [*FILES, *options.files]), options.tests)
    if surveyed.failed:
        _say(f"left out, because they fail without a mutant: {', '.join(surveyed.failed)}")
    for name in surveyed.modules:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 - a module of a test's own, or one that can only be imported by another
            continue
    mutants = draw(root, _matching(root, options.files), options.sample, options.seed)
    texts = {mutant.file: (root / mutant.file).read_text("utf-8") for mutant in mutants}
    trials = [Trial(mutant, surveyed.tests(mutant, texts[mutant.file], options.budget)) for mutant in mutants]
    begun = time.monotonic()
    Bench(copies, surveyed, options.jobs, _say).try_all(trials)
    alive = [trial for trial in trials if trial.outcome in (SURVIVED, NOT_EXECUTED)]
    for trial in sorted(alive, key=lambda each: (each.mutant.file, each.mutant.line)):
        _say(
            "\n".join([f"\n{trial.mutant} {trial.outcome}, {len(trial.tests)} tests", *_difference(trial.mutant, root)])
        )
    share = 100 * (1 - len(alive) / len(trials)) if trials else 0.0
    counts = Counter(trial.outcome for trial in trials).most_common()
    _say(
        f"\n{len(trials)} mutants of seed {options.seed} in {(time.monotonic() - begun) / 60:.1f} min: "
        f"{', '.join(f'{count} {outcome}' for outcome, count in counts)}; {share:.1f} % killed"
    )
    return int(share < options.at_least)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.mutation", description=(tests.mutation.__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--sample", type=int, default=300, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="of the random choice")
    parser.add_argument("--files", nargs="+", default=FILES, metavar="GLOB", help="which files get mutants")
    parser.add_argument(
        "--tests", nargs="+", default=["tests/runner"], metavar="PATH", help="which tests may meet them"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of tests for a mutant")
    parser.add_argument("--at-least", type=float, default=85.0, help="percent that must be killed")
    return parser.parse_args(arguments)


def _matching(root: Path, patterns: Iterable[str]) -> list[str]:
    return sorted({str(path.relative_to(root)) for pattern in patterns for path in root.glob(pattern)})


def _difference(mutant: Mutant, root: Path) -> Iterator[str]:
    old, new = (root / mutant.file).read_text("utf-8").splitlines(), mutant.code(root).splitlines()
    for line in list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]:
        yield f"    {line}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
