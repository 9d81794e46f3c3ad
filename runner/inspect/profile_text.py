"""Describes a profile as tables in text, and as JSON; and compares it with an earlier one.

Two profiles are compared by stage, kernel and shape: how long each took before, and the share of it that it takes now.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import RunError
from runner.files.errors import reading
from runner.files.locate import display_path
from runner.inspect.columns import align

if TYPE_CHECKING:
    from runner.build.peak import Peak
    from runner.inspect.profile import KernelTotal, StageProfile

FORMAT = 1
_HEADER = ("kernel", "shape", "calls", "ms", "of all", "GFLOP/s", "of peak", "GB/s", "of memory")
_LEFT = 2  # columns of words
_Key = tuple[str, str, str]


@dataclass(frozen=True)
class Profile:
    """Stages of a graph on the input of one run.

    Attributes:
        origin: where the input was written.
    """

    graph: str
    origin: str
    threads: int
    rounds: int
    peak: Peak
    stages: tuple[StageProfile, ...]


class Earlier:
    """A profile of another time, as `--json` has written it."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            RunError: it cannot be read, or is no profile.
        """
        self.path = path
        with reading(path):
            text = path.read_bytes()
        try:
            table = json.loads(text)
            if table["format"] != FORMAT:
                raise ValueError(f"format {table['format']}, expected {FORMAT}")
            self.graph, self.origin = str(table["graph"]), str(table["input"])
            self.cpu, self.threads = str(table["cpu"]), int(table["threads"])
            self.stages = {str(stage["stage"]): _read_ms(stage["ms"]) for stage in table["stages"]}
            self._kernels: dict[_Key, float] = {
                (str(stage["stage"]), str(total["kernel"]), str(total["shape"])): _read_ms(total["ms"])
                for stage in table["stages"]
                for total in stage["kernels"]
            }
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            fact = f"is no profile ({type(error).__name__}: {error})"
            raise RunError(f"{path}: {fact}; give what `kokoro-run profile --json` printed") from None

    def find(self, stage: str, total: KernelTotal) -> float | None:
        """Find the milliseconds of a kernel; None if there was none of that name and shape."""
        return self._kernels.get((stage, total.kernel, total.shape))

    def list_gone(self, profile: StageProfile) -> list[tuple[str, str, float]]:
        """List kernels of a stage that it no longer has: kernel, shape, milliseconds."""
        now = {(profile.stage, total.kernel, total.shape) for total in profile.kernels}
        return [(*key[1:], ms) for key, ms in self._kernels.items() if key[0] == profile.stage and key not in now]

    def describe_difference(self, profile: Profile) -> str | None:
        """Say why times cannot be compared; None if they can."""
        pairs = (
            ("on", self.cpu, profile.peak.cpu),
            ("on", _threads(self.threads), _threads(profile.threads)),
            ("with", self.graph, profile.graph),
            ("with", self.origin, profile.origin),
        )
        facts = [f"{how} {was} and not {now}" for how, was, now in pairs if was != now]
        return (
            f"{self.path} was measured {' and '.join(facts)}: the ratios say nothing of the kernels" if facts else None
        )


def to_table(profile: Profile, earlier: Earlier | None) -> dict[str, Any]:
    """Make the table that `--json` prints; docs/profile.md has the schema."""
    head = {"format": FORMAT, "status": "ok", "graph": profile.graph, "input": profile.origin, "cpu": profile.peak.cpu}
    peaks = {"peak_gflops": profile.peak.gflops, "memory_gbytes_s": profile.peak.gbytes_s}
    stages = [stage.table() for stage in profile.stages]
    if earlier is not None:
        head["against"] = str(earlier.path)
        for table, stage in zip(stages, profile.stages, strict=True):
            table.update(_ratio(stage.ms, earlier.stages.get(stage.stage)))
            for row, total in zip(table["kernels"], stage.kernels, strict=True):
                row.update(_ratio(total.ms, earlier.find(stage.stage, total)))
            gone = earlier.list_gone(stage)
            table["gone"] = [{"kernel": kernel, "shape": shape, "ms": ms} for kernel, shape, ms in gone]
    return {**head, "threads": profile.threads, "rounds": profile.rounds, **peaks, "stages": stages}


def describe(profile: Profile, earlier: Earlier | None) -> str:
    """Describe a profile by a table for each stage."""
    peak = f"FMA peak {profile.peak.gflops:.0f} GFLOP/s, memory {profile.peak.gbytes_s:.1f} GB/s"
    rounds = f"{profile.rounds} {'round' if profile.rounds == 1 else 'rounds'}"
    head = f"{display_path(Path(profile.graph))}, {profile.origin}: {_threads(profile.threads)}, {rounds}; {peak}"
    return "\n\n".join([head, *(_describe_stage(stage, earlier) for stage in profile.stages)])


def _describe_stage(stage: StageProfile, earlier: Earlier | None) -> str:
    before = None if earlier is None else earlier.stages.get(stage.stage)
    whole = f"{stage.ms:.2f} ms" + (f", {stage.ms / before:.3f} of {before:.2f} ms before" if before else "")
    calls = sum(total.calls for total in stage.kernels)
    head = f"{stage.stage} on {stage.device}: {whole}; {calls} calls of kernels take {stage.kernels_ms:.2f} ms"
    header = [*_HEADER, *(("ms before", "ratio") if earlier is not None else ())]
    rows = [[*_cells(total, stage.kernels_ms), *_compare(stage, total, earlier)] for total in stage.kernels]
    gone = [] if earlier is None else earlier.list_gone(stage)
    rows += [[kernel, shape, *["-"] * (len(_HEADER) - _LEFT), f"{ms:.2f}", "gone"] for kernel, shape, ms in gone]
    return "\n".join([head, *(f"  {line}" for line in align([header, *rows], left=_LEFT))])


def _cells(total: KernelTotal, all_ms: float) -> Sequence[str]:
    speeds = (
        _spell(total.gflops, "{:.0f}"),
        _spell(total.of_peak, "{:.0%}"),
        _spell(total.gbytes_s, "{:.1f}"),
        _spell(total.of_memory, "{:.0%}"),
    )
    share = total.ms / all_ms if all_ms else 0.0
    return total.kernel, total.shape, str(total.calls), f"{total.ms:.3f}", f"{share:.1%}", *speeds


def _compare(stage: StageProfile, total: KernelTotal, earlier: Earlier | None) -> Sequence[str]:
    if earlier is None:
        return ()
    before = earlier.find(stage.stage, total)
    return ("-", "new") if before is None else (f"{before:.3f}", f"{total.ms / before:.3f}" if before else "-")


def _ratio(ms: float, before: float | None) -> Mapping[str, float | None]:
    return {"ms_before": before, "ratio": ms / before if before else None}


def _read_ms(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= float(value) < math.inf:
        raise ValueError(f"milliseconds {value!r}")
    return float(value)


def _spell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _threads(count: int) -> str:
    return f"{count} {'thread' if count == 1 else 'threads'}"
