"""Profiles in words and as JSON, and beside an earlier one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from runner.build.peak import Peak
from runner.errors import RunError
from runner.inspect.profile import KernelTotal, StageProfile
from runner.inspect.profile_text import Earlier, Profile, describe, to_table

CONV = KernelTotal("conv1d", "6 to 5, 1 tap, 7 rows", 12, 6.0, 50.0, 0.5, 3.0, 0.25)
NORM = KernelTotal("norm", "7 x 6", 2, 2.0, None, None, 1.0, 0.1)
PROFILE = Profile(
    "g.yaml", "ipa.txt:1", 2, 5, Peak("zen", 100.0, 12.0), (StageProfile("bert", "cpu:0", 8.5, (CONV, NORM)),)
)


def write(folder: Path, profile: Profile) -> Earlier:
    path = folder / "before.json"
    path.write_text(json.dumps(to_table(profile, None)), "utf-8")
    return Earlier(path)


def test_table_has_a_line_for_each_kernel_in_columns() -> None:
    assert describe(PROFILE, None).splitlines() == [
        "g.yaml, ipa.txt:1: 2 threads, 5 rounds; FMA peak 100 GFLOP/s, memory 12.0 GB/s",
        "",
        "bert on cpu:0: 8.50 ms; 14 calls of kernels take 8.00 ms",
        "  kernel  shape                  calls     ms  of all  GFLOP/s  of peak  GB/s  of memory",
        "  conv1d  6 to 5, 1 tap, 7 rows     12  6.000   75.0%       50      50%   3.0        25%",
        "  norm    7 x 6                      2  2.000   25.0%                     1.0        10%",
    ]


def test_earlier_profile_gives_a_ratio_for_the_stage_and_each_kernel(tmp_path: Path) -> None:
    old = KernelTotal("old", "7 x 6", 1, 1.5)
    before = StageProfile("bert", "cpu:0", 17.0, (replace(CONV, ms=8.0), old))
    earlier = write(tmp_path, replace(PROFILE, stages=(before,)))
    lines = describe(PROFILE, earlier).splitlines()
    assert lines[2] == "bert on cpu:0: 8.50 ms, 0.500 of 17.00 ms before; 14 calls of kernels take 8.00 ms"
    assert [line.split()[-2:] for line in lines[3:]] == [
        ["before", "ratio"],
        ["8.000", "0.750"],
        ["-", "new"],
        ["1.50", "gone"],
    ]
    (stage,) = to_table(PROFILE, earlier)["stages"]
    assert (stage["ms_before"], stage["ratio"]) == (17.0, 0.5)
    assert [(row["ms_before"], row["ratio"]) for row in stage["kernels"]] == [(8.0, 0.75), (None, None)]
    assert stage["gone"] == [{"kernel": "old", "shape": "7 x 6", "ms": 1.5}]


def test_earlier_profile_of_another_machine_says_so(tmp_path: Path) -> None:
    other = replace(PROFILE, threads=1, peak=Peak("haswell", 1.0, 1.0), graph="h.yaml", origin="--phonemes")
    assert write(tmp_path, other).describe_difference(PROFILE) == (
        f"{tmp_path / 'before.json'} was measured on haswell and not zen and on 1 thread and not 2 threads "
        "and with h.yaml and not g.yaml and with --phonemes and not ipa.txt:1: the ratios say nothing of the kernels"
    )
    assert write(tmp_path, PROFILE).describe_difference(PROFILE) is None


def test_earlier_stage_that_took_no_time_has_no_ratio(tmp_path: Path) -> None:
    before = replace(PROFILE, stages=(replace(PROFILE.stages[0], ms=0.0),))
    assert "bert on cpu:0: 8.50 ms; 14 calls" in describe(PROFILE, write(tmp_path, before))


@pytest.mark.parametrize(
    "change", ['"ms": NaN', '"ms": Infinity', '"ms": 1e999', '"ms": "3"', '"format": 2', '"threads": Infinity']
)
def test_profile_with_other_numbers_is_refused(tmp_path: Path, change: str) -> None:
    text = json.dumps(to_table(PROFILE, None))
    key = change.partition(":")[0]
    path = tmp_path / "before.json"
    path.write_text(re.sub(rf"{key}: [^,}}]*", change, text, count=1), "utf-8")
    with pytest.raises(
        RunError, match=r"before\.json: is no profile .*; give what `kokoro-run profile --json` printed"
    ):
        Earlier(path)


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"format": 1}', '{"format": 1, "stages": [{}]}', "{"])
def test_file_that_is_no_profile_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "before.json"
    path.write_text(text, "utf-8")
    with pytest.raises(
        RunError, match=r"before\.json: is no profile .*; give what `kokoro-run profile --json` printed"
    ):
        Earlier(path)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.json"):
        Earlier(tmp_path / "none.json")
