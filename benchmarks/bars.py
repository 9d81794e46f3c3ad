"""What the project set out to reach, held against what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.names import PYTORCH, SAME_PRECISION
from benchmarks.ours import BF16, FP32
from benchmarks.results import found
from benchmarks.timing import Ratio, ratio

DECODER_FRAMES = 200  # 5 s
SHORT_S, LONG_S = 3.0, 50.0


@dataclass(frozen=True)
class Bar:
    """`measured` is None where a part has not been measured, or not here; `at_least` or else at most."""

    what: str
    bar: float
    measured: Ratio | None
    rival: str = ""
    at_least: bool = True

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        median = self.measured.median
        return "met" if (median >= self.bar if self.at_least else median <= self.bar) else "missed"


def bars(results: Mapping[str, Any]) -> list[Bar]:
    """All bars, on the most threads that were measured; a ratio is a rival's time over ours."""
    return [
        _decoder(results, FP32.name, 2.3),
        _decoder(results, BF16.name, 2.8),
        _fastest("end to end, 5 s of audio", 2.2, _row(found(results, "utterances"), seconds=5.0), FP32.name),
        _fastest("bert, 128 tokens", 2.0, _row(found(results, "stages"), stage="bert", size=128), FP32.name),
        *_process(results),
        _growth(results),
    ]


def _decoder(results: Mapping[str, Any], ours: str, bar: float) -> Bar:
    row = _row(found(results, "stages"), stage="decoder", size=DECODER_FRAMES)
    return _fastest(f"decoder, {DECODER_FRAMES} frames, {ours}", bar, row, ours)


def _fastest(what: str, bar: float, row: Mapping[str, Any] | None, ours: str) -> Bar:
    """Against the fastest of the float32 rivals."""
    if row is None or ours not in row["times_s"]:
        return Bar(what, bar, None)
    rivals = {name: row["median_s"][name] for name in SAME_PRECISION if name in row["median_s"]}
    if not rivals:
        return Bar(what, bar, None)
    rival = min(rivals, key=lambda name: rivals[name])
    return Bar(what, bar, ratio(row["times_s"][rival], row["times_s"][ours]), rival)


def _process(results: Mapping[str, Any]) -> Iterator[Bar]:
    process = found(results, "process")
    for what, bar, part in (
        ("cold start to a .wav of 1 s", 8.0, "cold_start"),
        ("peak memory, 10 s of audio", 2.5, "peak_memory"),
    ):
        measured = Ratio(**process[part]["ratio"][PYTORCH]) if process else None
        yield Bar(what, bar, measured, PYTORCH)


def _growth(results: Mapping[str, Any]) -> Bar:
    """Our time for a second of audio, of a long utterance over that of a short one. Not interleaved: the range is from
    the best of one and the worst of the other to the reverse."""
    what = f"our time per second of audio, {LONG_S:g} s over {SHORT_S:g} s"
    rows = [_row(found(results, "utterances"), seconds=seconds) for seconds in (LONG_S, SHORT_S)]
    if rows[0] is None or rows[1] is None:
        return Bar(what, 1.1, None, at_least=False)
    (low, middle, high), (short_low, short_middle, short_high) = (_per_second(row) for row in rows if row)
    measured = Ratio(middle / short_middle, low / short_high, high / short_low)
    return Bar(what, 1.1, measured, FP32.name, at_least=False)


def _per_second(row: Mapping[str, Any]) -> tuple[float, float, float]:
    times, audio_s = row["times_s"][FP32.name], row["audio_s"]
    return min(times) / audio_s, row["median_s"][FP32.name] / audio_s, max(times) / audio_s


def _row(rows: Sequence[Mapping[str, Any]], **wanted: object) -> Mapping[str, Any] | None:
    return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)
