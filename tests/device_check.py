"""Is a device right, and how fast: every compiled stage on it, against the PyTorch reference in float64.

    python -m tests.device_check cuda:0 [--model configs/models/kokoro-82m.yaml] [--symbols 5,30,120]

Builds the stages for the device, gives each the reference's inputs, and prints the table of the parity tests, then the
times. Exits 1 if a figure misses its bar, 2 if the device is not there. `cpu-operators:0` tries the operators where
there is none; `opencl:0 --pocl` runs OpenCL's libraries on the CPU.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from runner.api import Pipeline
from runner.build.build import build
from runner.errors import KokoroError
from runner.graph.load import load_graph
from runner.runtime import tvm_runtime
from tests import parity, pocl
from tests.parity import STAGES, Figure, Subject, Utterance, table
from tests.reference import Ports

ROOT = Path(__file__).parents[1]
_CALLS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the device that the command line names; the exit status."""
    options = _parse(arguments)
    if options.pocl:
        pocl.install()
        tvm_runtime.present = lambda device: device in (tvm_runtime.HOST, ("opencl", 0))
    try:
        subject = read_subject(options.device, options.model, options.build_dir)
    except KokoroError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    utterances = [Utterance(subject, symbols, 0) for symbols in options.symbols]
    figures = [figure for utterance in utterances for figure in _figures(utterance)]
    sys.stdout.write("\n".join([*table(figures), "", *_times(utterances)]) + "\n")
    return int(any(not figure.holds for figure in figures))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.device_check", description=__doc__.splitlines()[0])
    parser.add_argument("device", help="KIND:INDEX, as in cuda:0")
    parser.add_argument("--model", help="a model file; the default model if not given")
    parser.add_argument("--symbols", type=lambda text: [int(n) for n in text.split(",")], default=[5, 30])
    parser.add_argument("--build-dir", type=Path)
    parser.add_argument("--pocl", action="store_true", help="let OpenCL's device be the CPU")
    return parser.parse_args(arguments)


def read_subject(device: str, model: str | None, build_dir: Path | None) -> Subject:
    """The model on both sides, every compiled stage on `device` and built for it.

    Raises:
        KokoroError: the device is absent, or a stage cannot be built for it.
    """
    files = [*([model] if model else []), str(ROOT / "configs" / "accel.yaml")]
    graph = load_graph("default", files, [f"devices.accel={device}"])
    pipeline = Pipeline(graph, build_dir)
    pipeline.check_devices()
    start = time.perf_counter()
    build(graph, build_dir, progress=_tell)
    pipeline.load()
    sys.stderr.write(f"built and loaded in {time.perf_counter() - start:.0f} s\n")
    return parity.read_subject(device, graph, pipeline)


def _tell(stage: str, state: str, seconds: float) -> None:
    sys.stderr.write(f"{stage}: {state} {seconds:.0f} s\n")


def _figures(utterance: Utterance) -> Iterator[Figure]:
    yield from utterance.stage_figures()
    yield utterance.whole_figure(utterance.speak(with_f0=True), with_f0=True)


def _times(utterances: Sequence[Utterance]) -> Iterator[str]:
    """The best of some calls of each stage, copies to the device and back included."""
    for utterance in utterances:
        seconds = int(utterance.rounded["frame_count"][0]) / 40
        yield f"{utterance.symbols} symbols, {seconds:.1f} s of audio"
        for stage in STAGES:
            inputs = utterance.inputs(stage)
            best = min(_time(utterance.subject.pipeline, stage, inputs) for _ in range(_CALLS))
            yield f"  {stage:<14} {best * 1e3:9.1f} ms   {best / seconds:.4f} of real time"


def _time(pipeline: Pipeline, stage: str, inputs: Ports) -> float:
    start = time.perf_counter()
    pipeline.call_stage(stage, inputs)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
