r"""`make bench`: this project beside PyTorch and ONNX Runtime, from single kernels to whole processes.

    packages --> kokoro-run build ----> ours ---+
            \--> kokoro 0.9.4 --------> PyTorch +-> interleaved rounds -> medians, ratios -> results/MODEL/MACHINE.json
                             \-> ONNX -> ORT ---+                                                |
                                                                      README.md, MACHINE.md, .svg <-+

Everything holds the weights of Kokoro-82M (the extra `kokoro`), on the same inputs and the same number of threads.
Files stay in build/bench, so a second run starts faster. Each part goes into the file of its machine when it ends: a
run that is interrupted keeps what it has measured, and one on another CPU has tables of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks import machine, process, readme, report
from benchmarks.measure import DEFAULT, ON_ONE_THREAD_TOO, PARTS
from benchmarks.model import WORK, model_folder, write_model
from benchmarks.names import END_TO_END, obstacle
from benchmarks.ours import VARIANTS, variants
from benchmarks.parts import filters
from benchmarks.results import FOLDER, keep, read
from tests import real_model

QUICK_FOLDER = WORK / "quick"
ROUNDS, QUICK_ROUNDS = 7, 3


def measure(part: str, threads: int, rounds: int, *, quick: bool) -> dict[str, Any]:
    """One part in a process of its own, which tells on standard error what it is at."""
    click.echo(f"--- {part}, {threads} {'thread' if threads == 1 else 'threads'}", err=True)
    out = WORK / "part.json"
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.measure", part, "--out", str(out)]
    command += ["--threads", str(threads), "--rounds", str(rounds), *(["--quick"] if quick else [])]
    # What `torch.compile` has compiled, a matter of minutes, is kept for the next process.
    environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(WORK / "inductor"), "TORCHINDUCTOR_FX_GRAPH_CACHE": "1"}
    subprocess.run(command, cwd=process.ROOT, env=environment, check=True)
    found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return found


def prepare() -> None:
    """The checkpoint and the libraries of every variant, made where they are missing or stale."""
    if (why := real_model.obstacle()) is not None:
        raise click.ClickException(why)
    write_model(model_folder())
    for variant in variants():
        click.echo(f"--- build of {variant.name}, where stale", err=True)
        process.run(process.kokoro_run("build", *variant.arguments()), machine.cores())


def _absent() -> dict[str, str]:
    """Contenders that cannot be measured here, and why."""
    every = {variant.name: variant.obstacle() for variant in VARIANTS} | {name: obstacle(name) for name in END_TO_END}
    return {name: why for name, why in every.items() if why is not None}


def _chosen(only: str | None) -> Sequence[str]:
    if only is None:
        return DEFAULT
    unknown = [name for name in only.split(",") if name not in PARTS]
    if unknown:
        raise click.BadParameter(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return [name for name in PARTS if name in only.split(",")]


@click.command(help=__doc__.split("\n", maxsplit=1)[0])
@click.option(
    "--only", metavar="PART,...", help=f"Measure these parts: {', '.join(PARTS)}.  [default: all but filters and build]"
)
@click.option("--quick", is_flag=True, help="The smallest sizes, three rounds, into build/bench: a look, no record.")
@click.option("--threads", type=click.IntRange(1), multiple=True, help="Repeatable.  [default: 1, and all cores]")
@click.option("--rounds", type=click.IntRange(1), default=ROUNDS, show_default=True, help="Runs of each contender.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results.  [default: benchmarks/results]")
@click.option("--report-only", is_flag=True, help="Measure nothing: write README.md and the pages anew.")
def main(
    only: str | None, quick: bool, threads: tuple[int, ...], rounds: int, out: Path | None, report_only: bool
) -> None:
    folder = out or (QUICK_FOLDER if quick else FOLDER)
    if not report_only:
        for path in _measured(_chosen(only), sorted(set(threads or (1, machine.cores()))), rounds, folder, quick=quick):
            click.echo(f"--- wrote {path}", err=True)
        click.echo(report.report(read(path)))
    if folder == FOLDER:
        readme.renew()


def _measured(parts: Sequence[str], counts: Sequence[int], rounds: int, folder: Path, *, quick: bool) -> Iterator[Path]:
    """Measure each part, and put it into its file at once."""
    if parts[0] != "filters":
        prepare()
    for part in parts:
        for count in counts if part in ON_ONE_THREAD_TOO else counts[-1:]:
            entry = measure(part, count, QUICK_ROUNDS if quick else rounds, quick=quick)
            if part == "filters" and not quick:
                filters.write_table(entry["found"])
                click.echo(f"--- wrote {filters.TABLE.name}; if it has changed, all libraries are stale", err=True)
                if part != parts[-1]:
                    prepare()
            yield keep(folder, part, count, entry, _absent())


if __name__ == "__main__":
    main()
