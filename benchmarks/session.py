"""What a measuring process holds: one checkpoint, and every contender that runs it on the same number of threads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import onnxruntime
import torch
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.cases import Length, length_for, symbols
from benchmarks.model import model_folder, published, read_model
from benchmarks.names import COMPILED, OPENVINO, ORT, ORT_INT8, ORT_WHOLE, PYTORCH, PYTORCH_BF16, obstacle
from benchmarks.open_vino import OpenVino
from benchmarks.ort import Ort, OrtWhole, StageGraphs, export_whole
from benchmarks.ours import Ours, variants
from benchmarks.rivals import PyTorch, Rival, without_weight_norm
from benchmarks.timing import interleave, median_ratios
from tests.reference import Reference

Array = NDArray[Any]

# What a rival may fail with that is its own limit, no fault of this program: dynamo and inductor raise RuntimeErrors.
REFUSALS = (
    RuntimeError,
    torch.onnx.errors.OnnxExporterError,
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
)


class Session:
    """The contenders on `threads` threads; each is made when it is first asked for.

    Attributes:
        failed: what could not be measured, or is not as it should be -> why.
    """

    def __init__(self, threads: int, rounds: int, *, quick: bool) -> None:
        self.threads, self.rounds, self.quick = threads, rounds, quick
        torch.set_num_threads(threads)
        self.folder = model_folder()
        self.config, self.pack, self.weights = read_model(self.folder)
        self.failed: dict[str, str] = {}

    @functools.cached_property
    def reference(self) -> Reference:
        return self._fresh()

    @functools.cached_property
    def ours(self) -> list[Ours]:
        """The variants that can be measured here, the one that the others are held against first."""
        return [Ours(variant, self.threads) for variant in variants()]

    def length(self, seconds: float) -> Length:
        """The utterance of about `seconds`."""
        return length_for(seconds, lambda tokens, speed: self.ours[0].frames(symbols(tokens), self.pack, speed))

    def rivals(self, names: Sequence[str]) -> Iterator[Rival]:
        """Those of `names` that run stage by stage and can run here."""
        for name in names:
            if name in self._makers and obstacle(name) is None:
                yield self._rival(name)

    def wholes(self, names: Sequence[str]) -> Iterator[OrtWhole]:
        """Those of `names` that run an utterance in one piece."""
        for name in names:
            if name in self._whole_makers:
                try:
                    yield self._whole(name)
                except REFUSALS as error:
                    self.fail(name, error)

    @property
    def all_cores(self) -> bool:
        """Whether the contenders use every core: there all of them are measured, on fewer only `names.MAIN`."""
        return self.threads >= machine.cores()

    def fail(self, what: str, why: object) -> None:
        """Note it for the report, its first line at most."""
        self.failed[what] = (str(why).strip().splitlines() or [type(why).__name__])[0]

    def compare(self, label: str, calls: dict[str, Callable[[], object]], rounds: int | None = None) -> dict[str, Any]:
        """Seconds, medians and ratios of `calls`, the first of which is ours."""
        click.echo(f"{label} ...", err=True)
        seconds = {name: timing.seconds for name, timing in interleave(calls, rounds or self.rounds).items()}
        return {"times_s": seconds, **median_ratios(seconds)}

    @functools.cached_property
    def _makers(self) -> dict[str, Callable[[], Rival]]:
        return {
            PYTORCH: lambda: PyTorch(PYTORCH, self.reference.model),
            COMPILED: lambda: PyTorch(COMPILED, self._folded, compiled=True),
            PYTORCH_BF16: lambda: PyTorch(PYTORCH_BF16, self._folded, bf16=True),
            ORT: lambda: Ort(ORT, self._stage_graphs, self.threads),
            OPENVINO: lambda: OpenVino(OPENVINO, self._stage_graphs, self.threads),
        }

    @functools.cached_property
    def _whole_makers(self) -> dict[str, Callable[[], OrtWhole]]:
        return {
            ORT_WHOLE: lambda: OrtWhole(ORT_WHOLE, export_whole(self.folder), self.threads),
            ORT_INT8: lambda: OrtWhole(ORT_INT8, published(), self.threads, ids="tokens"),
        }

    @functools.cache  # noqa: B019 - a session lives as long as its process
    def _rival(self, name: str) -> Rival:
        return self._makers[name]()

    @functools.cache  # noqa: B019 - likewise
    def _whole(self, name: str) -> OrtWhole:
        return self._whole_makers[name]()

    @functools.cached_property
    def _stage_graphs(self) -> StageGraphs:
        return StageGraphs(lambda: self._fresh().model, self.folder / "onnx")

    @functools.cached_property
    def _folded(self) -> Any:
        return without_weight_norm(self._fresh().model)

    def _fresh(self) -> Reference:
        return Reference(self.config, self.weights, torch.float32, threads=self.threads)
