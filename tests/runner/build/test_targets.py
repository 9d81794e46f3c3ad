"""Targets for other processors: the features that their code needs, by LLVM's names."""

from __future__ import annotations

import pytest
from tvm.target import Target, codegen

from runner.build.targets import needed_features, resolve_target
from runner.graph.validate import load_device
from runner.runtime import devices

TRIPLES = {"aarch64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
TABLES = {"aarch64": devices.ARM64, "x86_64": devices.X86}
NAMES = [(processor, name) for processor, table in TABLES.items() for name in table]
OLD = {"avx512er", "avx512pf"}  # of Xeon Phi, which LLVM has dropped


def arm64(cpu: str) -> Target:
    return Target({"kind": "llvm", "mtriple": TRIPLES["aarch64"], "mcpu": cpu})


@pytest.mark.parametrize(("processor", "feature"), [each for each in NAMES if each[1] not in OLD])
def test_llvm_knows_every_feature_of_the_tables(processor: str, feature: str) -> None:
    target = Target({"kind": "llvm", "mtriple": TRIPLES[processor], "mcpu": "generic", "mattr": [f"+{feature}"]})
    assert codegen.llvm_cpu_has_features(feature, target)
    assert feature in needed_features(target)


@pytest.mark.parametrize(
    ("cpu", "having", "lacking"),
    [
        ("ampere1b", {"cssc", "sha3", "lse", "bf16"}, {"sve"}),
        ("apple-m1", {"sha3", "fullfp16", "dotprod"}, {"cssc", "bf16", "sve"}),
        ("cortex-a72", {"fp-armv8", "neon"}, {"lse", "sha3", "cssc"}),
    ],
)
def test_code_for_a_processor_needs_what_it_has(cpu: str, having: set[str], lacking: set[str]) -> None:
    needed = set(needed_features(arm64(cpu)))
    assert having <= needed
    assert not lacking & needed


def test_portable_kinds_need_the_least() -> None:
    assert needed_features(resolve_target(load_device("cpu-arm64").target)) == ("fp-armv8", "neon")
    portable = needed_features(resolve_target(load_device("cpu-avx2").target))
    assert {"avx2", "fma"} <= set(portable)
    assert "avx512f" not in portable
