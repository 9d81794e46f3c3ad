"""Kinds of machines: their names, and what runs where."""

from __future__ import annotations

import pytest

from runner.runtime.machine import Machine, find_other_machine, parse_triple, this_machine

ARM_LINUX, X86_LINUX = Machine("aarch64", "Linux"), Machine("x86_64", "Linux")


@pytest.mark.parametrize(
    ("triple", "expected"),
    [
        ("x86_64-unknown-linux-gnu", X86_LINUX),
        ("amd64-linux-gnu", X86_LINUX),
        ("aarch64-linux-gnu", ARM_LINUX),
        ("aarch64-unknown-linux-musl", ARM_LINUX),
        ("arm64-apple-darwin23.1.0", Machine("aarch64", "Darwin")),
        ("arm64-apple-macosx14.0", Machine("aarch64", "Darwin")),
        ("x86_64-pc-windows-msvc", Machine("x86_64", "Windows")),
        ("riscv64", Machine("riscv64", "")),
        ("riscv64-unknown-elf", Machine("riscv64", "")),
    ],
)
def test_a_triple_names_processor_and_system(triple: str, expected: Machine) -> None:
    assert parse_triple(triple) == expected


@pytest.mark.parametrize(
    ("machine", "system", "expected"),
    [
        ("x86_64", "Linux", X86_LINUX),
        ("aarch64", "Linux", ARM_LINUX),
        ("arm64", "Darwin", Machine("aarch64", "Darwin")),
    ],
)
def test_systems_spell_processors_differently(
    monkeypatch: pytest.MonkeyPatch, machine: str, system: str, expected: Machine
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.system", lambda: system)
    assert this_machine() == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"kind": "llvm", "mtriple": "x86_64-unknown-linux-gnu", "mcpu": "haswell"}, X86_LINUX),
        ({"kind": "llvm", "mtriple": "aarch64-unknown-linux-gnu"}, None),
        ({"kind": "llvm", "mtriple": "arm64-apple-darwin"}, Machine("aarch64", "Darwin")),
        ({"kind": "llvm", "mtriple": "aarch64-none"}, None),
        ({"kind": "llvm", "mcpu": "native"}, None),
        ({"kind": "cuda", "arch": "sm_90"}, None),
    ],
    ids=str,
)
def test_a_target_for_another_machine_is_found(
    monkeypatch: pytest.MonkeyPatch, target: dict[str, str], expected: Machine | None
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert find_other_machine(target) == expected


def test_machines_are_spelled_for_messages() -> None:
    assert (str(X86_LINUX), str(Machine("riscv64", ""))) == ("Linux on x86_64", "riscv64")
