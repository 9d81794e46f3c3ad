r"""`make bench`: stages, whole utterances, build and memory, beside PyTorch eager and ONNX Runtime.

    checkpoint -> kokoro-run build ---> ours ---+
              \-> kokoro 0.9.4 -------> PyTorch +-> interleaved rounds -> medians, ratios -> table, results.json
                             \-> ONNX -> ORT ---+

Everything is full size, float32, on the same inputs and the same number of threads. The checkpoint is a synthetic one
(`tests/synthetic.py`): random weights, and time does not depend on them. Files stay in build/bench, so a second run
starts faster; the build that is timed always starts from nothing.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import onnxruntime
import soundfile
import torch
from numpy.typing import NDArray

from benchmarks import machine, process
from benchmarks.cases import Case, cases, symbols, tokens_for
from benchmarks.model import model_folder, overlay, synthetic_model
from benchmarks.ours import Ours
from benchmarks.report import report
from benchmarks.rivals import FOLDED, Eager, Ort, disagreement
from benchmarks.timing import Timing, interleave, ratio
from benchmarks.utterance import speak
from tests.reference import Reference

Array = NDArray[Any]

WORK = Path(__file__).parents[1] / "build" / "bench"
RESULTS = Path(__file__).with_name("results.json")
LONG_S = 10.0
UTTERANCES = (2.0, LONG_S)  # seconds of audio
# A rival that computes something else would be no rival; the decoder is compared by loudness, which its noise moves.
TOLERANCES = {"decoder": 0.1}
TOLERANCE = 1e-3
ROUNDS, QUICK_ROUNDS = 9, 3


class Bench:
    """The contenders, built from one checkpoint, and what was measured of them so far."""

    def __init__(self, threads: int, rounds: int, *, quick: bool) -> None:
        self.threads, self.quick, self.rounds = threads, quick, QUICK_ROUNDS if quick else rounds
        torch.set_num_threads(threads)
        self.folder = model_folder(WORK)
        self.config, self.pack, self.weights = synthetic_model(self.folder)
        self.overlays = ["configs/models/kokoro-82m.yaml", str(overlay(self.folder))]
        self.build_root = WORK / "built"
        self.failed: dict[str, str] = {}

    def measure(self) -> dict[str, Any]:
        results: dict[str, Any] = {"machine": machine.describe(self.threads), "rounds": self.rounds}
        results["build_s"] = self._build()
        self.ours = Ours(self.overlays, self.build_root, self.threads)
        self.reference = Reference(self.config, self.weights, torch.float32)
        self.rivals: dict[str, Any] = {
            Eager.name: Eager(self.reference.model),
            FOLDED: Eager(self._fresh_model(), fold=True),
            Ort.name: Ort(self._fresh_model, self.folder / "onnx", self.threads),
        }
        torch.set_num_threads(self.threads)  # Reference sets its own
        results["stages"] = [self._stage(case) for case in cases(self.reference, self.pack, quick=self.quick)]
        results["utterances"] = [self._utterance(seconds) for seconds in UTTERANCES[: 1 if self.quick else 2]]
        results["process"] = self._process()
        results["failed"] = self.failed
        return results

    def _fresh_model(self) -> Any:
        return Reference(self.config, self.weights, torch.float32).model

    def _build(self) -> float:
        """Seconds of a build from nothing."""
        click.echo("build ...", err=True)
        shutil.rmtree(self.build_root, ignore_errors=True)
        return process.seconds_of("build", *self._arguments(), threads=self.threads)

    def _arguments(self) -> list[str]:
        layers = [word for overlay in self.overlays for word in ("-c", overlay)]
        return ["default", *layers, "--build-dir", str(self.build_root)]

    def _stage(self, case: Case) -> dict[str, Any]:
        click.echo(f"{case.label} ...", err=True)
        ours = functools.partial(self.ours.run, case.stage, case.inputs)
        calls: dict[str, Callable[[], object]] = {Ours.name: ours, **dict(self._rival_calls(case))}
        return {"stage": case.stage, "size": case.size, "axis": case.axis, **_compared(interleave(calls, self.rounds))}

    def _rival_calls(self, case: Case) -> Iterator[tuple[str, Callable[[], object]]]:
        """Each rival that can run the case, once it has been seen to compute what PyTorch computes."""
        truth: list[Array] = []
        for name, rival in self.rivals.items():
            try:
                if isinstance(rival, Ort):
                    rival.open(case.stage, case.inputs)
                prepared = rival.prepare(case.stage, case.inputs)
                outputs = rival.run(case.stage, prepared)
            except (torch.onnx.errors.OnnxExporterError, onnxruntime.capi.onnxruntime_pybind11_state.Fail) as error:
                self.failed[f"{name}, {case.label}"] = str(error).splitlines()[0]
                continue
            truth = truth or outputs
            apart = disagreement(case.stage, truth, outputs)
            if apart > TOLERANCES.get(case.stage, TOLERANCE):
                self.failed[f"{name}, {case.label}"] = f"timed, but its output is off by {apart:.2g}"
            yield name, functools.partial(rival.run, case.stage, prepared)

    def _utterance(self, seconds: float) -> dict[str, Any]:
        """One utterance from phonemes, or for the rivals from their ids, to audio."""
        click.echo(f"utterance of {seconds:g} s ...", err=True)
        tokens = tokens_for(seconds, self.reference, self.pack)
        phonemes, pipeline = symbols(self.config, tokens), self.ours.pipeline
        audio = pipeline.run(phonemes=phonemes, voice=self.pack)["audio"]
        ids = self.reference.input_ids(phonemes)
        calls: dict[str, Callable[[], object]] = {
            Ours.name: functools.partial(pipeline.run, phonemes=phonemes, voice=self.pack),
            **{name: functools.partial(speak, rival, ids, self.pack) for name, rival in self.rivals.items()},
        }
        return {"tokens": tokens, "audio_s": audio.size / 24000, **_compared(interleave(calls, self.rounds))}

    def _process(self) -> dict[str, float]:
        """What `kokoro-run` costs as a process, for an utterance of about 10 s."""
        click.echo("processes ...", err=True)
        phonemes = symbols(self.config, tokens_for(LONG_S, self.reference, self.pack))
        command = [*self._arguments(), "--phonemes", phonemes, "-o", str(WORK / "bench.wav")]
        command += ["--threads", str(self.threads), "--no-cache"]  # a kept result would be no run
        runs = [process.seconds_beyond_stages(*command, threads=self.threads) for _ in range(self.rounds)]
        return {
            "audio_s": soundfile.info(WORK / "bench.wav").duration,
            "wall_s": statistics.median(wall for wall, _ in runs),
            "beyond_stages_s": statistics.median(beyond for _, beyond in runs),
            "beyond_stages_worst_s": max(beyond for _, beyond in runs),
            "peak_mib": process.peak_mib_of(*command, threads=self.threads),
        }


def _compared(timings: dict[str, Timing]) -> dict[str, Any]:
    """Medians of all contenders, and ours over each rival's, round by round."""
    ours = timings[Ours.name]
    return {
        "median_s": {name: timing.median for name, timing in timings.items()},
        "ratio": {name: asdict(ratio(ours, timing)) for name, timing in timings.items() if name != Ours.name},
        "seconds": {name: timing.seconds for name, timing in timings.items()},
    }


@click.command(help=__doc__.split("\n", maxsplit=1)[0])
@click.option("--quick", is_flag=True, help="The smallest sizes, three rounds: a look, no measurement.")
@click.option("--threads", type=click.IntRange(1), default=min(2, len(os.sched_getaffinity(0))), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=ROUNDS, show_default=True, help="Runs of each contender.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=RESULTS, show_default=False, help="JSON of all results."
)
def main(quick: bool, threads: int, rounds: int, out: Path) -> None:
    results = Bench(threads, rounds, quick=quick).measure()
    out.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    click.echo(report(results))


if __name__ == "__main__":
    main()
