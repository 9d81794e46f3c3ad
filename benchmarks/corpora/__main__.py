"""`python -m benchmarks.corpora`: what making a corpus costs; prints JSON. `make bench-corpus` runs it whole.

throughput  seconds of audio a second: of independent runs of `kokoro-run`, one a core, added up; of `corpus` with as
            many workers; and of a Ray cluster of as many nodes, all on this machine, in turn
memory      the most of the driver's own, and of a worker's, while 1,000 rows are made and while --rows are; of one to
            three words each, since it is their number that memory could depend on
kills       runs that are killed at random moments, workers and Ray's nodes among them, until one ends: every row once,
            the bytes of an undisturbed run, no other file
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.corpora.kills import kill_runs
from benchmarks.corpora.memory import watch_memory
from benchmarks.corpora.ray_nodes import running_nodes

_WORDS = (
    *("north", "wind", "sun", "traveller", "cloak", "light", "morning", "harbour", "voice", "night", "rain", "river"),
    *("window", "letter", "garden", "winter", "summer", "stone", "paper", "silver", "copper", "mountain", "valley"),
    *("road", "station", "question", "answer", "number"),
)
_AS_WAV = ("--format", "wav", "--shard-rows", "64")  # few rows are to be parted evenly, as many are
_LINKS = ("and", "or", "near", "under", "above", "with", "without", "after", "before", "beside")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpora", description=__doc__.partition("\n")[0])
    parser.add_argument("-c", "--config", action="append", default=[], help="overlay of the model (kokoro-82m-int8)")
    parser.add_argument("--parts", default="throughput,memory,kills", help="of throughput, memory, kills")
    parser.add_argument("--throughput-rows", type=int, default=2000, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of the throughput")
    parser.add_argument("--rows", type=int, default=100_000, help="of the larger corpus whose memory is watched")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--no-ray", action="store_true", help="leave Ray out")
    parser.add_argument("--keep", type=Path, help="folder of the corpora; a temporary one without it")
    given = parser.parse_args(arguments)
    table: dict[str, Any] = {"machine": machine.describe(), "commit": machine.commit(), "overlays": given.config}
    overlays = [word for name in given.config for word in ("-c", name)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        parts = given.parts.split(",")
        if "throughput" in parts:
            table["throughput"] = _measure_throughput(folder, overlays, given)
        if "memory" in parts:
            table["memory"] = {
                str(count): watch_memory(_command(_write(folder, count, "words"), folder / f"out{count}", overlays))
                for count in (1000, given.rows)
            }
        if "kills" in parts:
            rows = _write(folder, 60, "few")
            make = lambda out, *more: [*_command(rows, out, overlays), "--shard-rows", "8", *more]  # noqa: E731
            table["kills"] = kill_runs(make, folder, given.kills, with_ray=not given.no_ray)
    sys.stdout.write(json.dumps(table, indent=1) + "\n")
    return 0


def make_sentence(chance: random.Random) -> str:
    """Make a sentence of two to twelve words."""
    count = chance.randint(1, 6)
    words = [f"{chance.choice(_LINKS)} the {chance.choice(_WORDS)}" for _ in range(count)]
    return f"The {chance.choice(_WORDS)} {' '.join(words)}."


def make_words(chance: random.Random) -> str:
    """Make a text of one to three words."""
    return " ".join(chance.choices(_WORDS, k=chance.randint(1, 3)))


def _write(folder: Path, count: int, name: str = "rows") -> Path:
    """Write so many rows, of words or of sentences; the first ones are those of a smaller number."""
    path, chance = folder / f"{name}{count}.jsonl", random.Random(1)
    make_text = make_words if name == "words" else make_sentence
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            row = {"id": f"r{number:07d}", "text": make_text(chance), "seed": number}
            file.write(json.dumps(row) + "\n")
    return path


def _command(rows: Path, out: Path, overlays: Sequence[str]) -> list[str]:
    words = [*("corpus", "text", *overlays, "--input", str(rows)), "-o", str(out), "-q"]
    return [sys.executable, "-m", "runner", *words]


def _measure_throughput(folder: Path, overlays: Sequence[str], given: argparse.Namespace) -> dict[str, Any]:
    """Measure all ways in turn, round after round; what a run of a few rows takes is taken off."""
    cores = machine.cores()
    many, few = _write(folder, given.throughput_rows), _write(folder, 2 * cores, "few")
    ways: dict[str, Callable[[Path, Path], float]] = {
        "independent": lambda rows, out: _run_alone(rows, out, overlays, cores),
        "local": lambda rows, out: _run([*_command(rows, out, overlays), *_AS_WAV]),
    }
    found: dict[str, list[float]] = {}
    starts: dict[str, list[float]] = {}
    with running_nodes(0 if given.no_ray else cores) as nodes:
        if nodes.address is not None:
            ray = ["--ray", nodes.address, "--workers", str(cores)]
            ways["ray"] = lambda rows, out: _run([*_command(rows, out, overlays), *_AS_WAV, *ray])
        for number in range(given.rounds):
            for name, run in ways.items():
                start_s = run(few, folder / f"{name}-few{number}")
                seconds = run(many, folder / f"{name}{number}") - start_s
                audio_s = _find_audio(folder / f"{name}{number}")
                found.setdefault(name, []).append(round(audio_s / seconds, 2))
                starts.setdefault(name, []).append(round(start_s, 2))
        ray_mb = nodes.find_memory() / 1e6
    middle = {name: statistics.median(rates) for name, rates in found.items()}
    return {
        "audio_seconds_per_second": found,
        "to_independent": {name: round(rate / middle["independent"], 3) for name, rate in middle.items()},
        "seconds_of_a_few_rows": starts,
        "megabytes_of_ray": round(ray_mb),
    }


def _run(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


def _run_alone(rows: Path, out: Path, overlays: Sequence[str], count: int) -> float:
    """Run the rows by so many commands, each with its part of them and one thread."""
    out.mkdir()
    texts = [json.loads(line)["text"] for line in rows.read_text(encoding="utf-8").splitlines()]
    commands = []
    for number in range(count):
        source = out / f"{number}.txt"
        source.write_text("".join(f"{text}\n" for text in texts[number::count]), encoding="utf-8")
        words = ["text", *overlays, "--input", str(source), "--lines", "--threads", "1", "--no-cache", "-q"]
        commands.append([sys.executable, "-m", "runner", *words, "-o", f"{out / str(number)}/"])
    start = time.perf_counter()
    processes = [subprocess.Popen(command) for command in commands]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError(f"{commands[0]}: exit codes {codes}")
    return time.perf_counter() - start


def _find_audio(out: Path) -> float:
    """The seconds of audio of all WAV files below a folder."""
    return sum((path.stat().st_size - 44) / 48_000 for path in out.rglob("*.wav"))


if __name__ == "__main__":
    raise SystemExit(main())
